package main

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// completeWord is the hidden command that the shells' scripts call:
//
//	qsync __complete SHELL WORD…
//
// The words are those after the program's name, the last one being typed now
// and maybe empty. It prints a candidate a line, a tab and what it is; a last
// line of ":dirs" or ":files" lets the shell add its own.
const completeWord = "__complete"

// Run prints the script of a shell.
func (c *completionCmd) Run(p *program) error { return p.print(shellScripts[c.Shell]) }

// candidate is one way to go on.
type candidate struct{ text, help string }

// completion is a command line that is not finished.
type completion struct {
	node  *kong.Node // the command so far
	flags map[string]*kong.Flag
	args  []string   // its arguments so far
	value *kong.Flag // the flag whose value is typed now, if one is
	only  bool       // after --: arguments alone
	home  string     // as --home gives it
	shell string     // ":dirs" or ":files", what the shell completes itself
	found []candidate
}

// complete prints the candidates for the last of the words. Whatever goes wrong
// is not told: nobody asked for anything yet.
func (p *program) complete(args []string) error {
	if len(args) == 0 {
		return nil
	}
	k, err := kong.New(&grammar{}, kong.Name("qsync"), kong.NoDefaultHelp())
	if err != nil {
		return fmt.Errorf("command line: %w", err)
	}
	words, typed := slices.Clone(args[1:]), ""
	if args[0] == "bash" {
		words = unsplit(words)
	}
	if n := len(words); n > 0 {
		words, typed = words[:n-1], words[n-1]
	}
	if args[0] == "powershell-next" { // which drops empty arguments
		words, typed = append(words, typed), ""
	}
	c := &completion{flags: map[string]*kong.Flag{}}
	c.enter(k.Model.Node)
	for _, w := range words {
		c.pass(w)
	}
	prefix := c.offer(p, typed)
	var b strings.Builder
	for _, f := range c.found {
		if !strings.HasPrefix(f.text, typed) {
			continue
		}
		if args[0] == "bash" {
			f.text = strings.TrimPrefix(f.text, prefix) // to bash = ends a word
		}
		fmt.Fprintf(&b, "%s\t%s\n", f.text, f.help)
	}
	if c.shell != "" {
		b.WriteString(c.shell + "\n")
	}
	return p.print(b.String())
}

// unsplit joins what bash takes apart at = and :.
func unsplit(words []string) (out []string) {
	glue := false
	for _, w := range words {
		if isGlue := w == "=" || w == ":"; len(out) > 0 && (isGlue || glue) {
			out[len(out)-1] += w
			glue = isGlue
			continue
		}
		out, glue = append(out, w), false
	}
	return out
}

// enter takes a command, and its flags to those above it.
func (c *completion) enter(n *kong.Node) {
	c.node = n
	for _, f := range n.Flags {
		c.flags["--"+f.Name] = f
		if f.Short != 0 {
			c.flags["-"+string(f.Short)] = f
		}
	}
}

// pass takes one word that is finished.
func (c *completion) pass(w string) {
	name, value, hasValue := strings.Cut(w, "=")
	switch f := c.flagOf(name); {
	case c.value != nil:
		c.set(c.value, w)
		c.value = nil
	case w == "--" && !c.only:
		c.only = true
	case c.only || !strings.HasPrefix(w, "-") || w == "-":
		if child := c.child(w); child != nil && !c.only {
			c.enter(child)
			return
		}
		c.sync()
		c.args = append(c.args, w)
	case f == nil:
	case hasValue:
		c.set(f, value)
	case !f.IsBool() && !f.IsCounter():
		c.value = f
	}
}

// flagOf is the flag of a word, of -vq the last one.
func (c *completion) flagOf(name string) *kong.Flag {
	if !strings.HasPrefix(name, "--") && len(name) > 2 {
		name = "-" + name[len(name)-1:]
	}
	if f := c.flags[name]; f != nil || c.node.DefaultCmd == nil || len(c.args) > 0 {
		return f
	}
	d := completion{flags: map[string]*kong.Flag{}}
	d.enter(c.node.DefaultCmd)
	return d.flags[name]
}

func (c *completion) set(f *kong.Flag, value string) {
	if f.Name == "home" {
		c.home = value
	}
}

// child is the command that a word is, if it may be one here.
func (c *completion) child(w string) *kong.Node {
	for _, n := range c.node.Children {
		if n.Name == w && n != c.node.DefaultCmd && len(c.args) == 0 {
			return n
		}
	}
	return nil
}

// sync takes the command without a name, at the first argument that is none.
func (c *completion) sync() {
	if c.node.DefaultCmd != nil {
		c.enter(c.node.DefaultCmd)
	}
}

// offer finds the candidates; prefix is what they have before a = in them.
func (c *completion) offer(p *program, typed string) (prefix string) {
	name, _, hasValue := strings.Cut(typed, "=")
	switch {
	case c.value != nil:
		c.values(c.value.Value, "")
	case !c.only && hasValue && strings.HasPrefix(typed, "--"):
		if f := c.flagOf(name); f != nil {
			prefix = name + "="
			c.values(f.Value, prefix)
		}
	case !c.only && strings.HasPrefix(typed, "-"):
		c.offerFlags()
	default:
		c.offerArguments(p)
	}
	return prefix
}

// values are those of a flag or an argument.
func (c *completion) values(v *kong.Value, prefix string) {
	for _, text := range enumOf(v) {
		c.add(prefix+text, "")
	}
	switch {
	case v.Flag == nil:
	case v.Flag.PlaceHolder == "DIR":
		c.shell = ":dirs"
	case v.Flag.PlaceHolder == "FILE":
		c.shell = ":files"
	}
}

func (c *completion) add(text, help string) {
	c.found = append(c.found, candidate{text, strings.TrimRight(help, ".")})
}

func (c *completion) offerFlags() {
	if len(c.args) == 0 {
		c.sync()
	}
	for name, f := range c.flags {
		if strings.HasPrefix(name, "--") && !f.Hidden {
			c.add(name, f.Help)
		}
	}
	slices.SortFunc(c.found, func(a, b candidate) int { return strings.Compare(a.text, b.text) })
}

// offerArguments finds commands, directories and the folders of the home.
func (c *completion) offerArguments(p *program) {
	if len(c.args) == 0 && !c.only {
		for _, n := range c.node.Children {
			if !n.Hidden && n != c.node.DefaultCmd {
				c.add(n.Name, n.Help)
			}
		}
	}
	n := c.node
	if n.DefaultCmd != nil {
		n = n.DefaultCmd
	}
	if len(n.Positional) == 0 {
		return
	}
	arg := n.Positional[min(len(c.args), len(n.Positional)-1)]
	if len(c.args) >= len(n.Positional) && !arg.IsCumulative() {
		return
	}
	c.values(arg, "")
	switch arg.Name {
	case "ID DIR", "ID":
		if len(c.args) == 0 {
			c.add("-", "the sync ID from standard input")
		} else if arg.Name == "ID DIR" {
			c.shell = ":dirs"
		}
	case "DIR":
		c.offerFolders(p)
		c.shell = ":dirs"
	case "PATH":
		c.shell = ":files"
	case "SRC", "DST":
		c.shell = ":dirs"
	}
}

// offerFolders finds the folders that the home knows.
func (c *completion) offerFolders(p *program) {
	p.flags.Home = cmp.Or(c.home, p.vars["QSYNC_HOME"])
	h, err := p.existingHome()
	if err != nil {
		return
	}
	all, err := h.entries()
	if err != nil {
		return
	}
	for _, e := range all {
		if e.Dir == clean(e.Dir) { // others cannot be typed, or would make a mess of the line
			c.add(filepath.ToSlash(e.Dir), e.Kind+", "+e.Mode)
		}
	}
}
