package folder

import "strings"

// glob is a compiled wildcard pattern: what wildmatch.c of git makes of it, as
// a machine whose states are the positions in the list. Matching follows all
// states at once, so no pattern makes it slower than length times length.
type glob struct {
	tokens []token
	least  int // bytes that any match has at least
}

type token struct {
	kind tokenKind
	char byte
	set  *byteSet
}

type tokenKind uint8

const (
	tokenChar     tokenKind = iota // char itself
	tokenAny                       // any byte but '/'
	tokenSet                       // a byte of set
	tokenStar                      // any bytes but '/'
	tokenDeep                      // any bytes
	tokenDeepSkip                  // any bytes; or nothing, and the '/' that follows is left out too
)

// byteSet is a set of bytes.
type byteSet [4]uint64

func (s *byteSet) add(c byte)      { s[c>>6] |= 1 << (c & 63) }
func (s *byteSet) has(c byte) bool { return s[c>>6]>>(c&63)&1 != 0 }

// compile reads pattern p. With deep, "**" between slashes crosses directories.
// ok is false when p cannot match anything.
func compile(p string, deep bool) (g glob, ok bool) {
	for i := 0; i < len(p); i++ {
		var t token
		switch p[i] {
		case '*':
			t, i = star(p, i, deep)
		case '?':
			t.kind = tokenAny
		case '[':
			if t, i, ok = bracket(p, i); !ok {
				return glob{}, false
			}
		case '\\':
			if i++; i == len(p) {
				return glob{}, false
			}
			t.char = p[i]
		default:
			t.char = p[i]
		}
		switch t.kind {
		case tokenStar, tokenDeep:
		case tokenDeepSkip:
			g.least-- // for the slash to come
		default:
			g.least++
		}
		g.tokens = append(g.tokens, t)
	}
	return g, g.least <= MaxPath
}

// star reads the run of stars at p[i] and returns the index of its last.
func star(p string, i int, deep bool) (token, int) {
	end := i
	for end < len(p) && p[end] == '*' {
		end++
	}
	rest := p[end:]
	whole := (i == 0 || p[i-1] == '/') && (rest == "" || rest[0] == '/' || strings.HasPrefix(rest, `\/`))
	kind := tokenStar
	if deep && end-i > 1 && whole {
		if kind = tokenDeep; rest != "" && rest[0] == '/' {
			kind = tokenDeepSkip
		}
	}
	return token{kind: kind}, end - 1
}

// bracket reads the character class at p[i] and returns the index of its end.
// It is false for a class that is not closed or has an unknown name.
func bracket(p string, i int) (token, int, bool) {
	at := func(i int) byte { // 0 past the end: a pattern has no NUL
		if i < len(p) {
			return p[i]
		}
		return 0
	}
	var set byteSet
	i++
	negate := at(i) == '!' || at(i) == '^'
	if negate {
		i++
	}
	prev := byte(0)                                 // what a '-' would start a range from
	for first := true; first || at(i) != ']'; i++ { // a ']' in front is a member
		first = false
		switch c := at(i); {
		case c == '-' && prev != 0 && at(i+1) != 0 && at(i+1) != ']':
			if i++; at(i) == '\\' {
				i++
			}
			for x := int(prev); x <= int(at(i)); x++ {
				set.add(byte(x))
			}
			prev = 0
		case c == '[' && at(i+1) == ':':
			n := max(strings.IndexByte(p[i+2:], ']'), 0)
			if n == 0 || p[i+1+n] != ':' {
				set.add(c) // no ":]": a set that happens to hold "[:"
				prev = c
				break
			}
			if !set.addClass(p[i+2 : i+1+n]) {
				return token{}, 0, false
			}
			i += 2 + n
			prev = 0
		default:
			if c == '\\' {
				i++
			}
			set.add(at(i))
			prev = at(i)
		}
		if i >= len(p) {
			return token{}, 0, false
		}
	}
	if negate {
		for j := range set {
			set[j] = ^set[j]
		}
	}
	set['/'>>6] &^= 1 << ('/' & 63)
	return token{kind: tokenSet, set: &set}, i, true
}

// addClass adds the class that POSIX calls name, in ASCII.
func (s *byteSet) addClass(name string) bool {
	ranges, ok := classes[name]
	for i := 0; i < len(ranges); i += 2 {
		for x := ranges[i]; x <= ranges[i+1]; x++ {
			s.add(x)
		}
	}
	return ok
}

// classes are pairs of first and last byte. That "space" leaves out \v and \f is git's.
var classes = map[string]string{
	"alnum":  "09AZaz",
	"alpha":  "AZaz",
	"blank":  "\t\t  ",
	"cntrl":  "\x00\x1f\x7f\x7f",
	"digit":  "09",
	"graph":  "!~",
	"lower":  "az",
	"print":  " ~",
	"punct":  "!/:@[`{~",
	"space":  "\t\n\r\r  ",
	"upper":  "AZ",
	"xdigit": "09AFaf",
}

// match reports whether all of name fits.
func (g *glob) match(name string) bool {
	n := len(g.tokens)
	if n == 0 {
		return name == ""
	}
	if len(name) < g.least {
		return false
	}
	var space [128]bool
	states := space[:]
	if 2*(n+1) > len(states) {
		states = make([]bool, 2*(n+1))
	}
	now, next := states[:n+1], states[n+1:2*(n+1)]
	g.reach(now, 0)
	for i := range len(name) {
		clear(next)
		alive := false
		for s := range n {
			if !now[s] {
				continue
			}
			if t := &g.tokens[s]; t.takes(name[i]) {
				alive = true
				switch t.kind {
				case tokenDeepSkip: // having taken a byte it may not skip any more
					next[s], next[s+1] = true, true
				case tokenStar, tokenDeep:
					g.reach(next, s)
				default:
					g.reach(next, s+1)
				}
			}
		}
		if !alive {
			return false
		}
		now, next = next, now
	}
	return now[n]
}

// takes reports whether t can stand for c.
func (t *token) takes(c byte) bool {
	switch t.kind {
	case tokenChar:
		return t.char == c
	case tokenAny, tokenStar:
		return c != '/'
	case tokenSet:
		return t.set.has(c)
	}
	return true
}

// reach marks state s and those that it leads to without a byte.
func (g *glob) reach(states []bool, s int) {
	for !states[s] {
		states[s] = true
		if s == len(g.tokens) || g.tokens[s].kind < tokenStar {
			return
		}
		if g.tokens[s].kind == tokenDeepSkip {
			g.reach(states, s+2)
		}
		s++
	}
}
