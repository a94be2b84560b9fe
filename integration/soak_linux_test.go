package integration

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// soakRounds is how often a soak settles and takes the nodes' measure.
const soakRounds = 12

// What a node may hold more in the second half of a soak than in the first,
// which warms it up: caches fill, and the collector takes its time.
const (
	soakFiles      = 8
	soakGoroutines = 10
	soakMemory     = 24 << 10 // KiB resident, and a quarter
)

// TestSoak lets two nodes follow steady changes on both sides, with restarts of
// neither: memory, descriptors and goroutines must stay where they are.
// QSYNC_SOAK=1h makes it last that long.
func TestSoak(t *testing.T) {
	t.Parallel()
	last := 4 * time.Second
	if s := os.Getenv("QSYNC_SOAK"); s != "" {
		var err error
		last, err = time.ParseDuration(s)
		must(t, err)
	}
	a, b := newMachine(t, "a"), newMachine(t, "b")
	d := dirs(t, "a", "b")
	args := []string{"--listen", "127.0.0.1:0", "--no-discovery", "--max-delete", "100%"}
	pa := a.start(append([]string{"share", d[0], "--json"}, args...)...)
	ready := pa.ready()
	pb := b.startFed(ready.ID, append([]string{"join", "-", d[1], "--remote", ready.Listen[0]}, args...)...)
	a.settles(1)

	random := rand.New(rand.NewPCG(1, 2))
	nodes := map[*machine]*process{a: pa, b: pb}
	first, second := map[*machine]footprint{}, map[*machine]footprint{}
	for round := range soakRounds {
		for end := time.Now().Add(last / soakRounds); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
			soakChange(t, random, d[random.IntN(2)])
		}
		a.settles(1)
		b.settles(1)
		for m, p := range nodes {
			now := measured(t, m, p.cmd.Process.Pid)
			t.Logf("round %d, %s: %+v", round, m.name, now)
			if round < soakRounds/2 {
				first[m] = first[m].most(now)
			} else {
				second[m] = second[m].most(now)
			}
		}
	}
	// A directory that one side removed while the other worked in it lives on for
	// what is in it alone: nobody's time is its own.
	eventually(t, func() error { return entries.unequal(d...) })
	for m := range nodes {
		was, is := first[m], second[m]
		if is.files > was.files+soakFiles || is.goroutines > was.goroutines+soakGoroutines || is.memory > was.memory+was.memory/4+soakMemory {
			t.Errorf("%s grows: at most %+v in the first half, %+v in the second", m.name, was, is)
		}
	}
}

// soakChange makes one change among a few hundred paths, as people and their
// programs do: new content, a new name, an end.
func soakChange(t *testing.T, random *rand.Rand, root string) {
	dir := filepath.Join(root, fmt.Sprint("dir", random.IntN(10)))
	path := filepath.Join(dir, fmt.Sprint("file", random.IntN(30)))
	switch random.IntN(8) {
	case 0:
		_ = os.Remove(path) // it need not be there
	case 1:
		_ = os.Rename(path, path+".moved")
	case 2:
		_ = os.RemoveAll(dir)
	default:
		must(t, os.MkdirAll(dir, 0o755))
		err := os.WriteFile(path, []byte(strings.Repeat(strconv.Itoa(random.Int()), random.IntN(2000))), 0o644)
		if !errors.Is(err, fs.ErrNotExist) { // what the other side removed is removed here by now
			must(t, err)
		}
	}
}

// footprint is what a process holds.
type footprint struct{ files, goroutines, memory int }

func (f footprint) most(g footprint) footprint {
	return footprint{max(f.files, g.files), max(f.goroutines, g.goroutines), max(f.memory, g.memory)}
}

func measured(t *testing.T, m *machine, pid int) footprint {
	t.Helper()
	var f footprint
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	must(t, err)
	f.files = len(open)
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	must(t, err)
	_, rest, found := strings.Cut(string(text), "VmRSS:")
	if _, err := fmt.Sscan(rest, &f.memory); err != nil || !found {
		t.Fatalf("no VmRSS in %s", text)
	}
	for _, n := range m.status().Nodes {
		f.goroutines += n.Goroutines
	}
	if f.goroutines == 0 {
		t.Fatal("no goroutines in the status")
	}
	return f
}
