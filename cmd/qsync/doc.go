// Command qsync keeps directories equal, on one machine and across a network.
//
// It is the wiring of the rooms below it and what people read: the command
// line (grammar.go, parse.go, help.go), the home where a node keeps its state
// (home.go, registry.go, configfile.go), one run of a node from flags to totals
// (session.go, sync.go, share.go), its folders and how they follow config.yaml
// (manager.go, open.go, reload.go, serve.go), the control socket by which other
// commands ask a running node (socket.go, control.go, ask.go, handover.go), and
// the printing of all of it.
//
// # The home
//
// The home is --home, else $QSYNC_HOME, else $XDG_STATE_HOME/qsync or
// ~/.local/state/qsync (on Windows and macOS: qsync in the user's directory
// for configuration). Directories have mode 0700 and files 0600.
//
//	device                     who this node is: device key and QUIC reset key, with the
//	                           machine-id and inode it was made on; a copy of the file
//	                           elsewhere is not that device, and gets a new one
//	config.yaml                what a person decides (package config); changed under config.lock
//	folders/<tag>/folder.json  a folder that is remembered: its sync ID, directory, mode, …
//	folders/<tag>/last.json    what its last run did
//	folders/<tag>/map.db       what the node knows of it (package store)
//	folders/<tag>/recipes/     what large files that change consist of; may be removed
//	profiles/<name>.yaml       saved profiles
//	serve.lock                 held by the 'qsync serve' of the home, whose process number it has
//	control.sock               the control socket; of a second process control-<pid>.sock
//
// A tag is 12 hexadecimal digits of the share ID, which does not reveal the
// sync ID, and 8 of the SHA-256 of the directory's resolved path. Every file is
// written beside its place, flushed and renamed, so a reader sees it whole.
//
// # The control socket
//
// HTTP over a Unix socket that only its owner can open:
//
//	GET  /v1/status                              a peer.Status
//	GET  /v1/overview                            node and folders as a page shows them, see nodeView, folderView
//	POST /v1/wait    {"folder","peers","timeout"}  see waitRequest
//	POST /v1/rescan  {"folder"}                   looks at the disk afresh
//	POST /v1/apply   {"folder","resume","brake"}   takes config.yaml anew, see applyRequest
//	POST /v1/window                              serves the page, and gives an address that lets in once
//	POST /v1/folder/NAME  {"folder","query"}      what NAME does to one folder, see verb:
//	    revert override restore resolve ancestor verify confirm undo change it;
//	    versions log days conflicts conflict ignored tell of it;
//	    tree      a directory as it is, or was at a time; see treeQuery
//	    content   what a file holds, or held; see contentQuery
//	    diff      how two states of a text differ; see diffQuery
//	    preview   what other ignore rules would leave out; see previewQuery
//	POST /v1/share     {"dir","mode","label","id"}  gives a directory a sync ID, see shareQuery and invited
//	POST /v1/join      {"dir","invitation",…}     becomes a peer of a folder
//	POST /v1/invite    {"folder"}                 the invitation to it, in all forms
//	POST /v1/pause     {"folder"}                 "" is all; so is it for resume and sync
//	POST /v1/resume    {"folder"}                 also starts what has stopped
//	POST /v1/forget    {"folder"}                 takes it out of the home
//	POST /v1/sync      {"folder"}                 looks at the disk afresh, starts what has stopped
//	POST /v1/words     {"text"}                   how far a text that is typed is an ID, see wordsAnswer
//	POST /v1/qr        a picture                  the invitation in it, see qrAnswer
//	GET  /v1/settings?folder=DIR                  what config.yaml says, see settingsAnswer
//	POST /v1/settings  {"folder","set"}           changes config.yaml, all or nothing, see setQuery
//	GET  /v1/profiles                             the profiles, see profilesAnswer
//	POST /v1/profiles/DO  {"name","folders"}      DO is create, delete, save, load, remove, start or stop
//
// The window answers the same under /api, but for what names files outside of
// the folders, and about folders that have stopped, too: see windowAPI.
//
// web/openapi.json has all of it, with every field; it is made of the types here
// by 'go test ./cmd/qsync -run TestOpenAPI -update'.
//
// An answer other than 200 carries one line of text.
package main
