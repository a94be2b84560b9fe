package folder

import (
	"bytes"
	"slices"
	"strings"
)

// Ignore decides which entries of a folder do not sync. Its rules have the
// syntax and the meaning of gitignore(5), case sensitive, byte by byte, as
// `git check-ignore` decides. An Ignore is immutable and may be shared; nil
// ignores nothing.
type Ignore struct {
	layers []layer // the deciding one first: excludes, ignore files from deep to shallow, [Junk]
}

// RuleSource says where a rule stands.
type RuleSource uint8

// Where rules stand, in the order in which they win.
const (
	FromNowhere RuleSource = iota // no rule
	FromExcludes
	FromFile
	FromJunk
)

// layer is the rules of one source.
type layer struct {
	source RuleSource
	dir    Path // where the ignore file was found
	depth  int
	rules  []rule
	ends   *nameEnds // nil: any name may match
}

// rule is one compiled pattern.
type rule struct {
	line    int    // in its file, counting from 1
	text    string // as written
	negate  bool   // '!': what matches is not ignored
	dirOnly bool   // trailing slash
	base    bool   // no slash inside: compared with the last component alone
	prefix  string // literal start, compared before the rest
	suffix  string // with ends: what must follow a lone leading '*'
	ends    bool
	glob    glob // what follows prefix
}

// NewIgnore returns an Ignore of the patterns given on a command line. They are
// relative to the root, a later one wins over an earlier, and all win over
// ignore files. Unlike a line of a file, '#' and trailing spaces mean themselves.
func NewIgnore(patterns []string) *Ignore {
	return &Ignore{layers: []layer{excludes(FromExcludes, patterns)}}
}

func excludes(from RuleSource, patterns []string) layer {
	l := layer{source: from}
	for i, p := range patterns {
		if r, ok := parseRule(p); ok {
			r.line = i + 1
			l.rules = append(l.rules, r)
		}
	}
	l.ends = endsOf(l.rules, from == FromJunk)
	return l
}

// With returns g with the rules of an ignore file with content text, found in
// directory dir ("" is the root). They hold for what lies below dir and win
// over those of directories further up. A file given twice for one dir counts
// as it was given last.
func (g *Ignore) With(dir Path, text []byte) *Ignore {
	n := layer{dir: dir, source: FromFile, rules: parseRules(text)}
	n.ends = endsOf(n.rules, false)
	if dir != "" {
		n.depth = 1 + strings.Count(string(dir), "/")
	}
	out := &Ignore{}
	if g != nil {
		out.layers = slices.DeleteFunc(slices.Clone(g.layers), func(l layer) bool { return l.source == FromFile && l.dir == dir })
	}
	i := slices.IndexFunc(out.layers, func(l layer) bool {
		return l.source == FromJunk || l.source == FromFile && l.depth <= n.depth
	})
	if i < 0 {
		i = len(out.layers)
	}
	out.layers = slices.Insert(out.layers, i, n)
	return out
}

// Match reports whether entry p is ignored, provided that no directory above
// it is: what lies below an ignored directory is ignored whatever the rules
// say, so a walk does not descend there and never asks. The time is bounded by
// the product of the lengths of rules and path.
func (g *Ignore) Match(p Path, isDir bool) bool {
	r, _ := g.decide(p, isDir)
	return r != nil && !r.negate
}

// Verdict is what becomes of an entry, and the rule that decides so. Without a
// rule Source is [FromNowhere].
type Verdict struct {
	Ignored bool
	Source  RuleSource
	Dir     Path   // that holds the ignore file, for [FromFile]
	Line    int    // in the file, or which of the patterns it is, from 1
	Pattern string // as written, with its '!' if it has one
}

// Decide is [Ignore.Match] with the reason; the same condition holds.
func (g *Ignore) Decide(p Path, isDir bool) Verdict {
	r, l := g.decide(p, isDir)
	if r == nil {
		return Verdict{}
	}
	return Verdict{Ignored: !r.negate, Source: l.source, Dir: l.dir, Line: r.line, Pattern: r.text}
}

func (g *Ignore) decide(p Path, isDir bool) (*rule, *layer) {
	if g == nil {
		return nil, nil
	}
	for i := range g.layers {
		l := &g.layers[i]
		if !p.Below(l.dir) {
			continue
		}
		name := string(p)
		if l.dir != "" {
			name = name[len(l.dir)+1:]
		}
		if !l.ends.may(name) {
			continue
		}
		for j := len(l.rules) - 1; j >= 0; j-- {
			if l.rules[j].match(name, isDir) {
				return &l.rules[j], l
			}
		}
	}
	return nil, nil
}

// parseRules reads an ignore file: lines end with "\n" or "\r\n", a leading
// byte order mark is skipped, a NUL byte ends a line.
func parseRules(text []byte) []rule {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	var out []rule
	for n := 1; len(text) > 0; n++ {
		var l []byte
		l, text, _ = bytes.Cut(text, []byte{'\n'})
		if len(l) == 0 || l[0] == '#' {
			continue
		}
		l = bytes.TrimSuffix(l, []byte{'\r'})
		l, _, _ = bytes.Cut(l, []byte{0})
		if r, ok := parseRule(trimSpaces(string(l))); ok {
			r.line = n
			out = append(out, r)
		}
	}
	return out
}

// trimSpaces cuts trailing spaces that no backslash protects.
func trimSpaces(s string) string {
	end := -1
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case ' ':
			if end < 0 {
				end = i
			}
		case '\\':
			if i++; i == len(s) {
				return s
			}
			end = -1
		default:
			end = -1
		}
	}
	if end >= 0 {
		return s[:end]
	}
	return s
}

// parseRule compiles one pattern; ok is false when it can never match.
func parseRule(text string) (r rule, ok bool) {
	r.text = text
	p, neg := strings.CutPrefix(text, "!")
	r.negate = neg
	p, r.dirOnly = strings.CutSuffix(p, "/")
	r.base = !strings.Contains(p, "/")
	if p == "" || strings.IndexByte(p, 0) >= 0 {
		return r, false
	}
	// Only one leading slash anchors; git compares a second one literally.
	p = strings.TrimPrefix(p, "/")
	if r.base && p[0] == '*' && literal(p[1:]) == len(p)-1 {
		r.ends, r.suffix = true, p[1:]
		return r, true
	}
	if r.base && literal(p) < len(p) {
		r.glob, ok = compile(p, false)
		return r, ok
	}
	// The literal start is cut off before the rest is read as a pattern, so the
	// "**" of "a**/b" counts as one at the beginning, and "ab" matches. So in git.
	n := literal(p)
	r.prefix = p[:n]
	r.glob, ok = compile(p[n:], true)
	return r, ok
}

// literal returns how many bytes at the start of p mean themselves.
func literal(p string) int {
	if i := strings.IndexAny(p, `*?[\`); i >= 0 {
		return i
	}
	return len(p)
}

// match reports whether r speaks of name, relative to the directory of r.
func (r *rule) match(name string, isDir bool) bool {
	if r.dirOnly && !isDir {
		return false
	}
	if r.base {
		name = name[strings.LastIndexByte(name, '/')+1:]
	}
	if r.ends {
		return strings.HasSuffix(name, r.suffix)
	}
	rest, ok := strings.CutPrefix(name, r.prefix)
	return ok && r.glob.match(rest)
}
