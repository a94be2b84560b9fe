package main

import (
	"io"
	"os"
	"runtime/debug"
	"strings"
	"time"
)

// version is the program's own; peers and scripts see it, nothing branches on it.
// It is a variable for the linker alone (-X main.version=, see .ci/release).
var version = "0.1.0"

func main() {
	if os.Getenv("GOGC") == "" {
		// The heap is small beside the map, which is no heap: half the
		// collections cost little memory and save a few percent of the work.
		debug.SetGCPercent(200)
	}
	os.Exit(run(os.Args[1:], os.Environ(), streams{os.Stdin, os.Stdout, os.Stderr}))
}

// streams are the three files a process starts with.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// program is one invocation: what a command may use of the world outside.
type program struct {
	vars  map[string]string // the environment
	in    io.Reader
	out   io.Writer // data
	ui    *screen   // messages and progress, on standard error
	now   func() time.Time
	flags *globals
}

// run is the program without a process around it: it returns the exit code.
func run(args, environ []string, std streams) int {
	p := &program{
		vars: variables(environ), in: std.in, out: std.out,
		ui: newScreen(std.err), now: time.Now, flags: &globals{},
	}
	if len(args) > 0 && args[0] == completeWord {
		return p.finish(p.complete(args[1:]))
	}
	if len(args) > 0 && args[0] == "--version" {
		args = append([]string{"version"}, args[1:]...)
	}
	if topic, ok := helpWanted(args); ok {
		return p.finish(p.help(topic))
	}
	command, err := p.parse(args)
	if err != nil {
		return p.finish(err)
	}
	p.ui.configure(p.flags, p.vars)
	return p.finish(command.Run(p))
}

// finish says what went wrong, if anything did, and turns it into an exit code.
func (p *program) finish(err error) int {
	p.ui.progress("")
	if err != nil && !spoken(err) {
		for line := range strings.Lines(explain(err)) { // a broken config.yaml has one for each problem
			p.ui.printf("qsync: %s", strings.TrimSuffix(line, "\n"))
		}
	}
	return exitCode(err)
}

func variables(environ []string) map[string]string {
	vars := make(map[string]string, len(environ))
	for _, kv := range environ {
		if k, v, ok := strings.Cut(kv, "="); ok && k != "" {
			vars[k] = v
		}
	}
	return vars
}
