//go:build unix

package integration

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// times is how often a loop runs: as the environment says, or else a few times.
func times(t *testing.T, name string, few int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return few
	}
	n, err := strconv.Atoi(text)
	must(t, err)
	return n
}

// legal is every content that a user has written, by its digest.
type legal struct {
	mu      sync.Mutex
	digests map[[32]byte]bool
	n       uint64
}

// next makes a content that nobody has written before, of up to most bytes.
func (l *legal) next(random *rand.Rand, most int) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n++
	b := make([]byte, 16+random.IntN(most))
	_, _ = rand.NewChaCha8([32]byte{byte(l.n), byte(l.n >> 8)}).Read(b) // never fails
	copy(b, fmt.Sprintf("%016x", l.n))
	l.digests[sha256.Sum256(b)] = true
	return b
}

// look reads every file of a tree once and says which holds what nobody wrote.
func (l *legal) look(root string) error {
	return filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err == nil && d.Name() == ".qsync":
			return filepath.SkipDir
		case err != nil || !d.Type().IsRegular():
			return err
		}
		b, err := os.ReadFile(p)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		if err == nil && !l.digests[sha256.Sum256(b)] {
			err = fmt.Errorf("%s holds %d bytes that nobody wrote: %.40q", p, len(b), b)
		}
		return err
	})
}

// polls opens a file that is only ever overwritten, again and again: it is never
// missing, and never anything but whole.
func (l *legal) polls(path string, stop <-chan struct{}) error {
	for {
		select {
		case <-stop:
			return nil
		default:
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		l.mu.Lock()
		ok := l.digests[sha256.Sum256(b)]
		l.mu.Unlock()
		if !ok {
			return fmt.Errorf("%s: %d bytes that nobody wrote", path, len(b))
		}
		time.Sleep(time.Millisecond)
	}
}

// watched checks a tree until stop is called, which says what was wrong.
func (l *legal) watched(root, stable string) (stop func() error) {
	end, errs := make(chan struct{}), make(chan error, 2)
	go func() { errs <- l.polls(stable, end) }()
	go func() {
		for {
			select {
			case <-end:
				errs <- nil
				return
			case <-time.After(20 * time.Millisecond):
			}
			if err := l.look(root); err != nil {
				errs <- err
				return
			}
		}
	}()
	return func() error {
		close(end)
		return errors.Join(<-errs, <-errs)
	}
}

// atomically replaces a file below root in one step. Until then it is beside
// root, where nobody looks.
func atomically(root, path string, b []byte) error {
	beside := root + ".tmp"
	if err := os.WriteFile(beside, b, 0o644); err != nil {
		return err
	}
	return os.Rename(beside, path)
}

// TestKills kills the sender or the receiver of a transfer of 2 000 files at
// random moments, over and over: no file is ever partial, none that is overwritten
// is ever missing, and in the end both sides hold the same, without a conflict.
// (F1, F2, F19)
func TestKills(t *testing.T) {
	t.Parallel()
	kills := times(t, "QSYNC_KILLS", 3)
	files := 2000
	if kills < 50 {
		files = 400
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	l := &legal{digests: map[[32]byte]bool{}}
	pair := newCouple(t)
	path := func(root string, i int) string {
		return filepath.Join(root, fmt.Sprint("d", i%40), fmt.Sprint("f", i))
	}
	put := func(i int) {
		p := path(pair.dirs[0], i)
		must(t, os.MkdirAll(filepath.Dir(p), 0o755))
		must(t, atomically(pair.dirs[0], p, l.next(random, 8<<10)))
	}
	put(0)
	running := [2]*process{pair.start(0), pair.start(1)}
	pair.settle()
	stop := l.watched(pair.dirs[1], path(pair.dirs[1], 0))
	for i := range files {
		put(i)
	}
	for range kills {
		for range files / 20 {
			i := random.IntN(files)
			if i > 0 && random.IntN(8) == 0 {
				_ = os.Remove(path(pair.dirs[0], i)) // or it is gone already
			} else {
				put(i)
			}
		}
		side := random.IntN(2)
		time.Sleep(time.Duration(random.IntN(2000)) * time.Millisecond)
		running[side].kill()
		running[side] = pair.start(side)
	}
	pair.settle()
	must(t, stop())
	must(t, synced.unequal(pair.dirs...))
	must(t, l.look(pair.dirs[1]))
	for _, dir := range pair.dirs {
		for p := range synced.must(t, dir) {
			if strings.Contains(p, ".conflict-") {
				t.Errorf("%s%s", dir, p)
			}
		}
		left, err := os.ReadDir(filepath.Join(dir, ".qsync", "tmp"))
		if err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	}
}
