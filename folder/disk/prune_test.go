package disk

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"qsync/folder"
)

var pruneNow = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// plantVersion makes a version of p of so many bytes, replaced so long ago.
func plantVersion(t interface{ Fatal(...any) }, r *Root, p folder.Path, age time.Duration, content string) string {
	at := pruneNow.Add(-age)
	name := filepath.Join(r.path, ".qsync/versions", string(p.Dir()), versionOf(p.Base(), at).name)
	err := os.MkdirAll(filepath.Dir(name), 0o700)
	if err == nil {
		err = os.WriteFile(name, []byte(content), 0o600)
	}
	if err == nil {
		err = os.Chtimes(name, time.Time{}, at.Add(-time.Hour))
	}
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// lookedAgo makes the last look one of so long ago.
func lookedAgo(t interface{ Fatal(...any) }, r *Root, ago time.Duration) {
	name := filepath.Join(r.path, ".qsync", prunedName)
	err := os.WriteFile(name, nil, 0o600)
	if err == nil {
		at := pruneNow.Add(-ago)
		err = os.Chtimes(name, at, at)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func prune(t interface{ Fatal(...any) }, r *Root, o Pruning) Pruned {
	if o.Now.IsZero() {
		o.Now = pruneNow
	}
	out, err := r.Prune(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func here(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func TestPruneAge(t *testing.T) {
	const day, month = 24 * time.Hour, 30 * 24 * time.Hour
	r := openRoot(t)
	old := plantVersion(t, r, "d/e/old", month+2*day, "x")
	young := plantVersion(t, r, "d/young", month-day, "x")
	o := Pruning{Age: month}

	if prune(t, r, o); !here(old) {
		t.Fatal("the first look believed the clock")
	}
	if prune(t, r, o); !here(old) {
		t.Fatal("two looks in one hour")
	}
	leap := o
	leap.Now = pruneNow.AddDate(70, 0, 0)
	if prune(t, r, leap); here(old) || !here(young) {
		t.Fatal("a clock that leapt ahead counts as of the last look")
	}
	if here(r.full(".qsync/versions/d/e")) || !here(r.full(".qsync/versions/d")) {
		t.Error("directories that became empty go, others do not")
	}
	if prune(t, r, o); !here(young) {
		t.Fatal("a clock that was set back")
	}
	o.Now = pruneNow.Add(2 * day)
	lookedAgo(t, r, 0)
	prune(t, r, o)
	o.Now = o.Now.Add(2 * time.Hour)
	if got := prune(t, r, o); here(young) || got.Files != 0 {
		t.Errorf("a version that is old by all looks stays: %+v", got)
	}
	if here(r.full(".qsync/versions/d")) || !here(r.full(".qsync/versions")) {
		t.Error("empty directories stay")
	}
}

// TestPruneLeap: a clock that leaps ahead makes no version old enough to go for its
// size that is younger than an hour (F48).
func TestPruneLeap(t *testing.T) {
	r := openRoot(t)
	old := plantVersion(t, r, "old", 3*time.Hour, "content")
	young := plantVersion(t, r, "young", 40*time.Minute, "content")
	lookedAgo(t, r, 10*time.Minute)
	o := Pruning{Bytes: 1, Now: pruneNow.AddDate(0, 0, 1)}
	if prune(t, r, o); here(old) || !here(young) {
		t.Error("of the versions the old one goes for its size, not the young one")
	}
	o.Now = o.Now.Add(2 * time.Hour)
	if prune(t, r, o); here(young) {
		t.Error("by two looks it is old")
	}
}

// TestPruneWritten writes to versions, as an editor does that still has the
// replaced file open.
func TestPruneWritten(t *testing.T) {
	r := openRoot(t)
	r.SetVersions(1)
	written := plantVersion(t, r, "a.txt", 3*time.Hour, "saved late")
	if err := os.Chtimes(written, time.Time{}, pruneNow.Add(-2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	future := plantVersion(t, r, "b.txt", 3*time.Hour, "a strange time")
	if err := os.Chtimes(future, time.Time{}, pruneNow.AddDate(50, 0, 0)); err != nil {
		t.Fatal(err)
	}
	newA := plantVersion(t, r, "a.txt", 2*time.Hour, "new")
	plantVersion(t, r, "b.txt", 2*time.Hour, "new")
	now := Pruning{Now: pruneNow}
	prune(t, r, now)
	if !here(newA) || here(future) || here(written) {
		t.Fatal("what was not written to stays, or the surplus did not go")
	}
	if v := versionsOf(t, r, ""); len(v) != 3 {
		t.Fatalf("versions: %q", v)
	}
	wantFile(t, r.full(".qsync/versions/"+versionOf("a.txt", pruneNow).name), "saved late")
	now.Now = pruneNow.Add(time.Hour)
	prune(t, r, now)
	wantFile(t, r.full(".qsync/versions/"+versionOf("a.txt", pruneNow).name), "saved late")
	if v := versionsOf(t, r, ""); len(v) != 2 {
		t.Errorf("it is a version like any other now: %q", v)
	}
}

func TestPruneShares(t *testing.T) {
	r := openRoot(t)
	var names []string
	for i, content := range []string{"new", "same", "othr", "same"} {
		names = append(names, plantVersion(t, r, "d/a.txt", time.Duration(i+2)*time.Hour, content))
	}
	plantVersion(t, r, "d/b.txt", 3*time.Hour, "same")
	fresh := plantVersion(t, r, "d/a.txt", time.Minute, "same")
	before := allVersions(t, r, "")
	got := prune(t, r, Pruning{})
	if got.Linked != 1 || here(names[1]) || !here(fresh) {
		t.Fatalf("%+v", got)
	}
	after := allVersions(t, r, "")
	for i := range before {
		b, a := before[i], after[i]
		if a.Path != b.Path || !a.Replaced.Equal(b.Replaced) || a.MTime != b.MTime || a.Size != b.Size {
			t.Errorf("shared: %+v, before: %+v", a, b)
		}
		for j := range after {
			if after[j].Is(b.File()) != (i == j) {
				t.Errorf("%q is taken for %q, or not found", after[j].File(), b.File())
			}
		}
	}
	if prune(t, r, Pruning{}).Linked != 0 {
		t.Error("linked once more")
	}
	r.SetVersions(1)
	lookedAgo(t, r, 2*time.Hour)
	if prune(t, r, Pruning{}); len(allVersions(t, r, "d/a.txt")) != 1 {
		t.Error("links are versions like others")
	}
}

// TestPruneLaws checks random versions against the promises.
func TestPruneLaws(t *testing.T) {
	base := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp(base, "")
		if err != nil {
			t.Fatal(err)
		}
		r, err := Open(dir, false)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if err := r.PrepareReserved(); err != nil {
			t.Fatal(err)
		}
		keep := rapid.IntRange(1, 4).Draw(t, "keep")
		r.SetVersions(keep)
		o := Pruning{Now: pruneNow, Age: time.Duration(rapid.IntRange(0, 5).Draw(t, "days")) * 24 * time.Hour,
			Bytes: int64(rapid.IntRange(0, 12).Draw(t, "cap")) * 8192}
		looked := time.Duration(rapid.IntRange(1, 9).Draw(t, "looked")) * time.Hour
		lookedAgo(t, r, looked)
		type planted struct {
			path folder.Path
			age  time.Duration
			name string
			size int64
		}
		var all []planted
		for i := range rapid.IntRange(0, 14).Draw(t, "n") {
			p := folder.Path(rapid.SampledFrom([]string{"a", "b", "d/a", "d/e/a"}).Draw(t, "path"))
			age := time.Duration(rapid.IntRange(1, 400).Draw(t, "age"))*17*time.Minute + time.Duration(i)*time.Second
			content := strings.Repeat(string(rune('a'+i)), rapid.IntRange(1, 3).Draw(t, "size")*8192)
			all = append(all, planted{p, age, plantVersion(t, r, p, age, content), int64(len(content))})
		}
		slices.SortFunc(all, func(a, b planted) int { return int(a.age - b.age) })
		got := prune(t, r, o)
		count, missing, forSize := map[folder.Path]int{}, 0, false
		for _, v := range all {
			count[v.path]++
			if here(v.name) {
				if count[v.path] > keep {
					t.Fatalf("more than %d of %q", keep, v.path)
				}
				continue
			}
			missing++
			if count[v.path] > keep || o.Age > 0 && v.age > o.Age {
				continue
			}
			if v.age < looked+Grace || o.Bytes == 0 { // by the last look too
				t.Fatalf("%v old, gone without a reason", v.age)
			}
			for _, w := range all { // the oldest go first
				if w.age > v.age && here(w.name) {
					t.Fatalf("%v went, %v stays", v.age, w.age)
				}
			}
			if !forSize && got.Bytes+v.size <= o.Bytes {
				t.Fatalf("%v old, the last to go, though there was room: %+v of %d", v.age, got, o.Bytes)
			}
			forSize = true
		}
		if int(got.Removed) != missing || int(got.Files) != len(all)-missing || got.More {
			t.Fatalf("%d of %d missing: %+v", missing, len(all), got)
		}
		if o.Bytes > 0 && got.Bytes > o.Bytes && slices.ContainsFunc(all, func(v planted) bool { return v.age > looked+Grace && here(v.name) }) {
			t.Fatalf("%d bytes are left of %d that may be", got.Bytes, o.Bytes)
		}
	})
}

// TestPruneBounded removes more than it may at a time.
func TestPruneBounded(t *testing.T) {
	r := openRoot(t)
	var o oldest
	ages := rand.New(rand.NewPCG(1, 2)).Perm(pruneOldest + 500)
	for _, n := range ages {
		o.offer(old{"d", versionOf("a", pruneNow.Add(-time.Duration(n)*time.Minute)), 1})
	}
	if len(o) != pruneOldest || o[0].stamp != versionOf("a", pruneNow.Add(-500*time.Minute)).stamp {
		t.Errorf("%d, the newest of %s", len(o), o[0].stamp)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	plantVersion(t, r, "a", 100*24*time.Hour, "x")
	if _, err := r.Prune(ctx, Pruning{Now: pruneNow, Age: time.Hour}); err == nil {
		t.Error("a look that was called off says nothing")
	}
}

// TestLongNamesAreKnown checks that the whole of a name survives that is too long
// for its version, as long as there is one.
func TestLongNamesAreKnown(t *testing.T) {
	r := openRoot(t)
	long := folder.Path("d/" + strings.Repeat("ü", 125) + ".txt")
	if _, err := r.Mkdir("d", dirValue, nothing); err != nil {
		t.Fatal(err)
	}
	l := put(t, r, long, "one", nothing)
	l = put(t, r, long, "two", l)
	if err := drop(r, long, l); err != nil {
		t.Fatal(err)
	}
	vs := allVersions(t, r, "")
	if len(vs) != 2 || vs[0].Path != long || vs[1].Path != long {
		t.Fatalf("%+v", vs)
	}
	prune(t, r, Pruning{Now: time.Now().Add(2 * time.Hour)})
	prune(t, r, Pruning{Now: time.Now().Add(50 * time.Hour), Age: time.Hour})
	if left := names(t, r.full(".qsync/versions")); len(left) > 0 {
		t.Errorf("left: %q %q", left, names(t, r.full(".qsync/versions/d")))
	}
}

// TestVersionsWhilePruned keeps versions in directories that are pruned away as
// empty at the same time.
func TestVersionsWhilePruned(t *testing.T) {
	eachRoot(t, func(t *testing.T, r *Root) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			for i := range 60 {
				prune(t, r, Pruning{Now: time.Now().Add(time.Duration(i) * 3 * time.Hour), Age: time.Hour})
			}
		}()
		if _, err := r.Mkdir("d", dirValue, nothing); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Mkdir("d/e", dirValue, nothing); err != nil {
			t.Fatal(err)
		}
		n := 0
		for open := true; open; n++ {
			l := put(t, r, "d/e/a", fmt.Sprint(n), nothing)
			if err := drop(r, "d/e/a", l); err != nil {
				t.Fatal(err)
			}
			select {
			case <-done:
				open = false
			default:
			}
		}
		for _, v := range allVersions(t, r, "") {
			if v.Path != "d/e/a" {
				t.Errorf("a version lost its place: %+v", v)
			}
		}
	})
}

func allVersions(t *testing.T, r *Root, under folder.Path) []Version {
	t.Helper()
	var all []Version
	err := r.Versions(context.Background(), under, "", func(vs []Version) error { all = append(all, vs...); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return all
}
