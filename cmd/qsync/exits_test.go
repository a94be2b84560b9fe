package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// atOnce are the commands that end without waiting for anybody and read no
// standard input. To start a process for each takes longer than all they do.
var atOnce = []string{
	"completion", "config", "confirm", "folders", "forget", "help", "id", "ignored", "log", "override", "pause",
	"profile", "restore", "resume", "revert", "status", "undo", "version", "versions",
}

// within reports whether a script's command can be run in this process: it ends
// at once, or is a mistake, and reads nothing.
func within(code int, args []string) bool {
	switch {
	case args[0] != "qsync" || len(args) == 1 || slices.Contains(args, "-") || slices.Equal(args, []string{"qsync", "id", "check"}):
		return false
	case slices.Contains(atOnce, args[1]):
		return true
	}
	return code == 2 && args[1] != "service" // that one looks at more variables
}

func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if within(want, args[1:]) {
		got = runWithin(ts, args[2:], ts.Stdout(), ts.Stderr())
	} else {
		err = ts.Exec(args[1], args[2:]...)
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			got = exit.ExitCode()
		} else if err != nil {
			ts.Fatalf("%v", err)
		}
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// oneDirectory is held while this process is in the directory of a script.
var oneDirectory sync.Mutex

// runWithin runs the program in this process, in the directory and with the
// variables of a script.
func runWithin(ts *testscript.TestScript, args []string, out, messages io.Writer) int {
	oneDirectory.Lock()
	defer oneDirectory.Unlock()
	was, err := os.Getwd()
	ts.Check(err)
	ts.Check(os.Chdir(ts.MkAbs(".")))
	defer func() { ts.Check(os.Chdir(was)) }() // other tests read files beside them
	var env []string
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "QSYNC_HOME", "QSYNC_ID", "QSYNC_ONCE", "QSYNC_NO_DISCOVERY"} {
		if v := ts.Getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	std := streams{strings.NewReader(""), out, messages}
	code := make(chan int, 1)
	go func() { code <- run(args, env, std) }()
	select {
	case n := <-code:
		return n
	case <-time.After(time.Minute):
		ts.Fatalf("qsync %q does not end", args)
		return 0
	}
}
