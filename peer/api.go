package peer

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"qsync/certs"
	"qsync/folder"
)

// Mode is the law of one replica. It is kept by the replica itself; what a peer
// claims of its own mode is only ever information.
type Mode uint8

// The modes. ModeAuto, of a folder just joined, becomes what completes the
// first peer met: Mirror beside the source of the two-path form, Receive beside
// another Send or a Backup, else TwoWay.
const (
	ModeAuto Mode = iota
	TwoWay
	Send
	Receive
	Backup // as Send, but what is removed here stays with the others
	Mirror // as Receive, but what is changed here does not stay
)

// String returns the mode as flags and status spell it.
func (m Mode) String() string {
	switch m {
	case TwoWay:
		return "two-way"
	case Send:
		return "send"
	case Receive:
		return "receive"
	case Backup:
		return "backup"
	case Mirror:
		return "mirror"
	}
	return "auto"
}

// Role is the mode as scripts know it: a mirror receives.
func (m Mode) Role() string {
	if m == Mirror {
		m = Receive
	}
	return m.String()
}

// ParseMode is the inverse of [Mode.String].
func ParseMode(s string) (Mode, error) {
	for _, m := range []Mode{ModeAuto, TwoWay, Send, Receive, Backup, Mirror} {
		if m.String() == s {
			return m, nil
		}
	}
	return 0, fmt.Errorf("no mode %q: two-way, send, receive, backup or mirror", s)
}

func (m Mode) announces() bool { return m == TwoWay || m.gives() }
func (m Mode) applies() bool   { return m == TwoWay || m.receives() }
func (m Mode) receives() bool  { return m == Receive || m == Mirror }
func (m Mode) gives() bool     { return m == Send || m == Backup } // a one-way source

// Policy is what becomes of the older of two changes that were made without each
// other.
type Policy uint8

// The policies. Newest goes for what is written while it is in force: of that no
// conflict copy is made where all who could make one have the policy too, and
// everybody who had it keeps it among the versions. It needs versions.
const (
	KeepBothSides Policy = iota // the older one becomes a conflict copy
	Newest                      // it is kept among the versions alone
)

// String returns the policy as flags spell it.
func (p Policy) String() string {
	if p == Newest {
		return "newest"
	}
	return "keep-both"
}

// ParsePolicy is the inverse of [Policy.String]; "" is the default.
func ParsePolicy(s string) (Policy, error) {
	switch s {
	case "", "keep-both":
		return KeepBothSides, nil
	case "newest":
		return Newest, nil
	}
	return 0, fmt.Errorf("no policy %q: keep-both or newest", s)
}

// Config is what a [Node] needs from outside. Conn, TCP and Events may be nil.
type Config struct {
	Name     string         // how peers see this node
	Version  string         // of the program, for people
	Device   certs.Device   // its lasting identity
	Machine  string         // machine-id, see store.Options
	ResetKey [32]byte       // random, kept with the device key: QUIC stateless reset
	Conn     net.PacketConn // for QUIC
	TCP      TCP            // without both, folders of this process sync among themselves alone
	Log      *slog.Logger
	Events   func(Event) // called in order, must not block for long

	// Wall replaces the wall clock in tests, which tell by it how a machine slept, or whose clock was set.
	Wall func() time.Time
}

// FolderConfig describes one replica that a node runs.
type FolderConfig struct {
	ID        certs.SyncID
	Dir       string // absolute path of the root
	State     string // directory of map.db; made if absent
	Mode      Mode
	Mirror    bool     // with Send: receivers become like this folder, whatever they wrote before
	Unsettled bool     // with ModeAuto: whatever mode the folder had before
	Remotes   []string // host:port, tried until connected, for ever
	Expect    string   // the path peers must share, "" or "-" for any
	Exclude   []string // gitignore patterns
	KeepJunk  bool     // without the patterns of [folder.Junk]
	Versions  int      // older versions kept of each file, 0 none
	MaxDelete Brake
	Conflict  Policy // what becomes of a write that loses against another

	HistoryAge    time.Duration // how long it is remembered what has changed; 0 means 30 days, negative for ever
	VersionsAge   time.Duration // how long they are kept; 0 means 30 days, negative for ever
	VersionsSpace Space         // what all of them may take up on the disk

	// Next, if set, makes the folder work by the clock: it names the first time
	// after the given one at which everything is looked at again, the zero Time
	// for never. Such a folder is not watched. Between the passes it stays with
	// its peers: what they change is applied at once, what is changed here goes
	// out after the next pass, or when [Folder.Rescan] or [Folder.Wait] looks. A
	// time that went by in the machine's sleep is made up for by one pass, within
	// a minute of its waking; so is a change of the clock.
	Next   func(after time.Time) time.Time
	Every  time.Duration // short for a Next of that interval; 0 is none
	Rescan time.Duration // full pass beside watching, as a safety net; 0 means an hour
	Once   bool          // one pass: no watching, no rescans
	Paused bool          // opened only, see [Folder.SetPaused]
	Adopt  bool          // a directory that is not the one that was synced is taken for it: a new map begins
	// Plan, if set, makes a dry run: the disk and the peers stay as they are
	// and every change that would be made is reported instead.
	Plan func(PlanItem)

	// Bypass is from which size in bytes on a file is written past the memory in
	// which the system holds files; 0 means an eighth of this machine's.
	Bypass int64

	// TombstoneAge, see store.Options; 0 means 30 days, negative none.
	TombstoneAge time.Duration
	// Watch replaces the operating system's notices in tests.
	Watch func() Watcher

	compare *compareLimits // nil: the usual
}

// PlanItem is one change that a dry run would make.
type PlanItem struct {
	Here   bool // on this machine, else on the peer
	Dir    string
	Path   folder.Path
	Action string // "add", "replace", "metadata", "delete", "conflict"
	Kind   folder.Kind
	Bytes  int64
}

// Space bounds what older versions take up on the disk, by bytes or by a share of
// the file system in percent, of which 100 is no bound. The zero Space is 10 %.
type Space struct {
	Bytes   int64
	Percent float64
}

// of is the bound in bytes on a file system of that size, 0 if there is none.
func (s Space) of(total int64) int64 {
	switch {
	case s.Bytes > 0:
		return s.Bytes
	case s.Percent >= 100:
		return 0
	case s.Percent > 0:
		return max(int64(float64(total)*s.Percent/100), 1)
	}
	return max(total/10, 1)
}

// Brake bounds how many entries one pass or batch may remove or replace. The
// zero Brake is the default: stop at more than 100 entries that are also more
// than half of all.
type Brake struct {
	Entries int64   // stop above this number; 0 with Percent 0 is the default
	Percent float64 // stop above this share; 100 never stops
}

// Stops reports whether removing or replacing n of total entries is too much.
func (b Brake) Stops(n, total int64) bool {
	switch {
	case b.Percent >= 100:
		return false
	case b.Percent > 0:
		return float64(n)*100 > b.Percent*float64(total)
	case b.Entries > 0:
		return n > b.Entries
	}
	return n > 100 && n*2 > total
}

// Reasons why a folder stops or cannot go on; [Folder.Err] wraps one of them.
var (
	ErrBrake       = errors.New("stopped by the safety brake")               // too much would go at once
	ErrRoot        = errors.New("the folder is not the one that was synced") // marker missing or wrong, root gone
	ErrPath        = errors.New("the peer shares another path")
	ErrSources     = errors.New("both sides are one-way sources")
	ErrWrongID     = errors.New("the peer does not hold this sync ID")
	ErrUnreachable = errors.New("no peer could be reached")
	ErrBusy        = errors.New("another qsync has this folder")
	ErrPaused      = errors.New("paused") // what waits for it will wait in vain
)

// Event is something that happened, as `--json` prints it. A peer is connected
// from peer_connected to peer_lost; peer_moved says that another link to it took
// the place of the first.
type Event struct {
	Event  string    `json:"event"` // peer_connected, peer_moved, peer_lost, synced, conflict, problem, paused, resumed, stopped
	Time   time.Time `json:"time"`
	Folder string    `json:"folder,omitempty"`
	Peer   string    `json:"peer,omitempty"`
	Path   string    `json:"path,omitempty"`
	Text   string    `json:"text,omitempty"`

	RawPath []byte `json:"raw_path,omitempty"` // where it is not UTF-8
}

// Status is one running node, as `status --json` prints it.
type Status struct {
	PID     int            `json:"pid"`
	Name    string         `json:"name"`
	Node    string         `json:"node"`
	Version string         `json:"version"`
	Listen  []string       `json:"listen"`
	Uptime  int64          `json:"uptime_s"`
	Folders []FolderStatus `json:"folders"`

	Goroutines int `json:"goroutines"` // of the process: steady in a node that is well

	// What whoever runs the node adds.
	Serve  bool   `json:"serve,omitempty"`  // it runs all that is configured
	Config string `json:"config,omitempty"` // what is wrong with a configuration that is not in force
	Web    string `json:"web,omitempty"`    // address of the page, where it is served
}

// FolderStatus is one folder of a node.
type FolderStatus struct {
	Path      string       `json:"path"`
	Tag       string       `json:"tag"`
	Mode      string       `json:"mode"`
	Mirror    bool         `json:"mirror,omitempty"` // of a receiving folder: what is changed here does not stay
	State     string       `json:"state"`            // idle, scanning, syncing, paused, stopped
	Reason    string       `json:"reason"`
	Entries   EntryCounts  `json:"entries"`
	Want      Amount       `json:"want"`
	Problems  []Problem    `json:"problems"`
	Conflicts []string     `json:"conflicts"`
	Own       OwnChanges   `json:"own"`       // of a receiving folder
	Differing int64        `json:"differing"` // of a source: entries that peers have made other than they are here
	Peers     []PeerStatus `json:"peers"`
	Dialers   []Dialer     `json:"dialers"` // where peers are looked for
	Rate      Rate         `json:"rate"`
	ETA       *int64       `json:"eta_s"`
	Current   string       `json:"current,omitempty"` // path being moved now
	Note      string       `json:"note,omitempty"`
	NextScan  time.Time    `json:"next_scan,omitzero"` // of a folder that works by the clock
	Totals    Totals       `json:"totals"`

	// Where text cannot hold a name: one for each of Conflicts, nil where it can.
	RawConflicts [][]byte `json:"raw_conflicts,omitempty"`
	RawCurrent   []byte   `json:"raw_current,omitempty"`

	// What whoever runs the node adds.
	Label   string   `json:"label,omitempty"`
	Profile string   `json:"profile,omitempty"`
	Last    *LastRun `json:"last,omitempty"`
}

// LastRun is what an earlier run of a folder did.
type LastRun struct {
	Began  time.Time `json:"began"`
	Ended  time.Time `json:"ended"`
	Totals Totals    `json:"totals"`
}

// EntryCounts counts what the disk holds.
type EntryCounts struct {
	Files    int64 `json:"files"`
	Dirs     int64 `json:"dirs"`
	Symlinks int64 `json:"symlinks"`
	Bytes    int64 `json:"bytes"`
}

// OwnChanges counts what was changed in a receiving folder, and stays there
// alone: [Folder.Revert] takes it back.
type OwnChanges struct {
	Added    int64 `json:"added"`
	Modified int64 `json:"modified"`
	Deleted  int64 `json:"deleted"`
}

// Amount is work to do.
type Amount struct {
	Entries int64 `json:"entries"`
	Bytes   int64 `json:"bytes"`
}

// Problem is a path that cannot be synced for now; everything else goes on.
type Problem struct {
	Path    string `json:"path"`
	Problem string `json:"problem"`

	RawPath []byte `json:"raw_path,omitempty"` // where it is not UTF-8
}

// PeerStatus is one peer of a folder, also while it is away.
type PeerStatus struct {
	Name      string    `json:"name"`
	Node      string    `json:"node"`
	Address   string    `json:"address"`
	Addresses []string  `json:"addresses"` // where it was found so far, the latest first
	Connected bool      `json:"connected"`
	LastSeen  time.Time `json:"last_seen"`
	Queued    Amount    `json:"queued"` // what it has not confirmed yet
	InSync    bool      `json:"in_sync"`
	Reason    string    `json:"reason,omitempty"` // why it is left out, or has stopped

	Transport *Transport `json:"transport,omitempty"` // while it is connected by a network
}

// Transport is how a peer is connected, and what was measured of content that
// came from it.
type Transport struct {
	Link    string   `json:"link"`    // quic or tcp: what carries everything else
	Content string   `json:"content"` // quic or tcp: what large content takes now
	Lanes   int      `json:"lanes"`   // connections over TCP beside the link
	QUIC    Measured `json:"quic"`
	TCP     Measured `json:"tcp"`
}

// Measured is how well content comes in one way; 0 is not known.
type Measured struct {
	Rate int64   `json:"rate"`         // bytes a second
	CPU  float64 `json:"cpu_s_per_gb"` // seconds of this node's processor time a gigabyte, with all that is done with it
}

// Dialer is an address at which a folder looks for peers.
type Dialer struct {
	Address string `json:"address"`
	Source  string `json:"source"` // remote (a person typed it), found, remembered
	// State is dialing, waiting (until the next try) or resting: whoever is
	// there is connected, or is dialled otherwise.
	State  string `json:"state"`
	Result string `json:"result,omitempty"` // of the last try, in words
	Node   string `json:"node,omitempty"`   // who answered there last
	Next   int64  `json:"next_s,omitempty"` // seconds until the next try
}

// Rate is content bytes a second.
type Rate struct {
	In  int64 `json:"in"`
	Out int64 `json:"out"`
}

// Totals counts what a run did to this replica's disk.
type Totals struct {
	Added     int64 `json:"added"`
	Modified  int64 `json:"modified"`
	Deleted   int64 `json:"deleted"`
	Bytes     int64 `json:"bytes"`     // of content put in place
	Sent      int64 `json:"sent"`      // of content served to peers
	Announced int64 `json:"announced"` // own changes told to peers
	Conflicts int64 `json:"conflicts"`
	Problems  int64 `json:"problems"`

	// How many of those added, modified and deleted are directories.
	DirsAdded    int64 `json:"dirs_added"`
	DirsModified int64 `json:"dirs_modified"`
	DirsDeleted  int64 `json:"dirs_deleted"`
}
