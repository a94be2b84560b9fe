package disk

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"qsync/folder"
)

// follower keeps an index up to date by hints alone, as a node does.
type follower struct {
	t    *testing.T
	r    *Root
	w    *Watcher
	x    index
	lost int
}

// follow watches a root with these entries.
func follow(t *testing.T, entries ...string) *follower {
	t.Helper()
	t.Parallel() // they mostly wait
	r := openRoot(t)
	grow(t, r.Path(), entries...)
	w, err := NewWatcher(r)
	if err != nil {
		t.Fatal(err)
	}
	f := &follower{t: t, r: r, w: w, x: index{}}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	f.scan("", false)
	return f
}

func (f *follower) scan(under folder.Path, shallow bool) {
	l := look(f.t, f.r, f.x, ScanOptions{Under: under, Shallow: shallow, Watch: f.w})
	f.x.adopt(l.found)
}

// obey follows hints until none comes for quiet.
func (f *follower) obey(quiet time.Duration) (got []Hint) {
	f.t.Helper()
	end := time.After(10 * time.Second)
	for {
		select {
		case h := <-f.w.Hints():
			got = append(got, h)
			if h.Lost {
				f.lost++
			}
			f.scan(h.Path, !h.Deep && !h.Lost)
		case <-time.After(quiet):
			return got
		case <-end:
			f.t.Fatal("hints without end")
		}
	}
}

// wantInStep checks that the index names just what is on the disk.
func (f *follower) wantInStep() {
	f.t.Helper()
	var got, want []string
	for _, k := range f.x.sorted() {
		got = append(got, string(k.Path))
	}
	for _, x := range look(f.t, f.r, index{}, ScanOptions{}).found {
		want = append(want, string(x.Path))
		if in, ok := f.x[x.Path]; ok && !folder.SameContent(in.Value, x.After.Value) {
			f.t.Errorf("%s: content differs", x.Path)
		}
	}
	if !slices.Equal(got, want) {
		f.t.Errorf("index has %d entries, disk %d\n%q\n%q", len(got), len(want), got, want)
	}
}

func (f *follower) path(p string) string { return filepath.Join(f.r.Path(), p) }

func (f *follower) move(from, to string) {
	f.t.Helper()
	if err := os.Rename(f.path(from), f.path(to)); err != nil {
		f.t.Fatal(err)
	}
}
