package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// What kong says is wrong, as far as people need other words for it.
var (
	unknownFlag  = regexp.MustCompile(`^unknown flag (-\S*?)(?:,? did you mean.*)?$`)
	tooMany      = regexp.MustCompile(`^unexpected argument (.*?)(?:, did you mean.*)?$`)
	dashedValue  = regexp.MustCompile(`^(--[\w-]+).*: expected .* but got "(.*)" \(.*flag.*\)`)
	missingValue = regexp.MustCompile(`^(--[\w-]+).*: (?:expected .* but got "EOL"|missing value)`)
	badEnum      = regexp.MustCompile(`^(--[\w-]+|<\w+>).* must be one of (.*) but got "(.*)"$`)
	badSwitch    = regexp.MustCompile(`^(--[\w-]+).*: bool value must be`)
	missingThing = regexp.MustCompile(`^expected `)
)

// mistake is what is wrong with a command line, and where.
type mistake struct {
	text string
	all  *kong.Node // the whole grammar
	node *kong.Node // the command it is about
	ctx  *kong.Context
}

// usageOf makes a sentence of what kong says, with the cure in it. It hides what
// may be an ID typed in the wrong place.
func usageOf(k *kong.Kong, err error) error {
	m := mistake{text: err.Error(), all: k.Model.Node, node: k.Model.Node}
	var perr *kong.ParseError
	if errors.As(err, &perr) && perr.Context != nil {
		m.ctx = perr.Context
		if node := perr.Context.Selected(); node != nil {
			m.node = node
		}
		for _, step := range perr.Context.Path { // a group such as id is selected by none of its commands
			if step.Command != nil {
				m.node = step.Command
			}
		}
	}
	return usagef("%s", longHex.ReplaceAllString(m.sentence(), "(hidden)"))
}

// sentence is the mistake in our words.
func (m mistake) sentence() string {
	for _, row := range []struct {
		pattern *regexp.Regexp
		say     func([]string) string
	}{
		{unknownFlag, func(s []string) string { return m.unknown(s[1]) }},
		{tooMany, func(s []string) string { return m.surplus(s[1]) }},
		{dashedValue, func(s []string) string {
			return m.needs(s[1]) + fmt.Sprintf("; one that begins with a dash is written %s=%s", s[1], s[2])
		}},
		{missingValue, func(s []string) string { return m.needs(s[1]) }},
		{badEnum, func(s []string) string { return oneOf(s[1], s[2], s[3]) }},
		{badSwitch, func(s []string) string {
			return fmt.Sprintf("%s takes no value: leave away what follows the =, or the flag", s[1])
		}},
		{missingThing, func([]string) string { return m.missing() }},
	} {
		if s := row.pattern.FindStringSubmatch(m.text); s != nil {
			return row.say(s)
		}
	}
	if strings.Contains(m.text, ": give ") {
		return m.text // our own, with the cure
	}
	return strings.TrimRight(m.text, ".;") + "; " + m.lists()
}

// name is the command as it is typed.
func (m mistake) name() string {
	if m.isSync() {
		return "qsync SRC DST"
	}
	return m.node.FullPath()
}

// isSync reports whether the command is the one without a name.
func (m mistake) isSync() bool {
	if m.node == m.all {
		return true
	}
	_, is := m.node.Target.Addr().Interface().(*syncCmd)
	return is
}

// lists says where all flags are listed.
func (m mistake) lists() string {
	topic := "sync"
	if words := strings.Fields(m.name()); !m.isSync() {
		topic = words[1]
	}
	return fmt.Sprintf("'qsync help %s' lists all flags", topic)
}

// unknown is about a flag that the command does not have.
func (m mistake) unknown(flag string) string {
	if flag == "--version" || flag == "-V" {
		return "the version is told by 'qsync --version' alone"
	}
	var own []string
	for _, group := range m.flagsNode().AllFlags(false) {
		for _, f := range group {
			own = append(own, f.Name)
		}
	}
	if long, is := strings.CutPrefix(flag, "--"); is && nearest(long, own) != "" {
		return fmt.Sprintf("unknown flag %s, did you mean --%s?", quote(flag), nearest(long, own))
	}
	if other := m.elsewhere(m.all, flag); other != "" {
		return fmt.Sprintf("%s is a flag of '%s' and not of '%s'", flag, other, m.name())
	}
	return fmt.Sprintf("unknown flag %s; %s", quote(flag), m.lists())
}

// flagsNode is the command whose flags are meant: without a command SRC DST's.
func (m mistake) flagsNode() *kong.Node {
	if m.node == m.all && m.all.DefaultCmd != nil {
		return m.all.DefaultCmd
	}
	return m.node
}

// elsewhere names a command below node that has the flag.
func (m mistake) elsewhere(node *kong.Node, flag string) string {
	for _, f := range node.Flags {
		if "--"+f.Name == flag || f.Short != 0 && "-"+string(f.Short) == flag {
			return mistake{node: node, all: m.all}.name()
		}
	}
	for _, c := range node.Children {
		if name := m.elsewhere(c, flag); name != "" {
			return name
		}
	}
	return ""
}

// surplus is about an argument too many.
func (m mistake) surplus(word string) string {
	if len(m.node.Children) > 0 && !m.isSync() {
		names := childNames(m.node)
		if best := nearest(word, names); best != "" {
			return fmt.Sprintf("there is no '%s %s', did you mean '%[1]s %[3]s'?", m.name(), quote(word), best)
		}
		return fmt.Sprintf("there is no '%s %s': say %s", m.name(), quote(word), or(names))
	}
	switch n := len(m.flagsNode().Positional); n {
	case 0:
		return fmt.Sprintf("'%s' takes no argument: leave out %s", m.name(), quote(word))
	case 1:
		return fmt.Sprintf("'%s' takes one argument: %s is too many (a name with spaces goes in quotes)", m.name(), quote(word))
	default:
		return fmt.Sprintf("'%s' takes %d arguments: %s is too many (a name with spaces goes in quotes)", m.name(), n, quote(word))
	}
}

// needs is about a flag without its value.
func (m mistake) needs(flag string) string {
	for _, group := range m.flagsNode().AllFlags(false) {
		for _, f := range group {
			if "--"+f.Name != flag {
				continue
			}
			if values := enumOf(f.Value); len(values) > 0 {
				return fmt.Sprintf("%s needs a value: %s", flag, or(values))
			}
			return fmt.Sprintf("%s needs a value: %[1]s %s", flag, f.FormatPlaceHolder())
		}
	}
	return flag + " needs a value"
}

// oneOf is about a value that is none of those there are.
func oneOf(flag, values, got string) string {
	var names []string
	for _, v := range strings.Split(values, ",") {
		if v = strings.Trim(v, `"`); v != "" {
			names = append(names, v)
		}
	}
	text := fmt.Sprintf("%s must be %s, not %s", strings.Trim(flag, "<>"), or(names), quote(got))
	if best := nearest(got, names); best != "" {
		text += fmt.Sprintf(", did you mean %s?", best)
	}
	return text
}

// missing is about an argument that is not there. One word alone is read as SRC,
// and is more often a command that does not exist.
func (m mistake) missing() string {
	if len(m.node.Children) > 0 && !m.isSync() {
		return fmt.Sprintf("say what '%s' is to do: %s", m.name(), or(childNames(m.node)))
	}
	if !m.isSync() {
		var names []string
		for _, p := range m.node.Positional {
			names = append(names, p.Name)
		}
		if strings.Join(names, " ") == "ID DIR" {
			return "ID and DIR are missing: 'qsync join - DIR' reads the ID from standard input"
		}
		text := fmt.Sprintf("%s is missing: %s %[1]s", strings.Join(names, " "), m.name())
		if values := enumOf(m.node.Positional[0]); len(values) > 0 {
			text += ", which is " + or(values)
		}
		return text
	}
	switch first := m.first(); {
	case first == "":
		return "nothing to do: give two directories, qsync SRC DST, or a command ('qsync help' lists them)"
	case !exists(first):
		return fmt.Sprintf("there is no command %s, and no such directory%s; 'qsync help' lists the commands", quote(first), didYouMean(first))
	}
	return "DST is missing: give two directories, qsync SRC DST, or share this one, qsync share DIR"
}

// first is the first argument that is no flag.
func (m mistake) first() string {
	if m.ctx == nil {
		return ""
	}
	for _, step := range m.ctx.Path {
		if step.Positional != nil {
			if s, ok := m.ctx.Value(step).Interface().(string); ok {
				return s
			}
		}
	}
	return ""
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// childNames are the commands of a group.
func childNames(n *kong.Node) (names []string) {
	for _, c := range n.Children {
		if !c.Hidden && c != n.DefaultCmd {
			names = append(names, c.Name)
		}
	}
	return names
}

// enumOf are the values that a flag or an argument can have, nil if any.
func enumOf(v *kong.Value) []string {
	return slices.DeleteFunc(strings.Split(v.Enum, ","), func(s string) bool { return s == "" })
}

// or joins names for a sentence: "a, b or c".
func or(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}
