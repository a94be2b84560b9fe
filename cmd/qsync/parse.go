package main

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"

	"github.com/alecthomas/kong"
)

// runner is a command as the grammar selects it.
type runner interface{ Run(*program) error }

// secretFlags never come from a variable of their own name: QSYNC_ID is read
// where an ID is needed, by hand, so that kong never holds or prints it.
var secretFlags = map[string]bool{"force-id": true}

// parse reads the command line. Every error of it is a usage error.
func (p *program) parse(args []string) (runner, error) {
	g := &grammar{}
	k, err := kong.New(g,
		kong.Name("qsync"), kong.NoDefaultHelp(), kong.Exit(func(int) {}),
		kong.Writers(p.ui, p.ui), kong.Resolvers(kong.ResolverFunc(p.resolve)))
	if err != nil {
		return nil, fmt.Errorf("command line: %w", err)
	}
	ctx, err := k.Parse(bidirectional(args))
	if err != nil {
		return nil, usageOf(err)
	}
	*p.flags = g.globals
	command, ok := ctx.Selected().Target.Addr().Interface().(runner)
	if !ok {
		return nil, usagef("%s needs one of its commands: see 'qsync help %[1]s'", ctx.Selected().Name)
	}
	return command, nil
}

// bidirectional spells -bd, the Python tool's, as kong can read it.
func bidirectional(args []string) []string {
	out := make([]string, len(args))
	copy(out, args)
	for i, a := range out {
		if a == "--" {
			break
		}
		if a == "-bd" {
			out[i] = "--bidirectional"
		}
	}
	return out
}

// resolve answers a flag that is not on the command line from its variable:
// --max-delete from QSYNC_MAX_DELETE.
func (p *program) resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	name := "QSYNC_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
	value, ok := p.vars[name]
	if !ok || value == "" || secretFlags[flag.Name] {
		return nil, nil
	}
	if flag.Target.Kind() == reflect.Bool && flag.Target.Type().PkgPath() == "" {
		switch strings.ToLower(value) {
		case "1", "true", "yes", "on":
			return true, nil
		case "0", "false", "no", "off":
			return false, nil
		}
		return nil, fmt.Errorf("the variable %s must be 1 or 0", name)
	}
	return value, nil
}

// longHex is anything that may be a sync ID or a part of one.
var longHex = regexp.MustCompile(`[0-9a-fA-F]{16,}`)

// usageOf makes a sentence of what kong says. It hides what may be an ID typed
// in the wrong place.
func usageOf(err error) error {
	text := err.Error()
	var perr *kong.ParseError
	if errors.As(err, &perr) {
		if better := missing(perr.Context); better != "" {
			text = better
		}
	}
	text = longHex.ReplaceAllString(text, "(hidden)")
	return usagef("%s; see 'qsync help'", strings.TrimRight(text, ".;"))
}

// missing says better than kong which argument is not there. One word alone is
// read as SRC, and is more often a command that does not exist.
func missing(ctx *kong.Context) string {
	if ctx == nil {
		return ""
	}
	node := ctx.Selected()
	if node == nil {
		return ""
	}
	given := 0
	first := ""
	for _, step := range ctx.Path {
		if step.Flag != nil && ctx.Error != nil && !strings.Contains(ctx.Error.Error(), "expected") {
			return ""
		}
		if step.Positional != nil {
			given++
			if s, ok := ctx.Value(step).Interface().(string); ok && first == "" {
				first = s
			}
		}
	}
	if given >= len(node.Positional) {
		return ""
	}
	if _, isSync := node.Target.Addr().Interface().(*syncCmd); isSync {
		if given == 0 {
			return "nothing to do: give two directories, or a command"
		}
		if _, err := os.Lstat(first); err != nil {
			return fmt.Sprintf("there is no command %s%s", quote(first), didYouMean(first))
		}
		return "DST is missing: give two directories, qsync SRC DST, or share this one, qsync share DIR"
	}
	return ""
}

// commandNames are the first words that are commands.
var commandNames = []string{"share", "join", "status", "wait", "id", "folders", "forget", "service", "version", "help"}

// didYouMean names the command that is most like word, or is "".
func didYouMean(word string) string {
	best, cost := "", 3
	for _, name := range commandNames {
		if d := distance(strings.ToLower(word), name); d < cost && d < len(name) {
			best, cost = name, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean 'qsync %s'?)", best)
}

// distance is the number of bytes to insert, delete or replace to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			d := diagonal
			if a[i] != b[j] {
				d = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], d
		}
	}
	return row[len(b)]
}
