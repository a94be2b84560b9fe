//go:build unix

package integration

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Random work on both sides of 2 000 files at the same time: in the end both
// hold the same, all of it whole, and what only one side touched is as that
// side left it.
func TestChurn(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("QSYNC_INTEGRATION_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		must(t, err)
		seed = n
	}
	t.Logf("QSYNC_INTEGRATION_SEED=%d", seed)
	a, b := newMachine(t, "a"), newMachine(t, "b")
	d := dirs(t, "a", "b")
	fill(t, filepath.Join(d[0], "shared"), 1000)
	fill(t, filepath.Join(d[0], "a's"), 500)
	fill(t, filepath.Join(d[1], "b's"), 500)
	args := []string{"--listen", "127.0.0.1:0", "--max-delete", "100%"}
	ready := a.start(append([]string{"share", d[0], "--json"}, args...)...).ready()
	b.startFed(ready.ID, append([]string{"join", "-", d[1], "--remote", ready.Listen[0]}, args...)...)
	a.settles(1)
	same(t, d...)

	steps := 400
	if long {
		steps = 20_000
	}
	random := rand.New(rand.NewPCG(seed, 2))
	users := []*user{newUser(random.Uint64(), "a", d[0]), newUser(random.Uint64(), "b", d[1])}
	done := make(chan error, len(users))
	for _, u := range users {
		go func() { done <- u.work(steps) }()
	}
	for range users {
		must(t, <-done)
	}
	for range 3 { // each side looks afresh and waits for the other
		a.settles(1)
		b.settles(1)
	}
	// A directory that one side removed while the other worked in it lives on
	// for what is in it alone: nobody's time is its own.
	eventually(t, func() error { return entries.unequal(d...) })
	for _, u := range users {
		own, err := synced.read(filepath.Join(u.root, u.name+"'s"))
		must(t, err)
		if err := differs(u.before, own); err != nil {
			t.Errorf("what only %s touched is not as it was left: %v", u.name, err)
		}
	}
	for path, line := range synced.must(t, d[0]) {
		if strings.Contains(path, ".conflict-") && !strings.HasPrefix(path, "/shared") {
			t.Errorf("a conflict where there was none: %s %s", path, line)
		}
	}
}

// user works at random in the shared directory and in one of their own.
type user struct {
	random *rand.Rand
	name   string
	root   string
	count  int
	before tree // the user's own directory, as it was left
}

func newUser(seed uint64, name, root string) *user {
	return &user{random: rand.New(rand.NewPCG(seed, 1)), name: name, root: root}
}

func (u *user) work(steps int) error {
	for range steps {
		if err := u.step(); err != nil && !os.IsNotExist(err) && !notTheRightKind(err) {
			return err
		}
		if u.random.IntN(40) == 0 {
			time.Sleep(time.Duration(u.random.IntN(60)) * time.Millisecond)
		}
	}
	var err error
	u.before, err = synced.read(filepath.Join(u.root, u.name+"'s"))
	return err
}

// notTheRightKind: the other side has put a directory or a file here meanwhile.
func notTheRightKind(err error) bool {
	for _, text := range []string{"is a directory", "not a directory", "file exists", "not empty"} {
		if strings.Contains(err.Error(), text) {
			return true
		}
	}
	return false
}

// path is a place to work at: in one of a few directories, so that users meet.
func (u *user) path() string {
	top := []string{"shared", u.name + "'s"}[u.random.IntN(2)]
	return filepath.Join(u.root, top, fmt.Sprint("d", u.random.IntN(9)), fmt.Sprint("f", u.random.IntN(100)))
}

func (u *user) step() error {
	p := u.path()
	u.count++
	content := fmt.Sprintf("%s %d\n", u.name, u.count)
	switch u.random.IntN(12) {
	case 0, 1, 2, 3, 4:
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			return err
		}
		return os.WriteFile(p, []byte(content), 0o644)
	case 5, 6:
		f, err := os.OpenFile(p, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = f.WriteString(content)
		return err
	case 7, 8:
		return os.Remove(p)
	case 9: // a new name in the same half of the tree
		return os.Rename(p, filepath.Join(filepath.Dir(p), fmt.Sprint("f", u.random.IntN(100))))
	case 10:
		return os.Chmod(p, []os.FileMode{0o600, 0o644, 0o755}[u.random.IntN(3)])
	}
	if u.random.IntN(10) == 0 {
		return os.RemoveAll(filepath.Dir(p))
	}
	_ = os.Remove(p)
	return os.Symlink(content, p)
}
