// Package service runs qsync as a service of systemd: it writes the unit file,
// asks systemctl to do the rest, and speaks with the service manager from within
// the service (sd_notify(3)).
//
// # Units
//
// A user's unit is qsync.service below ~/.config/systemd/user, the machine's one
// below /etc/systemd/system. Both run "qsync serve --home HOME", tell when they
// are ready, are watched (WatchdogSec) and begin again after a failure.
//
// What a unit forbids is chosen by three rules. A folder that is added later has
// to work without a new unit, so no list of folders is in it: the machine's
// unit keeps the system itself read-only (ProtectSystem=full), with holes for the
// folders that lie there, and nothing else. Every process of a user sees
// one /tmp, because people share folders in it: PrivateTmp stays off. And a
// user's unit has only what works without a namespace, which many systems do
// not give to users: system call filters, address families, no new privileges.
//
// systemd.syntax(7) and systemd.service(5) say how words are written; [quote]
// does it.
//
// # Other systems
//
// Elsewhere nothing is installed; [Manual] says what a person can do.
package service
