package disk

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"qsync/folder"
)

func TestVersionsAreLimited(t *testing.T) {
	eachRoot(t, func(t *testing.T, r *Root) {
		r.SetVersions(2)
		d, err := r.Mkdir("d", dirValue, nothing)
		if err != nil || d.Displaced != "" {
			t.Fatal(d, err)
		}
		var a, b folder.Local
		for n := range 5 {
			a = put(t, r, "d/a.txt", fmt.Sprint("a", n), a)
			b = put(t, r, "d/ab.txt", fmt.Sprint("b", n), b)
			time.Sleep(time.Millisecond)
		}
		r.prune(1)
		v := versionsOf(t, r, "d")
		if len(v) != 4 {
			t.Fatalf("versions: %q", v)
		}
		for i, want := range []string{"b2", "b3", "a2", "a3"} { // '~' sorts behind 'b'
			wantFile(t, r.full(".qsync/versions/d/"+v[i]), want)
		}
		r.SetVersions(0)
		if err := drop(r, "d/a.txt", a); err != nil {
			t.Fatal(err)
		}
		put(t, r, "d/ab.txt", "last", b)
		if now := versionsOf(t, r, "d"); len(now) != 4 {
			t.Errorf("kept one more: %q", now)
		}
	})
}

func TestVersionsArePrunedOnTheWay(t *testing.T) {
	r := openRoot(t)
	r.SetVersions(1)
	var l folder.Local
	for n := range pruneEvery + 2 {
		l = put(t, r, "a", fmt.Sprint(n), l)
	}
	if v := versionsOf(t, r, ""); len(v) > 2 {
		t.Errorf("%d versions left", len(v))
	}
}

// TestVersionInTheWay puts a version where a directory is needed for another.
func TestVersionInTheWay(t *testing.T) {
	r := openRoot(t)
	if _, err := r.Mkdir("d", dirValue, nothing); err != nil {
		t.Fatal(err)
	}
	l := put(t, r, "d/a", "user", nothing)
	write(t, r.full(".qsync/versions/d"), "in the way")
	if err := drop(r, "d/a", l); err != nil {
		t.Fatal(err)
	}
	v := versionsOf(t, r, "")
	if len(v) != 2 || !strings.HasPrefix(v[1], lostPrefix) {
		t.Fatalf("versions: %q", v)
	}
	wantFile(t, r.full(".qsync/versions/"+v[1]), "user")
}

func TestVersionNames(t *testing.T) {
	at := time.Date(2026, 5, 4, 17, 3, 22, 99e6, time.FixedZone("", 3600))
	for base, want := range map[string]string{
		"a.txt":                         "a~20260504-160322.099.txt",
		"a":                             "a~20260504-160322.099",
		".rc":                           ".rc~20260504-160322.099",
		"a.txt~":                        "a~20260504-160322.099.txt~",
		"a~20200101-000000.000.txt":     "a~20200101-000000.000~20260504-160322.099.txt",
		"t.tar.gz":                      "t.tar~20260504-160322.099.gz",
		strings.Repeat("n", 255):        "",
		strings.Repeat("é", 120) + ".x": "",
	} {
		if got := versionOf(base, at).name; (want != "" && got != want) || len(got) > folder.MaxName {
			t.Errorf("version of %q: %q", base, got)
		}
	}
}

// TestVersionNameRoundTrip checks that the versions of one name are recognised
// as such, with their order, and those of another are not.
func TestVersionNameRoundTrip(t *testing.T) {
	name := rapid.OneOf(rapid.StringMatching(`[a~.]{1,6}(20260101-000000\.000)?[a~.-]{0,4}`),
		rapid.StringMatching(`[a-b]{253,255}`), rapid.StringMatching(`\.?[a-b]{1,3}\.[a-b]{240,250}`))
	rapid.Check(t, func(t *rapid.T) {
		a, b := name.Draw(t, "a"), name.Draw(t, "b")
		now := time.UnixMilli(rapid.Int64Range(0, 1<<41).Draw(t, "ms"))
		n := rapid.IntRange(1, 12).Draw(t, "n")
		made := versionOf(a, now)
		made.n = n
		if made.timed = rapid.Bool().Draw(t, "timed"); made.timed {
			made.mtime = rapid.Int64().Draw(t, "mtime")
		} else if made.dir = rapid.Bool().Draw(t, "dir"); made.dir {
			made.mode = rapid.Uint16Range(0, folder.ModeMask).Draw(t, "mode")
		}
		made = made.named()
		x, okx := parseVersion(made.name)
		y, oky := parseVersion(versionOf(a, now.Add(time.Hour)).name)
		z, okz := parseVersion(versionOf(b, now).name)
		if !okx || !oky || !okz || x != made || x.of() != y.of() || newer(x, y) <= 0 || len(x.name) > folder.MaxName {
			t.Fatalf("%q: %+v, %+v", a, x, y)
		}
		if a != b && x.of() == z.of() {
			t.Fatalf("%q and %q share their versions: %+v", a, b, x)
		}
	})
}

func TestVersionCollision(t *testing.T) {
	r := openRoot(t)
	for n := range 3 {
		write(t, r.full(".qsync/tmp/swap-x"), fmt.Sprint(n))
		if _, err := r.noReplaceVersion(slot{r.work.tmp, "swap-x"}, r.work.versions, versionOf("a", time.UnixMilli(0))); err != nil {
			t.Fatal(err)
		}
	}
	if v := versionsOf(t, r, ""); len(v) != 3 {
		t.Errorf("versions: %q", v)
	}
}

// TestKept says where what was replaced or removed is kept.
func TestKept(t *testing.T) {
	eachRoot(t, func(t *testing.T, r *Root) {
		if _, err := r.Mkdir("d", dirValue, nothing); err != nil {
			t.Fatal(err)
		}
		one := put(t, r, "d/a.txt", "one", nothing)
		placed, err := r.Put("d/a.txt", stage(t, r, "two"), one)
		if err != nil || !strings.HasPrefix(string(placed.Kept), "d/a~") {
			t.Fatalf("%q, %v", placed.Kept, err)
		}
		wantFile(t, r.full(".qsync/versions/"+string(placed.Kept)), "one")
		kept, err := r.Remove("d/a.txt", placed.Local)
		if err != nil || kept == placed.Kept {
			t.Fatalf("%q, %v", kept, err)
		}
		wantFile(t, r.full(".qsync/versions/"+string(kept)), "two")
		r.SetVersions(0)
		if kept, err = r.Remove("b", put(t, r, "b", "b", nothing)); err != nil || kept != "" {
			t.Errorf("%q, %v", kept, err)
		}
	})
}
