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
		why  Verdict
	}{
		{"a.tmp", false, true, Verdict{true, FromExcludes, "", 1, "*.tmp"}},
		{"docs/a.tmp", false, true, Verdict{true, FromExcludes, "", 1, "*.tmp"}},
		{"docs/keep.tmp", false, false, Verdict{false, FromExcludes, "", 2, "!keep.tmp"}},
		{"#x", false, true, Verdict{true, FromExcludes, "", 3, "#x"}},
		{"#y", false, true, Verdict{true, FromFile, "", 3, `\#y`}},
		{"a.o", false, true, Verdict{true, FromFile, "", 1, "*.o"}},
		{"src/a.o", false, true, Verdict{true, FromFile, "", 1, "*.o"}},
		{"docs/a.o", false, false, Verdict{false, FromFile, "docs", 1, "!*.o"}},
		{"docs2/a.o", false, true, Verdict{true, FromFile, "", 1, "*.o"}},
		{"build", false, false, Verdict{}},
		{"build", true, true, Verdict{true, FromFile, "", 4, "build/"}},
		{"plain", false, false, Verdict{}},
	} {
		if got := g.Match(c.path, c.dir); got != c.want {
			t.Errorf("Match(%q, %v) = %v", c.path, c.dir, got)
		}
		if got := g.Decide(c.path, c.dir); got != c.why {
			t.Errorf("Decide(%q, %v) = %+v, want %+v", c.path, c.dir, got, c.why)
		}
	}
	var none *Ignore
	if none.Match("a", false) || none.Decide("a", true) != (Verdict{}) {
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

// What systems leave behind is ignored unless a rule of the user says otherwise,
// and what somebody may hold dear never is.
func TestJunk(t *testing.T) {
	g := NewIgnore([]string{"!ehthumbs.db"}).WithJunk().With("", []byte("!.DS_Store\n!*~\n")).With("d", []byte(".DS_Store\n"))
	bare := (*Ignore)(nil).WithJunk()
	for _, c := range []struct {
		path       Path
		dir        bool
		bare, ours bool
	}{
		{".DS_Store", false, true, false},
		{"d/.DS_Store", false, true, true},
		{"a/b/Thumbs.db", false, true, true},
		{"ehthumbs.db", false, true, false},
		{"notes.txt~", false, true, false},
		{"d/~$letter.docx", false, true, true},
		{".#notes", false, true, true},
		{"d/.~lock.sheet.ods#", false, true, true},
		{".nfs000000000123456700000001", false, true, true},
		{"$RECYCLE.BIN", true, true, true},
		{".Trash-1000", true, true, true},
		{"film.crdownload", false, true, true},
	} {
		if got := bare.Match(c.path, c.dir); got != c.bare {
			t.Errorf("%q alone: %v", c.path, got)
		}
		if got := g.Match(c.path, c.dir); got != c.ours {
			t.Errorf("%q with rules of the user: %v", c.path, got)
		}
	}
	for _, p := range []Path{
		".git", ".git/index", ".gitignore", ".config", ".bashrc", ".env", "..", ".swp", ".nfs", ".nfsrc", "a.o", "a.tmp", "a.bak", "a.old", "a.orig",
		"core", "a.log", "a.part", "a.swp", "backup", "node_modules", ".stversions", ".stfolder", ".Trash", ".trash-1000", "~", "#", "#1", "~a", "-n", "lost+found",
		"desktop.ini.txt", "thumbs", ".directory", ".localized", "$x", "a$", "a#", ".", "a.sqlite-wal", "\xff", "ä", ".syncignore",
	} {
		if p == "~" {
			continue // *~ says of it what it says in git
		}
		for _, dir := range []bool{false, true} {
			if bare.Match(p, dir) {
				t.Errorf("%q (directory: %v) is ignored", p, dir)
			}
		}
	}
	for _, p := range []Path{"old~", "#old#", ".#old", "._old", "Thumbs.db", "x.crdownload", "~$x"} {
		if bare.Match(p, true) {
			t.Errorf("directory %q is ignored", p)
		}
	}
	if bare.Match(".Trashes", false) || bare.Match("$RECYCLE.BIN", false) {
		t.Error("a file is taken for a directory")
	}
	if v := bare.Decide("d/._x", false); v != (Verdict{true, FromJunk, "", 2, "._*"}) {
		t.Errorf("%+v", v)
	}
	for i, p := range Junk {
		if r, ok := parseRule(p); !ok || r.line != 0 || junk.rules[i].text != p {
			t.Errorf("%q is no pattern", p)
		}
	}
	if junk.ends == nil {
		t.Error("every name is compared with every pattern")
	}
}
