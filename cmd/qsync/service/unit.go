package service

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// Name is the unit's.
const Name = "qsync.service"

// header begins every unit that we write, and no other.
const header = "# Written by 'qsync service install', and replaced by the next one.\n"

// Unit is what differs between the unit files of two nodes.
type Unit struct {
	Program  string   // the binary, absolute
	Home     string   // absolute
	User     string   // whom the machine's unit runs as; "" in a user's own
	Writable []string // what lies in the parts of the system that are read-only (see [Sealed])
}

// The restrictions of both kinds, none of which needs a namespace. The last two
// lines leave what a program does that only reads and writes files and the
// network; EPERM instead of death, because a kernel may be newer than the list.
const everywhere = `NoNewPrivileges=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictNamespaces=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native
SystemCallErrorNumber=EPERM
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
`

// What the machine's unit has beside.
const machine = `ProtectSystem=full
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
`

// rootCapabilities are what root needs to sync other users' files, and for
// larger socket buffers.
const rootCapabilities = "CAP_CHOWN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER CAP_FSETID CAP_NET_ADMIN"

// Text returns the unit file. The error says what about a path systemd cannot
// express, and is fit for people.
func (u Unit) Text() (string, error) {
	if !plainProgram(u.Program) {
		return "", fmt.Errorf("systemd starts no program whose path has quotes, backslashes or characters that cannot be seen (%q): put qsync elsewhere, such as /usr/local/bin", u.Program)
	}
	var b strings.Builder
	b.WriteString(header)
	b.WriteString("[Unit]\nDescription=qsync, keeps folders equal\n")
	if u.User != "" {
		b.WriteString("After=remote-fs.target nss-user-lookup.target\n") // homes and folders may be there
	}
	// What keeps a node from starting, such as a disk that comes later, ends by itself.
	b.WriteString("StartLimitIntervalSec=0\n\n[Service]\nType=notify\n")
	// The colon takes the meaning from every $ (systemd.service(5)).
	fmt.Fprintf(&b, "ExecStart=%s serve --home %s\n", quote(":"+u.Program), quote(u.Home))
	b.WriteString("ExecReload=kill -HUP $MAINPID\n")
	// 143 and 130 are the ends that were asked for. 2, a mistake in the settings,
	// is tried again like all else: it is also what Go's runtime ends with when it
	// panics, or is aborted by the watchdog.
	b.WriteString("Restart=on-failure\nRestartSec=10\nSuccessExitStatus=130 143\n")
	b.WriteString("WatchdogSec=3min\nTimeoutStartSec=10min\nTimeoutStopSec=20\nLimitNOFILE=65536\nUMask=0077\n")
	b.WriteString(everywhere)
	if err := u.machine(&b); err != nil {
		return "", err
	}
	target := "default.target"
	if u.User != "" {
		target = "multi-user.target"
	}
	fmt.Fprintf(&b, "\n[Install]\nWantedBy=%s\n", target)
	return b.String(), nil
}

// machine writes what only the machine's unit has.
func (u Unit) machine(b *strings.Builder) error {
	if u.User == "" {
		return nil
	}
	if strings.ContainsFunc(u.User, func(r rune) bool { return r <= ' ' || r == '%' || r == '"' || r == '\\' || r > '~' }) {
		return fmt.Errorf("systemd takes no user of the name %q", u.User)
	}
	capabilities := ""
	if u.User == "root" {
		capabilities = rootCapabilities
	}
	fmt.Fprintf(b, "User=%s\nCapabilityBoundingSet=%s\n%s", u.User, capabilities, machine)
	for _, dir := range u.Writable {
		// This list is split at spaces and does not know escapes.
		if strings.ContainsFunc(dir, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' || r == 0x7f || r == '\ufffd' }) {
			return fmt.Errorf("%q lies in a part of the system that services may not write, and systemd cannot except a path with quotes, backslashes or characters that cannot be seen: rename it, or move it to /srv", dir)
		}
		fmt.Fprintf(b, "ReadWritePaths=\"-%s\"\n", strings.ReplaceAll(dir, "%", "%%"))
	}
	return nil
}

// Sealed reports whether the machine's unit may not write at an absolute path
// unless the path is excepted (ProtectSystem=full, systemd.exec(5)).
func Sealed(path string) bool {
	for _, dir := range []string{"/usr", "/boot", "/efi", "/etc"} {
		if path == dir || strings.HasPrefix(path, dir+"/") {
			return true
		}
	}
	return false
}

// plainProgram reports whether systemd takes a path as the program to start.
func plainProgram(path string) bool {
	return filepath.IsAbs(path) && !strings.ContainsFunc(path, func(r rune) bool {
		return r < ' ' || r == 0x7f || r == '"' || r == '\'' || r == '\\'
	})
}

// quote writes one word of a command line such that systemd reads exactly its
// bytes: in double quotes, with C escapes for what is special or not plain ASCII,
// and every % doubled (systemd.syntax(7), systemd.unit(5)). A $ stays as it is:
// the line begins with a colon.
func quote(word string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(word) {
		switch c := word[i]; {
		case c == '%':
			b.WriteString("%%")
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// errForeign: a unit file that another hand wrote.
var errForeign = errors.New("not written by qsync")

// parse reads back what Text wrote, as far as status needs it.
func parse(text string) (Unit, error) {
	var u Unit
	if !strings.HasPrefix(text, header) {
		return u, errForeign
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if user, ok := strings.CutPrefix(line, "User="); ok {
			u.User = user
		}
		rest, ok := strings.CutPrefix(line, "ExecStart=")
		if !ok {
			continue
		}
		program, rest, okProgram := unquote(rest)
		home, _, okHome := unquote(strings.TrimPrefix(rest, " serve --home "))
		if !okProgram || !okHome {
			return u, errForeign
		}
		u.Program, u.Home = strings.TrimPrefix(program, ":"), home
	}
	if u.Program == "" {
		return u, errForeign
	}
	return u, nil
}

// unquote is the inverse of [quote]; rest is what follows the word.
func unquote(text string) (word, rest string, ok bool) {
	if !strings.HasPrefix(text, `"`) {
		return "", text, false
	}
	var b []byte
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return string(b), text[i+1:], true
		case c == '%':
			i++
			b = append(b, c)
		case c == '\\' && strings.HasPrefix(text[i:], `\x`) && i+4 <= len(text):
			var n byte
			if _, err := fmt.Sscanf(text[i+2:i+4], "%02x", &n); err != nil {
				return "", text, false
			}
			b = append(b, n)
			i += 3
		case c == '\\' && i+1 < len(text):
			i++
			b = append(b, text[i])
		default:
			b = append(b, c)
		}
	}
	return "", text, false
}
