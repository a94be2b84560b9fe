package folder

import (
	"strings"
	"testing"
	"time"
)

func TestIgnoreSources(t *testing.T) {
	g := NewIgnore([]string{"*.tmp", "!keep.tmp", "#x"}).
		With("docs", []byte("!*.o\nkeep.tmp\n")).
		With("", []byte("\xef\xbb\xbf*.o\r\n# comment\n\\#y\nbuild/\n"))
	for _, c := range []struct {
		path Path
		dir  bool
		want bool
		rule string
	}{
		{"a.tmp", false, true, "--exclude *.tmp"},
		{"docs/a.tmp", false, true, "--exclude *.tmp"},
		{"docs/keep.tmp", false, false, "--exclude !keep.tmp"},
		{"#x", false, true, "--exclude #x"},
		{"#y", false, true, `./ line 3: \#y`},
		{"a.o", false, true, "./ line 1: *.o"},
		{"src/a.o", false, true, "./ line 1: *.o"},
		{"docs/a.o", false, false, "docs/ line 1: !*.o"},
		{"docs2/a.o", false, true, "./ line 1: *.o"},
		{"build", false, false, ""},
		{"build", true, true, "./ line 4: build/"},
		{"plain", false, false, ""},
	} {
		if got := g.Match(c.path, c.dir); got != c.want {
			t.Errorf("Match(%q, %v) = %v", c.path, c.dir, got)
		}
		if got := g.Rule(c.path, c.dir); got != c.rule {
			t.Errorf("Rule(%q, %v) = %q, want %q", c.path, c.dir, got, c.rule)
		}
	}
	var none *Ignore
	if none.Match("a", false) || none.Rule("a", true) != "" {
		t.Error("a nil Ignore ignores something")
	}
	if !none.With("", []byte("a")).Match("a", false) {
		t.Error("a nil Ignore cannot be added to")
	}
	if g.With("docs", nil).Match("docs/a.o", false) != true {
		t.Error("an ignore file replaced by an empty one still decides")
	}
	if g.Match("docs/a.o", false) {
		t.Error("With changed what it was called on")
	}
}

// TestIgnoreTime feeds patterns that make a backtracking matcher explode.
func TestIgnoreTime(t *testing.T) {
	name := Path(strings.Repeat("a", 200) + "/" + strings.Repeat("a", 200))
	for _, p := range []string{
		strings.Repeat("a*", 120) + "b/c",
		strings.Repeat("*a", 120) + "*b",
		strings.Repeat("**/a*/", 60) + "b",
		"/" + strings.Repeat("**/", 1000) + "b",
		strings.Repeat("[a-z]*", 1000) + "/x",
		strings.Repeat("a", 1<<20) + "*/x",
	} {
		g := NewIgnore([]string{p})
		start := time.Now()
		if g.Match(name, false) {
			t.Errorf("%.20q... matches", p)
		}
		if d := time.Since(start); d > 200*time.Millisecond {
			t.Errorf("%.20q... took %v", p, d)
		}
	}
}
