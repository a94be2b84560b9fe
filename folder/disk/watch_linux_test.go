package disk

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const calm = 150 * time.Millisecond

func TestWatchSingleChange(t *testing.T) {
	f := follow(t, "a/b", "c")
	f.obey(calm)
	f.soon(200*time.Millisecond, func() time.Time {
		start := time.Now()
		write(t, f.path("a/b"), fmt.Sprint("new ", start))
		if h := <-f.w.Hints(); h != (Hint{Path: "a/b", Wrote: true}) {
			t.Errorf("%+v", h)
		}
		return start
	})
	f.scan("a/b", true)
	if f.x["a/b"].Stat.Racy {
		t.Error("the hint came while the file was racy") // and would be read twice
	}
	if more := f.obey(calm); len(more) > 0 {
		t.Errorf("also %v", more)
	}
	os.Remove(f.path("a/b"))
	if got := f.obey(calm); !slices.Equal(got, []Hint{{Path: "a"}, {Path: "a/b"}}) {
		t.Errorf("removal: %v", got)
	}
	f.wantInStep()
}

// A file that is kept open for writing is hinted at now and then, and when it
// is closed.
func TestWatchLongOpen(t *testing.T) {
	f := follow(t, "log")
	f.obey(calm)
	file, err := os.OpenFile(f.path("log"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	start, n := time.Now(), 0
	for time.Since(start) < 3*settleOpen/2 {
		file.WriteString("line\n")
		select {
		case <-f.w.Hints():
			n++
		case <-time.After(5 * time.Millisecond):
		}
	}
	if took := time.Since(start); n < 1 || n > int(took/settleOpen) {
		t.Errorf("%d hints in %v of writing", n, took)
	}
	f.soon(settleOpen/4, func() time.Time {
		if file == nil { // once more
			if file, err = os.OpenFile(f.path("log"), os.O_WRONLY|os.O_APPEND, 0); err != nil {
				t.Fatal(err)
			}
			file.WriteString("line\n")
		}
		start := time.Now()
		file.Close()
		file = nil
		<-f.w.Hints()
		return start
	})
}

// F43: what appears in a directory before it is watched is found all the same.
func TestWatchMkdirStorm(t *testing.T) {
	f := follow(t, "seed")
	outside := t.TempDir()
	const rounds = 120
	made := make(chan error, 1)
	go func() {
		for i := range rounds {
			deep := f.path(fmt.Sprintf("m%d/a/b/c/d", i))
			ready := filepath.Join(outside, fmt.Sprint(i))
			if err := os.MkdirAll(deep, 0o755); err != nil {
				made <- err
				return
			}
			os.WriteFile(filepath.Join(deep, "x"), []byte("x"), 0o644)
			os.MkdirAll(filepath.Join(ready, "p/q"), 0o755)
			os.WriteFile(filepath.Join(ready, "p/q/y"), []byte("y"), 0o644)
			os.Rename(ready, f.path(fmt.Sprintf("r%d", i)))
			os.WriteFile(f.path(fmt.Sprintf("r%d/p/z", i)), []byte("z"), 0o644)
			if i%3 == 0 {
				os.RemoveAll(f.path(fmt.Sprintf("m%d/a/b", i)))
			}
			if i%8 == 0 {
				time.Sleep(5 * time.Millisecond)
			}
		}
		made <- nil
	}()
	f.obey(2 * calm)
	if err := <-made; err != nil {
		t.Fatal(err)
	}
	f.obey(calm)
	f.wantInStep()
	if f.lost > 0 {
		t.Errorf("%d times lost", f.lost)
	}
	// All of it is watched now.
	write(t, f.path("r7/p/q/y"), "later")
	write(t, f.path("m7/a/b/c/d/x"), "later")
	f.obey(calm)
	f.wantInStep()
}

// F44: a directory that is renamed keeps its watches, and so does what is below.
func TestWatchRenamedTree(t *testing.T) {
	var entries []string
	for i := range 150 {
		entries = append(entries, fmt.Sprintf("old/s%d/t/f", i))
	}
	f := follow(t, append(entries, "other/x")...)
	f.obey(calm)
	f.move("old", "other/new")
	// Before any scan has a chance to watch it again:
	time.Sleep(5 * time.Millisecond)
	write(t, f.path("other/new/s3/t/f"), "at once")
	f.obey(calm)
	f.wantInStep()
	write(t, f.path("other/new/s99/t/f"), "later")
	if got := f.obey(calm); !slices.Equal(got, []Hint{{Path: "other/new/s99/t/f", Wrote: true}}) {
		t.Error(got)
	}
	f.move("other/new", "again")
	f.obey(calm)
	f.move("again", "other/back")
	if got := f.obey(calm); !slices.Contains(got, Hint{Path: "other/back", Deep: true, From: "again"}) {
		t.Error("where it came from is not told:", got)
	}
	write(t, f.path("other/back/s5/t/g"), "new")
	f.obey(calm)
	f.wantInStep()
	if f.lost > 0 {
		t.Errorf("%d times lost", f.lost)
	}
}

// Two directories that change places, and one whose name another takes.
func TestWatchExchange(t *testing.T) {
	f := follow(t, "a/in/f", "b/in/f")
	f.obey(calm)
	for i := range 5 {
		if err := unix.Renameat2(unix.AT_FDCWD, f.path("a"), unix.AT_FDCWD, f.path("b"), unix.RENAME_EXCHANGE); err != nil {
			t.Fatal(err)
		}
		f.move("a", "tmp")
		grow(t, f.r.Path(), "a/in/f")
		f.obey(calm)
		write(t, f.path("a/in/f"), fmt.Sprint("a", i))
		write(t, f.path("b/in/f"), fmt.Sprint("b", i))
		write(t, f.path("tmp/in/f"), fmt.Sprint("tmp", i))
		f.obey(calm)
		f.wantInStep()
		remove(t, f.path("tmp"))
		f.obey(calm)
	}
}

// A directory that leaves the tree is not watched any more.
func TestWatchMovedOut(t *testing.T) {
	f := follow(t, "a/b/c", "d")
	outside := filepath.Join(t.TempDir(), "out")
	f.obey(calm)
	if err := os.Rename(f.path("a"), outside); err != nil {
		t.Fatal(err)
	}
	f.obey(2 * calm)
	write(t, filepath.Join(outside, "b/new"), "x")
	if got := f.obey(calm); len(got) > 0 {
		t.Errorf("hints from outside: %v", got)
	}
	f.w.mu.Lock()
	defer f.w.mu.Unlock()
	if n := len(f.w.tree.byWD); n != 1 {
		t.Errorf("%d watches left", n)
	}
	f.wantInStep()
}

func TestWatchLeavesOurOwnAlone(t *testing.T) {
	f := follow(t, "ignored/x", "a/x")
	write(t, f.path(IgnoreName), "ignored/\n")
	if got := f.obey(calm); !slices.Contains(got, Hint{Deep: true}) {
		t.Errorf("new patterns, but %v", got)
	}
	grow(t, f.r.Path(), "new/ignored/x")
	f.obey(calm)
	grow(t, f.r.Path(), "new/ignored/y", ".qsync/z", ".qsync/tmp/z")
	os.Remove(f.path(".qsync/z"))
	if got := f.obey(calm); len(got) > 0 {
		t.Error(got)
	}
}

func TestWatchRootGone(t *testing.T) {
	f := follow(t, "a")
	f.obey(calm)
	if err := os.Rename(f.r.Path(), f.r.Path()+".old"); err != nil {
		t.Fatal(err)
	}
	if h := <-f.w.Hints(); !h.Lost {
		t.Error(h)
	}
	if _, err := tryLook(f.r, f.x, ScanOptions{}); err == nil {
		t.Error("scan believes it")
	}
	if err := os.Rename(f.r.Path()+".old", f.r.Path()); err != nil {
		t.Fatal(err)
	}
}

// F41: an overflow of the kernel's queue is a rescan.
func TestWatchOverflow(t *testing.T) {
	r := openRoot(t)
	w, err := NewWatcher(r)
	if err != nil {
		t.Fatal(err)
	}
	look(t, r, index{}, ScanOptions{Watch: w})
	b, err := os.ReadFile("/proc/sys/fs/inotify/max_queued_events")
	if err != nil {
		t.Fatal(err)
	}
	var limit int
	fmt.Sscan(string(b), &limit)
	grow(t, r.Path(), "f0", "f1")
	for i := range min(limit, 40000) + 100 {
		// Another name each time, or the kernel would merge the events.
		if err := os.Chmod(filepath.Join(r.Path(), fmt.Sprintf("f%d", i%2)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	done := make(chan error)
	go func() { done <- w.Run(ctx) }()
	wantLost := func() {
		t.Helper()
		for {
			select {
			case h := <-w.Hints():
				if h.Lost {
					return
				}
			case <-ctx.Done():
				t.Fatal("no hint that some were lost")
			}
		}
	}
	if limit <= 40000 {
		wantLost()
	}
	// And as the kernel would put it:
	ev := binary.NativeEndian.AppendUint32(nil, 1<<32-1)
	ev = binary.NativeEndian.AppendUint32(ev, unix.IN_Q_OVERFLOW)
	w.handle(append(ev, make([]byte, 8)...), time.Now())
	w.nudge <- struct{}{}
	wantLost()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// F42: without watches the node says so, once the same sentence, and scans go on.
func TestWatchLimits(t *testing.T) {
	r, x := known(t, "a/b", "c/d")
	w, err := NewWatcher(r)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	look(t, r, x, ScanOptions{Watch: w})
	if s := w.Limited(); s != "" {
		t.Error(s)
	}
	real, left := w.watch, 1
	w.watch = func(fd int, path string, mask uint32) (int, error) {
		if left--; left < 0 {
			return -1, unix.ENOSPC
		}
		return real(fd, path, mask)
	}
	grow(t, r.Path(), "c/e")
	wantPaths(t, look(t, r, x, ScanOptions{Watch: w}), "c:directory>directory", "c/e:absent>file")
	said := w.Limited()
	if !strings.Contains(said, "fs.inotify.max_user_watches") {
		t.Errorf("%q", said)
	}
	left = 1
	look(t, r, x, ScanOptions{Watch: w})
	if w.Limited() != said {
		t.Error("the sentence changed")
	}
	w.watch = real
	look(t, r, x, ScanOptions{Watch: w})
	look(t, r, x, ScanOptions{Watch: w})
	if s := w.Limited(); s != "" {
		t.Errorf("all is watched again, but %q", s)
	}
}

func TestWatchNoInstance(t *testing.T) {
	for _, errno := range []error{unix.EMFILE, unix.ENFILE, unix.ENOSYS} {
		w := &Watcher{hints: make(chan Hint), fd: -1, tree: newTree()}
		if err := w.instance(-1, errno); err != nil {
			t.Fatal(err)
		}
		r, x := known(t, "a/b")
		wantPaths(t, look(t, r, x, ScanOptions{Watch: w}))
		if w.Limited() == "" {
			t.Error("not said")
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := w.Run(ctx); err != nil {
			t.Error(err)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := (&Watcher{}).instance(-1, unix.ENOMEM); err != unix.ENOMEM {
		t.Error(err)
	}
}

func TestWatchLeavesNothingBehind(t *testing.T) {
	r := openRoot(t)
	grow(t, r.Path(), "a/b")
	open := func() int { return len(names(t, "/proc/self/fd")) }
	goroutines, files := runtime.NumGoroutine(), open()
	for range 5 {
		w, err := NewWatcher(r)
		if err != nil {
			t.Fatal(err)
		}
		look(t, r, index{}, ScanOptions{Watch: w})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- w.Run(ctx) }()
		write(t, filepath.Join(r.Path(), "a/b"), "x")
		time.Sleep(time.Millisecond)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		look(t, r, index{}, ScanOptions{Watch: w}) // a scan may outlive it
	}
	wantGoroutines(t, goroutines)
	if n := open(); n > files {
		t.Errorf("%d descriptors before, %d after", files, n)
	}
}
