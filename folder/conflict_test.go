package folder

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestConflictName(t *testing.T) {
	file := Value{Kind: File, MTime: 1777914202_999999999} // 2026-05-04 17:03:22 UTC
	for i := range file.Digest {
		file.Digest[i] = byte(i * 7)
	}
	old := file
	old.MTime = -1
	link := Value{Kind: Symlink, MTime: file.MTime, Target: "target"}
	const tag = ".conflict-20260504-170322-aadq4fi4"
	long := strings.Repeat("x", MaxName)
	for _, c := range []struct {
		path  Path
		v     Value
		width int
		want  Path
	}{
		{"report.odt", file, 8, "report" + tag + ".odt"},
		{"a/b/report.odt", file, 8, "a/b/report" + tag + ".odt"},
		{"Makefile", file, 8, "Makefile" + tag},
		{".bashrc", file, 8, ".bashrc" + tag},
		{".config.json", file, 8, ".config" + tag + ".json"},
		{"x.tar.gz", file, 8, "x.tar" + tag + ".gz"},
		{"end.", file, 8, "end" + tag + "."},
		{"report.odt", file, 12, "report" + tag + "emvd.odt"},
		{"report.odt", file, 0, "report.conflict-20260504-170322-a.odt"},
		{"report.odt", old, 8, "report.conflict-19691231-235959-aadq4fi4.odt"},
		{"link", link, 8, "link.conflict-20260504-170322-gsqeabn4"},
		{"report" + tag + ".odt", file, 8, "report" + tag + tag + ".odt"},
		{Path(long), file, 8, Path(long[:MaxName-len(tag)] + tag)},
		{Path(long[:MaxName-4] + ".odt"), file, 8, Path(long[:MaxName-4-len(tag)] + tag + ".odt")},
		{Path("a." + long[:MaxName-2]), file, 8, Path("a." + long[:MaxName-2-len(tag)] + tag)},
		{Path(strings.Repeat("é", 127)), file, 8, Path(strings.Repeat("é", 110) + tag)},
		{Path(strings.Repeat("\x80", MaxName)), file, 8, Path(strings.Repeat("\x80", MaxName-len(tag)) + tag)},
	} {
		got := ConflictName(c.path, c.v, c.width)
		if got != c.want {
			t.Errorf("ConflictName(%q, %d) = %q, want %q", c.path, c.width, got, c.want)
		}
	}
}

// TestConflictOf: a conflict copy is known by its name alone, whatever it is a
// copy of.
func TestConflictOf(t *testing.T) {
	const mark = ".conflict-20260504-170322-aadq4fi4"
	for p, want := range map[Path]Path{
		"a/report" + mark + ".odt":                           "a/report.odt",
		"Makefile" + mark:                                    "Makefile",
		"x.tar" + mark + ".gz":                               "x.tar.gz",
		"end" + mark + ".":                                   "end.",
		"f" + mark + mark + ".txt":                           "f" + mark + ".txt",
		"Makefile" + mark + mark:                             "Makefile" + mark,
		"f" + mark + "abcdefgh.txt":                          "f.txt",
		"f.conflict-2026-aadq4fi4.txt":                       "",
		"f.conflict-20260504-170322-AADQ4FI4.txt":            "",
		"f.conflict-20260504-170322-aadq4fi.txt":             "",
		"f.kept-20260504-170322-aadq4fi4.txt":                "",
		"f" + mark + ".a.txt":                                "",
		mark:                                                 "",
		"dir" + mark + "/f.txt":                              "",
		"about.conflict-x.conflict-20260504-170322-aadq4fi4": "about.conflict-x",
	} {
		of, ok := ConflictOf(p)
		if of != want || ok != (want != "") {
			t.Errorf("ConflictOf(%q) = %q, %v", p, of, ok)
		}
		kept := SettledName(p)
		if _, still := ConflictOf(kept); still || (kept != p) != ok {
			t.Errorf("SettledName(%q) = %q", p, kept)
		}
	}
}

// TestConflictOfItsName: what a copy is named after is found again, unless its
// stem had to be cut.
func TestConflictOfItsName(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := genPath().Draw(t, "path")
		for range rapid.IntRange(0, 2).Draw(t, "again") {
			v := Value{Kind: File, MTime: rapid.Int64().Draw(t, "mtime"), Digest: Digest{rapid.Byte().Draw(t, "digest")}}
			q := ConflictName(p, v, 8*rapid.IntRange(1, 7).Draw(t, "width"))
			if len(q.Base()) > MaxName-4 || len(q) > MaxPath-4 {
				return
			}
			if of, ok := ConflictOf(q); !ok || of != p {
				t.Fatalf("%q is a copy of %q, not of %q", q, of, p)
			}
			p = q
		}
	})
}

// Whatever the path, the name is one that can be made, in the same directory,
// and differs from the path's own.
func TestConflictNameIsAPath(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := genPath().Draw(t, "path")
		for n := rapid.IntRange(0, 15).Draw(t, "depth"); n > 0; n-- {
			p = Path(strings.Repeat("d", MaxName)) + "/" + p
		}
		if rapid.Bool().Draw(t, "long") {
			p += Path(strings.Repeat("é", (MaxName-len(p.Base()))/2))
		}
		v := Value{Kind: File, MTime: rapid.Int64().Draw(t, "mtime")}
		copy(v.Digest[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "digest"))
		if _, err := ParsePath(string(p)); err != nil {
			return // too long to be a path at all
		}
		got := ConflictName(p, v, rapid.IntRange(1, 60).Draw(t, "width"))
		if _, err := ParsePath(string(got)); err != nil && len(p.Dir()) < MaxPath-90 {
			t.Fatal(err)
		}
		if got.Dir() != p.Dir() || got == p || utf8.ValidString(string(p)) != utf8.ValidString(string(got)) {
			t.Fatalf("%q becomes %q", p, got)
		}
	})
}
