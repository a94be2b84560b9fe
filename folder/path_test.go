package folder

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParsePath(t *testing.T) {
	long := strings.Repeat("n", MaxName)
	deep := strings.Repeat("a/", MaxDepth-1) + "a"
	for _, ok := range []string{
		"a", "a/b", " ", "a ", "-", "~", "..a", "a..", "...", ".qsync2", "a/.qsync", ".qsyn",
		"\xff\xfe", "a\\b", "a\nb", "a:b", "CON", "é", "e\u0301", "*", long, "a/" + long, deep,
	} {
		if p, err := ParsePath(ok); err != nil || string(p) != ok {
			t.Errorf("ParsePath(%.40q) = %.40q, %v", ok, p, err)
		}
	}
	for _, bad := range []string{
		"", "/", "/a", "a/", "a//b", ".", "..", "./a", "a/.", "a/./b", "../a", "a/..", "a/../b",
		"a\x00b", "\x00", ".qsync", ".qsync/tmp", ".QSync/marker", ".q\u017fync", ".qsync. .", long + "n", "a/" + long + "n/b", deep + "/a",
		strings.Repeat("abcdefghijklmno/", 256) + "a",
	} {
		if p, err := ParsePath(bad); !errors.Is(err, ErrPath) || p != "" {
			t.Errorf("ParsePath(%.40q) = %.40q, %v", bad, p, err)
		}
	}
}

func TestPathParts(t *testing.T) {
	for _, c := range []struct{ path, dir, base string }{{"a", "", "a"}, {"a/b", "a", "b"}, {"a/b/c.d", "a/b", "c.d"}} {
		p := Path(c.path)
		if p.Dir() != Path(c.dir) || p.Base() != c.base || p.Dir().Join(p.Base()) != p {
			t.Errorf("%q is %q and %q", p, p.Dir(), p.Base())
		}
	}
	for _, c := range []struct {
		path, dir Path
		want      bool
	}{{"a", "", true}, {"", "", false}, {"a/b", "a", true}, {"a", "a", false}, {"ab", "a", false}, {"a/b/c", "a", true}, {"a", "a/b", false}} {
		if c.path.Below(c.dir) != c.want {
			t.Errorf("%q below %q: %v", c.path, c.dir, !c.want)
		}
	}
}

func genPath() *rapid.Generator[Path] {
	name := rapid.Custom(func(t *rapid.T) string {
		return rapid.StringOfN(rapid.RuneFrom([]rune("ab.-é!\x01 0")), 1, 3, -1).
			Filter(func(s string) bool { return CheckName(s) == nil }).Draw(t, "name")
	})
	return rapid.Custom(func(t *rapid.T) Path {
		return Path(strings.Join(rapid.SliceOfN(name, 1, 4).Draw(t, "names"), "/"))
	})
}

// walk visits paths as a directory walk does: the entries of a directory in
// byte order, what is below one right after it.
func walk(paths []Path, dir Path, visit func(Path)) {
	var names []string
	for _, p := range paths {
		if !p.Below(dir) {
			continue
		}
		rest := string(p)
		if dir != "" {
			rest = rest[len(dir)+1:]
		}
		name, _, _ := strings.Cut(rest, "/")
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		p := dir.Join(name)
		if slices.Contains(paths, p) {
			visit(p)
		}
		walk(paths, p, visit)
	}
}

func TestKeyOrderIsWalkOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		paths := rapid.SliceOfNDistinct(genPath(), 1, 12, rapid.ID[Path]).Draw(t, "paths")
		byKey := slices.Clone(paths)
		slices.SortFunc(byKey, func(a, b Path) int { return bytes.Compare(a.Key(), b.Key()) })
		byCompare := slices.Clone(paths)
		slices.SortFunc(byCompare, Path.Compare)
		var walked []Path
		walk(paths, "", func(p Path) { walked = append(walked, p) })
		if !slices.Equal(byKey, walked) || !slices.Equal(byCompare, walked) {
			t.Fatalf("walk %q, by key %q, by Compare %q", walked, byKey, byCompare)
		}
		for _, p := range paths {
			if PathOfKey(p.Key()) != p {
				t.Fatalf("%q does not come back from its key", p)
			}
		}
	})
}

func FuzzParsePath(f *testing.F) {
	for _, s := range []string{"a", "a/b", "", "/", "..", ".qsync/x", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePath(s)
		if err != nil {
			if !errors.Is(err, ErrPath) {
				t.Fatal(err)
			}
			return
		}
		if string(p) != s || PathOfKey(p.Key()) != p || p.Dir().Join(p.Base()) != p || p.Compare(p) != 0 {
			t.Fatalf("%q is not canonical", p)
		}
		if d := p.Dir(); d != "" {
			if _, err := ParsePath(string(d)); err != nil || d.Compare(p) >= 0 || !p.Below(d) {
				t.Fatalf("directory %q of %q: %v", d, p, err)
			}
		}
	})
}
