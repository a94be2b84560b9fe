//go:build linux || freebsd

// Names like "a*" and "\xff" cannot exist on the other systems.

package folder

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// ignoreCase is one case of the differential test: an ignore file in a directory of its own, a
// second one below it, and paths to ask about.
type ignoreCase struct {
	dir   Path
	files map[Path]string // directory -> ignore file
	dirs  map[Path]bool   // what exists as a directory
	paths []Path
}

var (
	ignoreNames = []string{"a", "b", "ab", "abc", "foo", "foobar", "x.o", "a b", "a ", "[a]", "a*", "A", "a-b", "]", "!a", "#a", "a\\", "é", "\xff", "0", "a.b.o", "a\t", "a~", "#a#", ".DS_Store"}
	ignoreBits  = []string{"a", "b", "ab", "foo", "bar", "o", ".", "x", "A", "0", "*", "*", "**", "?", "/", "/", "/", "**/", "/**", "[ab]", "[!a]", "[^b]", "[a-c]", "[]a]", "[!]]", "[[:alpha:]]", "[[:upper:][:digit:]]", "[[:punct:]]", "[[:space:]]", "[[:nope:]]", "[a", "[", "]", "[[:a]", "[a\\]]", "[\\a-\\c]", "[z-a]", "[a-]", "[-a]", "[--/]", "[!-~]", "\\", "\\a", "\\*", "\\ ", "\\[", "\\/", " ", "!", "#", "***", "é", "\xff", "\t", "[[:blank:]]", "[[:graph:]]", "[[:cntrl:]]", "[[:xdigit:]]", "[a-[:digit:]]", "[é]", "[\x80-\xff]", "[/]", "[:]", "[[:]", "[[:]a]", "[[:]:]]"}
)

func pick[T any](r *rand.Rand, s []T) T { return s[r.IntN(len(s))] }

func ignorePattern(r *rand.Rand, paths []Path) string {
	var s string
	switch r.IntN(4) {
	case 0: // a path of the case with parts replaced
		b := strings.Split(string(pick(r, paths)), "/")
		for i := range b {
			switch r.IntN(6) {
			case 0:
				b[i] = "*"
			case 1:
				b[i] = "**"
			case 2:
				if n := r.IntN(len(b[i]) + 1); n < len(b[i]) {
					b[i] = b[i][:n] + pick(r, []string{"*", "?", "[!/]", "**", "\\" + b[i][n:n+1]}) + b[i][n+1:]
				}
			}
		}
		s = strings.Join(b[r.IntN(len(b)):], "/")
	default:
		for range 1 + r.IntN(5) {
			s += pick(r, ignoreBits)
		}
	}
	if r.IntN(5) == 0 {
		s = "/" + s
	}
	if r.IntN(4) == 0 {
		s += "/"
	}
	if r.IntN(3) == 0 {
		s = "!" + s
	}
	s += pick(r, []string{"", "", "", "", " ", "  ", "\\ ", "\r", " \r", "\\"})
	return s
}

func newIgnoreCase(r *rand.Rand, n int) ignoreCase {
	c := ignoreCase{dir: Path(fmt.Sprintf("g%04d", n)), files: map[Path]string{}, dirs: map[Path]bool{}}
	dirs := []Path{""}
	for range 3 {
		d := pick(r, dirs).Join(pick(r, ignoreNames))
		dirs = append(dirs, d)
		c.dirs[d] = true
		c.paths = append(c.paths, d)
	}
	for range 22 {
		p := pick(r, dirs)
		for range 1 + r.IntN(2) {
			p = p.Join(pick(r, ignoreNames))
		}
		c.paths = append(c.paths, p)
	}
	file := func() string {
		var b strings.Builder
		b.WriteString(pick(r, []string{"", "", "", "", "\xef\xbb\xbf", "\x00\n", "\n\r\n"}))
		for range 1 + r.IntN(4) {
			b.WriteString(ignorePattern(r, c.paths))
			b.WriteString(pick(r, []string{"\n", "\n", "\n", "\r\n", "\x00x\n"}))
		}
		return b.String()
	}
	c.files[""] = file()
	if r.IntN(3) == 0 {
		c.files[dirs[1]] = file()
	}
	return c
}

// decide walks down to p as a scan would: below an ignored directory nothing
// else is asked.
func (c ignoreCase) decide(g *Ignore, p Path) (ignored bool, line int) {
	for i := range len(p) {
		if p[i] == '/' {
			if r, _ := g.decide(p[:i], true); r != nil && !r.negate {
				return true, r.line
			}
		}
	}
	v := g.Decide(p, c.dirs[p])
	if v.Source == FromJunk && v.Pattern == "!*/" {
		return false, 0
	}
	return v.Ignored, v.Line
}

func TestIgnoreAgreesWithGit(t *testing.T) {
	git, err := exec.LookPath("git")
	if err != nil {
		t.Fatal("this test compares with git check-ignore and needs git: ", err)
	}
	root := t.TempDir()
	run := func(in []byte, args ...string) []byte {
		cmd := exec.Command(git, args...)
		cmd.Dir = root
		cmd.Stdin = bytes.NewReader(in)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + root, "GIT_CONFIG_NOSYSTEM=1"}
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if exit, ok := err.(*exec.ExitError); err != nil && (!ok || exit.ExitCode() != 1) {
			t.Fatalf("git %v: %v\n%s", args, err, stderr.Bytes())
		}
		return out
	}
	run(nil, "init", "-q")
	// git's file for all repositories is as far down as our own list.
	lowest := filepath.Join(root, ".git", "junk")
	if err := os.WriteFile(lowest, []byte(strings.ReplaceAll("\n"+strings.Join(Junk, "\n"), "\n#", "\n\\#")[1:]), 0o600); err != nil {
		t.Fatal(err)
	}

	seed := uint64(1)
	if s, err := strconv.ParseUint(os.Getenv("QSYNC_IGNORE_SEED"), 10, 64); err == nil {
		seed = s
	}
	r := rand.New(rand.NewPCG(seed, 0))
	var cases []ignoreCase
	var ask bytes.Buffer
	for n := range 1000 {
		c := newIgnoreCase(r, n)
		for d := range c.dirs {
			if err := os.MkdirAll(filepath.Join(root, string(c.dir), string(d)), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		for d, text := range c.files {
			if err := os.WriteFile(filepath.Join(root, string(c.dir), string(d), ".gitignore"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for _, p := range c.paths {
			ask.WriteString(string(c.dir.Join(string(p))) + "\x00")
		}
		cases = append(cases, c)
	}
	out := run(ask.Bytes(), "-c", "core.excludesFile="+lowest, "check-ignore", "--no-index", "--stdin", "-z", "--verbose", "--non-matching")
	fields := strings.Split(string(out), "\x00")
	pairs, matched, wrong := 0, 0, 0
	for _, c := range cases {
		g := (*Ignore)(nil).WithJunk()
		for d, text := range c.files {
			g = g.With(d, []byte(text))
		}
		for _, p := range c.paths {
			line, _ := strconv.Atoi(fields[1])
			if fields[0] == lowest && fields[2] == "!*/" {
				line = 0 // where no other line of the list speaks it says nothing new
			}
			want := line > 0 && !strings.HasPrefix(fields[2], "!")
			if fields[3] != string(c.dir.Join(string(p))) {
				t.Fatalf("git answered about %q instead of %q", fields[3], p)
			}
			fields = fields[4:]
			pairs++
			if line > 0 {
				matched++
			}
			if ignored, by := c.decide(g, p); ignored != want || by != line {
				if wrong++; wrong < 10 {
					t.Errorf("%q (dir %v): got %v by line %d, git %v by line %d; files %q", p, c.dirs[p], ignored, by, want, line, c.files)
				}
			}
		}
	}
	if pairs < 20000 || matched < 4000 {
		t.Fatalf("only %d pairs, %d decided by a rule", pairs, matched)
	}
	t.Logf("%d pairs, %d decided by a rule, %d wrong", pairs, matched, wrong)
}
