package main

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"qsync/certs"
	"qsync/peer"
)

// What the outcome of a run can be beside the errors of the rooms below.
var (
	errUsage       = errors.New("usage")
	errPartial     = errors.New("some items failed")
	errConflicts   = errors.New("conflicts were kept")
	errTimeout     = errors.New("timed out")
	errInterrupted = errors.New("interrupted")
	errTerminated  = errors.New("terminated")
)

// exitTable is the exit code of every outcome that has one of its own.
var exitTable = []struct {
	err  error
	code int
}{
	{errInterrupted, 130},
	{errTerminated, 143},
	{errUsage, 2},
	{certs.ErrSyncID, 2},
	{peer.ErrPath, 2},
	{peer.ErrSources, 2},
	{peer.ErrNotReceiver, 2},
	{peer.ErrNotSource, 2},
	{peer.ErrNoConflict, 2},
	{peer.ErrSeveral, 2},
	{peer.ErrUnwritten, 2},
	{peer.ErrBrake, 6},
	{peer.ErrRoot, 6},
	{peer.ErrWrongID, 7},
	{peer.ErrUnreachable, 5},
	{errTimeout, 5},
	{errPartial, 3},
	{errConflicts, 4},
}

// exitCode is the process's answer to how a command ended.
func exitCode(err error) int {
	if err == nil {
		return 0
	}
	for _, row := range exitTable {
		if errors.Is(err, row.err) {
			return row.code
		}
	}
	return 1
}

// sentence is an error whose text is complete, over the sentinel that decides
// the exit code.
type sentence struct {
	text string
	kind error // nil: exit code 1
	said bool  // it was printed already
}

func (s *sentence) Error() string { return s.text }
func (s *sentence) Unwrap() error { return s.kind }

// usagef is for what the user has to write differently: exit code 2.
func usagef(format string, a ...any) error {
	return &sentence{text: fmt.Sprintf(format, a...), kind: errUsage}
}

// failf is for what stands in the way: exit code 1.
func failf(format string, a ...any) error {
	return &sentence{text: fmt.Sprintf(format, a...)}
}

// busyf is failf for a folder that another process has open.
func busyf(format string, a ...any) error {
	return &sentence{text: fmt.Sprintf(format, a...), kind: peer.ErrBusy}
}

// outcome ends a run with the code of kind; text was, or need not be, printed.
func outcome(kind error) error { return &sentence{text: kind.Error(), kind: kind, said: true} }

func spoken(err error) bool {
	var s *sentence
	return errors.As(err, &s) && s.said
}

// roomName is a room of the program before what it says is wrong, at the beginning
// or after what another room says.
var roomName = regexp.MustCompile(`(^|: |\()(?:(?:peer|certs|store|disk|chunk|protocol|discovery|config): )+`)

// explain is the text of an error with what to do about it.
func explain(err error) string {
	text := roomName.ReplaceAllString(err.Error(), "$1")
	if c := cure(err); c != "" && !namesCommand(text) {
		text = strings.TrimRight(text, ". ") + ". " + c
	}
	return text
}

// namesCommand reports whether a text says what to do by itself, as some errors
// of the rooms below do.
func namesCommand(text string) bool {
	named := strings.Contains(text, " --")
	for _, name := range commandNames {
		named = named || strings.Contains(text, "qsync "+name)
	}
	return named
}

// cure says what a person can do about an error of the rooms below, "" where
// its text says it already.
func cure(err error) string {
	var s *sentence
	switch {
	case errors.As(err, &s):
		return ""
	case errors.Is(err, peer.ErrBrake):
		return "Nothing was touched. If this is what you want, run it again with --max-delete 100%, or with the number you expect"
	case errors.Is(err, peer.ErrRoot):
		return "Nothing was touched. Is its disk mounted? If the directory is right, 'qsync forget DIR' and start again: both sides are then merged, and nothing is deleted"
	case errors.Is(err, peer.ErrNoConflict):
		return "'qsync conflicts' lists them"
	case errors.Is(err, peer.ErrPath):
		return "Give the path that the peer has as DST, or - for any"
	case errors.Is(err, peer.ErrSources):
		return "Run 'qsync join - DIR' on the side that receives, or use -b on both"
	case errors.Is(err, peer.ErrWrongID):
		return "Compare 'qsync id words DIR' on both sides"
	case errors.Is(err, peer.ErrUnreachable):
		return "Is qsync running there, and its UDP port open?"
	case errors.Is(err, peer.ErrBusy):
		return "Stop it first, or ask it: 'qsync status'"
	case errors.Is(err, peer.ErrNoVersion):
		return "'qsync versions DIR' lists what is kept here; another peer may have more"
	case errors.Is(err, fs.ErrPermission):
		return "Give this user the right to it, or run qsync as its owner"
	}
	return ""
}
