package main

// grammar is the whole command line, as kong reads it. Help is written by hand
// (help.go) from the same tags.
type grammar struct {
	globals

	Sync     syncCmd     `cmd:"" name:"SRC DST" default:"withargs" help:"Keep DST like SRC, or with -b both alike."`
	Share    shareCmd    `cmd:"" help:"Give DIR a sync ID, print it, and serve DIR until Ctrl-C."`
	Join     joinCmd     `cmd:"" help:"Become a peer of the folder that ID names, with DIR as the local copy."`
	Serve    serveCmd    `cmd:"" help:"Headless: run every folder of config.yaml."`
	Status   statusCmd   `cmd:"" help:"Show what the running nodes do."`
	Wait     waitCmd     `cmd:"" help:"Wait until everything is in sync."`
	ID       idCmd       `cmd:"" name:"id" help:"Make, show and check sync IDs."`
	Ignored  ignoredCmd  `cmd:"" help:"Say whether PATH is left out, and which rule says so."`
	Folders  foldersCmd  `cmd:"" help:"List the folders that this home knows."`
	Forget   forgetCmd   `cmd:"" help:"Stop knowing DIR; its files stay as they are."`
	Pause    pauseCmd    `cmd:"" help:"Stop syncing DIR, or everything, until it is resumed."`
	Resume   resumeCmd   `cmd:"" help:"Go on syncing DIR, or everything, whatever it was that stopped it."`
	Revert   revertCmd   `cmd:"" help:"Take back what was changed in a receiving folder."`
	Override overrideCmd `cmd:"" help:"Put what a one-way source has above what its peers made of it."`
	Versions versionsCmd `cmd:"" help:"List the older versions that are kept of a file, or of all in a folder."`
	Verify   verifyCmd   `cmd:"" help:"Read every file again and compare it with its digest: find rot, and repair it."`
	Restore  restoreCmd  `cmd:"" help:"Bring back a file, a directory or a deleted tree as it was."`
	Confirm  confirmCmd  `cmd:"" help:"Let through what the brake has stopped: exactly that, once."`
	Undo     undoCmd     `cmd:"" help:"Bring back what the brake has stopped from going, or what sync took last."`
	Log      logCmd      `cmd:"" help:"Show what changed on this disk: when, what, by whom and why."`
	Profile  profileCmd  `cmd:"" help:"Groups of folders: create, save, load, delete, list, start, stop."`
	Config   configCmd   `cmd:"" help:"The settings file: example, check, path."`
	Doctor   doctorCmd   `cmd:"" help:"Say why a peer is not seen or a folder does not sync, and what to type."`
	Service  serviceCmd  `cmd:"" help:"Run 'qsync serve' as a service of systemd."`
	Open     openCmd     `cmd:"" help:"Show the page of the running node in the browser."`
	Version  versionCmd  `cmd:"" help:"Print the version."`

	Completion completionCmd `cmd:"" help:"Print the script that lets a shell complete qsync's words."`
	Conflicts  conflictsCmd  `cmd:"" help:"List conflict copies with both sides, and resolve them."`
}

// globals are the flags of every command.
type globals struct {
	Home       string `placeholder:"DIR" help:"Where this node keeps its state."`
	JSON       bool   `name:"json" help:"One JSON object a line on standard output instead of text."`
	LogLevel   string `enum:"debug,info,warn,error," default:"" placeholder:"LEVEL" help:"Log debug, info, warn (default) or error."`
	LogFile    string `placeholder:"FILE" help:"Log to FILE instead of standard error."`
	Verbose    int    `short:"v" type:"counter" help:"Log more (-v info, -vv debug)."`
	Quiet      bool   `short:"q" help:"Say only what went wrong."`
	NoColor    bool   `help:"No colours (NO_COLOR does the same)."`
	NoProgress bool   `help:"No progress line."`
}

// nodeFlags are the flags about the node of a run.
type nodeFlags struct {
	Listen      string  `placeholder:"ADDR:PORT" help:"Address to listen on, UDP and TCP (default :2121, or a free port)."`
	Transport   string  `enum:"auto,quic,tcp," default:"" placeholder:"HOW" help:"auto (QUIC, and TCP beside it for large content or where UDP does not pass), quic or tcp alone."`
	NoDiscovery bool    `help:"No search for peers nearby (mDNS), and nothing sent for it."`
	Name        string  `placeholder:"NAME" help:"How peers see this node (default the host name)."`
	Web         webFlag `placeholder:"[=PORT]" help:"Serve the page to this machine, on port 7555 or a free one; --web=PORT, ADDR:PORT or off."`
}

// folderFlags are the flags about the folders of a run.
type folderFlags struct {
	Mode      string     `enum:"two-way,send,receive,backup,mirror," default:"" placeholder:"MODE" help:"two-way, send, receive, backup (send; but what is removed here stays with the others) or mirror (receive; but what is changed here gives way at once)."`
	Exclude   []string   `sep:"none" placeholder:"PATTERN" help:"Leave out what matches (gitignore syntax; repeatable)."`
	NoJunk    bool       `name:"no-default-ignores" help:"Sync what systems and editors leave lying about too (.DS_Store, Thumbs.db, *~ …)."`
	Versions  *count     `placeholder:"N" help:"Older versions kept of what sync replaces or deletes (default 5, 0 none)."`
	MaxAge    *ageValue  `name:"versions-age" placeholder:"30d" help:"How long they are kept (12h, 30d, 8w; default 30d, 0 whatever their age)."`
	MaxSpace  *spaceVal  `name:"versions-space" placeholder:"P%|SIZE" help:"What all of them may take up (10%, 20GB; default 10% of the file system, 0 no bound)."`
	Conflict  string     `enum:"keep-both,newest," default:"" placeholder:"POLICY" help:"keep-both (the older of two changes becomes a conflict copy) or newest (it is kept among the versions alone)."`
	MaxDelete brakeValue `placeholder:"N|P%" help:"Stop before more than this would go (default 100 entries and 50%; 100% lifts it)."`
}

// syncFlags are the flags of the commands that sync what their arguments name.
type syncFlags struct {
	nodeFlags
	folderFlags
	Remote remoteList `sep:"," placeholder:"HOST[:PORT]" help:"A peer's name or address (repeatable; port 2121)."`
	IDFile string     `name:"id-file" placeholder:"FILE" help:"Read the sync ID from FILE."`
}

type syncCmd struct {
	Src string `arg:"" name:"SRC" help:"The directory that is read."`
	Dst string `arg:"" name:"DST" help:"The directory that becomes like it; with --remote the peer's path, or -."`
	syncFlags
	Bidirectional bool     `short:"b" help:"Both ways (also spelled -bd)."`
	ForceID       *string  `name:"force-id" placeholder:"ID" help:"The sync ID to use; every user of this machine can see it."`
	LoopTime      *seconds `placeholder:"SECONDS" help:"A full pass at this interval instead of at once on every change."`
	Once          bool     `help:"One pass, then exit; the exit code says how it went."`
	DryRun        bool     `short:"n" help:"Print what --once would do and touch nothing."`
	Timeout       *seconds `placeholder:"30s" help:"With --once: how long to try to reach the peers."`
}

type shareCmd struct {
	Dir string `arg:"" name:"DIR" help:"The directory to share."`
	syncFlags
	qrFlags
}

// qrFlags are about the QR code of an ID.
type qrFlags struct {
	QR     bool   `name:"qr" help:"Print the QR code though standard output is no terminal."`
	QRFile string `name:"qr-file" placeholder:"FILE" help:"Write the QR code to FILE too, a PNG that you alone can read."`
}

type joinCmd struct {
	Args []string `arg:"" name:"ID DIR" help:"The sync ID (- reads it from standard input) and the directory."`
	syncFlags
	qrFlags
}

type serveCmd struct {
	nodeFlags
	folderFlags
}

type pauseCmd struct {
	Dir string `arg:"" optional:"" name:"DIR" help:"Only this folder."`
}

type resumeCmd struct {
	Dir       string     `arg:"" optional:"" name:"DIR" help:"Only this folder."`
	MaxDelete brakeValue `placeholder:"N|P%" help:"For this run: a folder that the brake stopped may remove or replace so much."`
}

type conflictsCmd struct {
	List    conflictsListCmd    `cmd:"" default:"withargs" help:"List the conflict copies of DIR, or of all folders."`
	Resolve conflictsResolveCmd `cmd:"" help:"End a conflict; PATH is the copy or what it is a copy of."`
}

type conflictsListCmd struct {
	Dir string `arg:"" optional:"" name:"DIR" help:"Only this folder."`
}

type conflictsResolveCmd struct {
	Path  string `arg:"" name:"PATH" help:"The conflict copy, or the file of the plain name."`
	Keep  string `enum:"this,other,both," default:"" placeholder:"WHAT" help:"this (of the plain name), other (the copy) or both."`
	Merge string `placeholder:"CMD" help:"Run CMD BASE THIS OTHER RESULT and keep RESULT; or CMD with $BASE, $LOCAL, $REMOTE and $MERGED in it."`
}

// takeBackCmd is what revert and override have in common.
type takeBackCmd struct {
	Dir    string `arg:"" name:"DIR" help:"A folder of this home."`
	DryRun bool   `short:"n" help:"Only list it."`
}

type revertCmd struct{ takeBackCmd }

type overrideCmd struct{ takeBackCmd }

type versionsCmd struct {
	Dir  string `arg:"" optional:"" name:"DIR" help:"A folder, or a path in one."`
	Path string `arg:"" optional:"" name:"PATH" help:"A path in the folder."`
}

type verifyCmd struct {
	Dir     string   `arg:"" optional:"" name:"DIR" help:"Only this folder."`
	Repair  bool     `help:"Replace what is rotten by a good copy, from here or from a peer."`
	Timeout *seconds `placeholder:"60s" help:"With --repair: how long to wait for good copies (default 60s)."`
}

type restoreCmd struct {
	Path    string `arg:"" name:"PATH" help:"A file or a directory of a folder; it need not be there any more."`
	At      string `placeholder:"TIME" help:"As it was then: '2026-11-29 14:00', RFC 3339, or an age such as 2h or 3d."`
	Version *count `name:"version" placeholder:"N" help:"The N-th version that 'qsync versions' lists; 1 is the latest (default for a file)."`
	To      string `placeholder:"FILE" help:"Write it to FILE, which must not be there, and leave the folder alone."`
	DryRun  bool   `short:"n" help:"Only say what would be done."`
}

type confirmCmd struct {
	Dir string `arg:"" name:"DIR" help:"A folder that the brake has stopped."`
}

type undoCmd struct {
	Dir    string `arg:"" name:"DIR" help:"A folder of this home."`
	Batch  *count `placeholder:"N" help:"What sync removed and replaced at the last time (1), the time before (2), and so on."`
	Since  moment `placeholder:"TIME" help:"All that it removed and replaced since then (2h, 3d, '2026-11-29 14:00')."`
	DryRun bool   `short:"n" help:"Only list it."`
}

type logCmd struct {
	Dir   string `arg:"" optional:"" name:"DIR" help:"Only this folder."`
	Since moment `placeholder:"TIME" help:"From then on (2h, 3d, '2026-11-29 14:00')."`
	Until moment `placeholder:"TIME" help:"Before then."`
	Path  string `placeholder:"GLOB" help:"Only what matches (gitignore syntax)."`
	Peer  string `placeholder:"NODE" help:"Only what this node did: its name, the beginning of its ID, or here."`
	Kind  string `enum:"file,dir,symlink," default:"" placeholder:"KIND" help:"Only of this kind: file, dir or symlink."`
	Limit *count `placeholder:"N" help:"So many changes at most (default 100, 0 all)."`
	Days  bool   `help:"How much changed on each day instead."`
}

type profileCmd struct {
	Create profileCreateCmd `cmd:"" help:"Make a profile of the directories, or of all folders that are in none."`
	Save   profileSaveCmd   `cmd:"" help:"Write the folders of a profile to FILE."`
	Load   profileLoadCmd   `cmd:"" help:"Add the folders of FILE as a profile."`
	Delete profileDeleteCmd `cmd:"" help:"Make the folders of a profile belong to none; they stay."`
	List   profileListCmd   `cmd:"" help:"List the profiles."`
	Start  profileStartCmd  `cmd:"" help:"Resume the folders of a profile."`
	Stop   profileStopCmd   `cmd:"" help:"Pause the folders of a profile."`
}

type profileCreateCmd struct {
	Name string   `arg:"" name:"NAME" help:"The profile."`
	Dirs []string `arg:"" optional:"" name:"DIR" help:"Folders of config.yaml."`
}

type profileSaveCmd struct {
	Name string `arg:"" name:"NAME" help:"The profile."`
	File string `arg:"" optional:"" name:"FILE" help:"Where to (profiles/NAME.yaml of the home); it is as secret as config.yaml."`
}

type profileLoadCmd struct {
	File string `arg:"" name:"FILE" help:"As 'qsync profile save' writes it; or the name of what it saved."`
	Name string `arg:"" optional:"" name:"NAME" help:"The profile; otherwise named as the file is."`
}

type profileDeleteCmd struct {
	Name string `arg:"" name:"NAME" help:"The profile."`
}

type profileListCmd struct{}

type profileStartCmd struct {
	Name string `arg:"" name:"NAME" help:"The profile."`
}

type profileStopCmd struct {
	Name string `arg:"" name:"NAME" help:"The profile."`
}

type configCmd struct {
	Example configExampleCmd `cmd:"" help:"Print a config.yaml that has every key, with what it does."`
	Check   configCheckCmd   `cmd:"" help:"Say what is wrong with config.yaml, or with FILE."`
	Path    configPathCmd    `cmd:"" help:"Print where config.yaml is."`

	Password configPasswordCmd `cmd:"" help:"Set the password of the page, for other machines."`
}

type configExampleCmd struct{}

type configPasswordCmd struct{}

type openCmd struct {
	URL bool `name:"url" help:"Only print the address; it lets in once, within a minute."`
}

type configCheckCmd struct {
	File string `arg:"" optional:"" name:"FILE" help:"Another file."`
}

type configPathCmd struct{}

type statusCmd struct {
	Dir   string `arg:"" optional:"" name:"DIR" help:"Only this folder."`
	Watch bool   `help:"Again every second until Ctrl-C."`
}

type waitCmd struct {
	Dir     string   `arg:"" optional:"" name:"DIR" help:"Only this folder."`
	Timeout *seconds `placeholder:"60s" help:"Give up after this long (default 60s)."`
	Peers   count    `placeholder:"N" help:"And until at least N peers are connected."`
}

type idCmd struct {
	New   idNewCmd   `cmd:"" help:"Print a new sync ID."`
	Show  idShowCmd  `cmd:"" help:"Print the sync ID of DIR, 64 digits."`
	Words idWordsCmd `cmd:"" help:"Print the sync ID of DIR as 24 words."`
	QR    idQRCmd    `cmd:"" name:"qr" help:"Print the sync ID of DIR as a QR code."`
	Check idCheckCmd `cmd:"" help:"Say whether ID is a sync ID, and what is wrong with it."`
}

type idNewCmd struct{}

type idShowCmd struct {
	Dir string `arg:"" name:"DIR" help:"A folder of this home."`
}

type idWordsCmd struct {
	Dir string `arg:"" name:"DIR" help:"A folder of this home."`
}

type idQRCmd struct {
	Dir    string `arg:"" name:"DIR" help:"A folder of this home."`
	QRFile string `name:"qr-file" placeholder:"FILE" help:"Write it to FILE instead, a PNG that you alone can read."`
}

type idCheckCmd struct {
	ID     []string `arg:"" optional:"" name:"ID" help:"The ID, or - for standard input."`
	IDFile string   `name:"id-file" placeholder:"FILE" help:"Read the sync ID from FILE."`
}

type ignoredCmd struct {
	Paths []string `arg:"" name:"PATH" help:"Files and directories, there or not; a directory that is not ends in /."`
}

type foldersCmd struct{}

type forgetCmd struct {
	Dir string `arg:"" name:"DIR" help:"The directory."`
}

type versionCmd struct{}

type completionCmd struct {
	Shell string `arg:"" name:"SHELL" enum:"bash,zsh,fish,powershell" help:"bash, zsh, fish or powershell."`
}
