package disk

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"qsync/folder"
)

// holds is what a node tells a scan of the names in its map.
func (x index) holds(p folder.Path) bool { _, ok := x[p]; return ok }

func TestAlike(t *testing.T) {
	for _, c := range []struct {
		a, b        string
		alike, text bool
	}{
		{"foo", "foo", true, true},
		{"foo", "FOO", true, false},
		{"foo", "fop", false, false},
		{"\u00e9", "e\u0301", true, true},
		{"\u00c9", "e\u0301", true, false},
		{"x.", "x", true, false},
		{"x . ", "X", true, false},
		{"\u212b", "\u00e5", true, false}, // the Ångström sign
		{"\u1e9e", "\u00df", true, false},
		{"\xff", "\xfe", false, false},
		{"", "x", false, false},
	} {
		if alike(c.a, c.b) != c.alike || alike(c.b, c.a) != c.alike {
			t.Errorf("alike(%q, %q) is %v", c.a, c.b, !c.alike)
		}
		if sameText(c.a, c.b) != c.text {
			t.Errorf("sameText(%q, %q) is %v", c.a, c.b, !c.text)
		}
	}
}

// Every name that a file system may confuse with another has a spelling by which
// that shows, and no name is a spelling of itself.
func TestSpellings(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		name := rapid.OneOf(rapid.StringMatching(`[aB1.é \-]{1,6}`), rapid.StringN(1, 8, 40)).Draw(rt, "name")
		for _, s := range spellings(name) {
			if s == name || s == "" || !alike(s, name) {
				rt.Fatalf("%q of %q", s, name)
			}
		}
		fold := func(s string) string { return strings.ToUpper(s) }
		if other := fold(name); other != name && len(spellings(name)) == 0 {
			rt.Fatalf("%q has none", name)
		}
	})
	for _, name := range []string{"123", "-", "\xff", "日本"} {
		if s := spellings(name); len(s) != 0 {
			t.Errorf("%q has the spellings %q", name, s)
		}
	}
}
