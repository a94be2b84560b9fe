package main

import (
	"cmp"
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"github.com/alecthomas/kong"

	"qsync/cmd/qsync/config"
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
		kong.Writers(p.ui, p.ui), kong.Resolvers(kong.ResolverFunc(p.resolve)),
		kong.KindMapper(reflect.String, kong.MapperFunc(exactText)))
	if err != nil {
		return nil, fmt.Errorf("command line: %w", err)
	}
	ctx, err := k.Parse(bidirectional(args))
	if err != nil {
		return nil, usageOf(k, err)
	}
	*p.flags = g.globals
	command, ok := ctx.Selected().Target.Addr().Interface().(runner)
	if !ok {
		return nil, usageOf(k, fmt.Errorf("expected one of the commands of %s", ctx.Selected().Name))
	}
	return command, nil
}

// exactText takes a word as it is. Kong's own way goes through JSON, which makes
// another name of one that is not UTF-8 (F54).
func exactText(ctx *kong.DecodeContext, target reflect.Value) error {
	t, err := ctx.Scan.PopValue("string")
	if err == nil {
		target.SetString(t.String())
	}
	return err
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

// commandNames are the first words that are commands.
var commandNames = append(commandsOf(reflect.TypeFor[grammar]()), "help")

// commandsOf lists the commands of a part of the grammar as they are typed.
func commandsOf(t reflect.Type) (names []string) {
	for i := range t.NumField() {
		if name := commandName(t.Field(i)); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// commandName is what a field of the grammar is called on the command line, ""
// if it is no command, or the one without a name.
func commandName(f reflect.StructField) string {
	_, is := f.Tag.Lookup("cmd")
	_, isDefault := f.Tag.Lookup("default")
	if !is || isDefault {
		return ""
	}
	return cmp.Or(f.Tag.Get("name"), strings.ToLower(f.Name))
}

// didYouMean names the command that is most like word, or is "".
func didYouMean(word string) string {
	if best := nearest(word, commandNames); best != "" {
		return fmt.Sprintf(" (did you mean 'qsync %s'?)", best)
	}
	return ""
}

// nearest is the name that is most like word, "" if none is: one of which word
// is the beginning, or one with at most two wrong characters and half right.
func nearest(word string, names []string) string {
	best, cost := "", 3
	for _, name := range names {
		d := config.Distance(strings.ToLower(word), name)
		if len(word) > 2 && strings.HasPrefix(name, word) {
			d = 1
		}
		if d < cost && 2*d <= len(name) {
			best, cost = name, d
		}
	}
	return best
}
