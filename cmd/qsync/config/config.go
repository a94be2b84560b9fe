package config

import (
	"slices"
	"time"

	"qsync/certs"
)

// The defaults of what has one that is not "none".
const (
	DefaultLogLevel = "warn"

	DefaultTransport = "auto"
	DefaultLogDays   = 7        // days that a log file is kept
	DefaultLogSize   = 10 << 20 // bytes at which a log file is closed and the next begun
	DefaultVersions  = 5        // older versions kept of a file
	DefaultAge       = 30 * day // for which they are kept
)

// Config is what one config.yaml says, with the defaults of what it does not
// say. It is read by [Parse]; its methods that change it return another one and
// leave it as it is.
type Config struct {
	Name      string // how peers see this node; "" is the host name
	Listen    string // ADDR:PORT, UDP and TCP; "" is :2121, or a free port where that is taken
	Discovery bool   // search for peers nearby
	Transport string // auto, quic or tcp
	Log       Log
	Web       Web
	Folders   []Folder // in the order of the file

	doc document
}

// Log says what is logged and where.
type Log struct {
	Level string // debug, info, warn or error
	File  string // absolute path; "" is standard error
	Days  int    // old files are removed after so many
	Size  int64  // bytes
}

// Web says where the page is served, and who is let in from other machines.
type Web struct {
	Listen   string   // ADDR:PORT, WebOff or WebAuto
	Password string   // as 'qsync config password' writes it: argon2id in the form of PHC
	Cert     string   // absolute paths of PEM files
	Key      string   //
	Names    []string // under which people reach it, beside its addresses
}

// What stands for the address of the page.
const (
	WebOff  = "off"  // it is not served
	WebAuto = "auto" // port 7555 of 127.0.0.1, or a free one, while 'qsync serve' runs
)

// DefaultWebPort is where the page is looked for.
const DefaultWebPort = "7555"

// Folder is one entry of the list of folders.
type Folder struct {
	Path      string        // absolute and clean
	ID        *certs.SyncID // nil: from IDFile, else kept in the home
	IDFile    string        // absolute path of a file whose first line is the ID
	Label     string        // what people call it
	Profile   string        // the group it belongs to
	Mode      Mode
	To        string   // absolute and clean: the other side, where that is on this machine
	Remotes   []string // host:port
	Exclude   []string // gitignore patterns
	Junk      bool     // what systems and editors leave behind is left out too
	Versions  int      // older versions kept of each file that sync replaces or deletes
	MaxDelete Brake
	Every     Schedule

	Conflict      Policy        // what becomes of the older of two changes
	VersionsAge   time.Duration // how long they are kept, 0 for ever
	VersionsSpace Space         // what all of them may take up
	HistoryAge    time.Duration // how long it is told what has changed, 0 for ever
	Paused        bool

	Line int // of the entry in the file, from 1
}

// Mode is the law of a folder on this node, as peer.ParseMode reads it. The zero
// Mode, "", is what completes the folder: receive where the first peer met is a
// one-way source (send or backup), or mirror where that is one of the two-path
// form, else two-way.
type Mode string

// Policy is what becomes of the older of two changes that were made without each
// other, as peer.ParsePolicy reads it.
type Policy string

// DefaultPolicy makes a conflict copy of it.
const DefaultPolicy Policy = "keep-both"

// modes are the modes that a file can give.
var modes = []Mode{"two-way", "send", "receive", "backup", "mirror"}

// Brake bounds how many entries one pass may remove or replace before the folder
// is stopped; it has the fields of peer.Brake. The zero Brake is the default:
// more than 100 entries that are more than half of all.
type Brake struct {
	Entries int64   // above 0: more than so many
	Percent float64 // above 0: more than this share; 100 never stops
}

// DefaultSpace is what share of the file system all older versions may take up,
// in percent.
const DefaultSpace = 10

const day = 24 * time.Hour

// Space bounds what older versions take up on the disk. The zero Space is no
// bound.
type Space struct {
	Bytes   int64   // above 0: so many
	Percent float64 // above 0: this share of the file system
}

// Default returns the settings of a home without a file.
func Default() *Config {
	return &Config{
		Discovery: true,
		Transport: DefaultTransport,
		Log:       Log{Level: DefaultLogLevel, Days: DefaultLogDays, Size: DefaultLogSize},
		Web:       Web{Listen: WebAuto},
	}
}

// DefaultFolder returns the settings of a folder of which only the path is given.
func DefaultFolder(path string) Folder {
	return Folder{Path: path, Junk: true, Versions: DefaultVersions, Conflict: DefaultPolicy, VersionsAge: DefaultAge, VersionsSpace: Space{Percent: DefaultSpace}, HistoryAge: DefaultAge}
}

// Bytes returns the file.
func (c *Config) Bytes() []byte { return slices.Clone(c.doc.text) }

// Folder returns the folder at a path, absolute or with ~.
func (c *Config) Folder(path string) (Folder, bool) {
	i := c.index(path)
	if i < 0 {
		return Folder{}, false
	}
	return c.Folders[i], true
}

// index is where the folder at a path stands in the list, or -1.
func (c *Config) index(path string) int {
	full, err := c.doc.src.expand(path)
	if err != nil {
		return -1
	}
	return slices.IndexFunc(c.Folders, func(f Folder) bool { return f.Path == full })
}
