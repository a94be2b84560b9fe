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

// obey follows hints until none comes for quiet. That is counted in naps, each of
// which is the longer the longer the machine makes everybody wait.
func (f *follower) obey(quiet time.Duration) (got []Hint) {
	f.t.Helper()
	const nap = 10 * time.Millisecond
	end := time.After(30 * time.Second)
	for naps := 0; naps < int(quiet/nap); naps++ {
		select {
		case h := <-f.w.Hints():
			got = append(got, h)
			if h.Lost {
				f.lost++
			}
			f.scan(h.Path, !h.Deep && !h.Lost)
			naps = 0
		case <-time.After(nap):
		case <-end:
			f.t.Fatal("hints without end")
		}
	}
	return got
}

// soon does something that is hinted at, and says when that began. The hint has
// to come within the time: on a machine that has other things to do, once in ten.
func (f *follower) soon(within time.Duration, do func() (began time.Time)) {
	f.t.Helper()
	var took time.Duration
	for range 10 {
		if took = time.Since(do()); took <= within {
			return
		}
		f.obey(calm)
	}
	f.t.Errorf("the hint came after %v, ten times", took)
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
