package disk

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"qsync/folder"
)

// index is an index as a scan sees it.
type index map[folder.Path]folder.Local

func (x index) sorted() []Known {
	out := make([]Known, 0, len(x))
	for p, l := range x {
		out = append(out, Known{p, l})
	}
	slices.SortFunc(out, func(a, b Known) int { return a.Path.Compare(b.Path) })
	return out
}

func (x index) under(p folder.Path) iter.Seq2[Known, error] {
	return func(yield func(Known, error) bool) {
		for _, k := range x.sorted() {
			if (p == "" || k.Path == p || k.Path.Below(p)) && !yield(k, nil) {
				return
			}
		}
	}
}

// adopt makes x what the findings say.
func (x index) adopt(found []Found) {
	for _, f := range found {
		if f.After.Value.Kind == folder.Absent {
			delete(x, f.Path)
		} else {
			x[f.Path] = f.After
		}
	}
}

// looked is what a scan reported.
type looked struct {
	found    []Found
	problems []Problem
	stats    ScanStats
}

func (l looked) paths() []string {
	var out []string
	for _, f := range l.found {
		after := f.After.Value.Kind.String()
		if f.After.Ignored {
			after = "ignored"
		}
		out = append(out, fmt.Sprintf("%s:%v>%s", f.Path, f.Before.Value.Kind, after))
	}
	return out
}

// look scans r as o says against x.
func look(t *testing.T, r *Root, x index, o ScanOptions) looked {
	t.Helper()
	l, err := tryLook(r, x, o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func tryLook(r *Root, x index, o ScanOptions) (l looked, err error) {
	o.Known = x.under(o.Under)
	o.Found = func(f Found) error { l.found = append(l.found, f); return nil }
	o.Problem = func(p Problem) { l.problems = append(l.problems, p) }
	l.stats, err = r.Scan(context.Background(), o)
	return l, err
}

// settleDown waits until nothing in the tree is racy any more.
func settleDown() { time.Sleep(fineTick + 2*time.Millisecond) }

// grow writes entries below dir: "x/" is a directory, "x -> y" a symlink, else
// a file with its own path as content.
func grow(t *testing.T, dir string, entries ...string) {
	t.Helper()
	for _, e := range entries {
		name, target, link := strings.Cut(e, " -> ")
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		switch {
		case link:
			err = os.Symlink(target, path)
		case strings.HasSuffix(name, "/"):
			err = os.MkdirAll(path, 0o755)
		default:
			err = os.WriteFile(path, []byte(name), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// known returns a settled root with these entries, and its index.
func known(t *testing.T, entries ...string) (*Root, index) {
	t.Helper()
	r := openRoot(t)
	grow(t, r.Path(), entries...)
	settleDown()
	x := index{}
	l := look(t, r, x, ScanOptions{})
	if len(l.problems) > 0 {
		t.Fatal(l.problems)
	}
	x.adopt(l.found)
	return r, x
}

func wantPaths(t *testing.T, l looked, want ...string) {
	t.Helper()
	if got := l.paths(); !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}

func wantProblem(t *testing.T, l looked, p folder.Path, is error) {
	t.Helper()
	if len(l.problems) != 1 || l.problems[0].Path != p || !errors.Is(l.problems[0].Err, is) {
		t.Errorf("problems %v, want %q: %v", l.problems, p, is)
	}
}

func remove(t *testing.T, parts ...string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(parts...)); err != nil {
		t.Fatal(err)
	}
}

// wantGoroutines checks that no more than n are left. One that has told that it
// ends may take a moment to be gone.
func wantGoroutines(t *testing.T, n int) {
	t.Helper()
	for end := time.Now().Add(2 * time.Second); runtime.NumGoroutine() > n; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines before, %d after", n, runtime.NumGoroutine())
		}
	}
}
