package folder

import (
	"encoding/binary"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
)

func TestMain(m *testing.M) {
	for c := 1; c < maxContents; c++ {
		binary.BigEndian.PutUint64(digests[c][:], uint64(c)*0x9e3779b97f4a7c15|1)
		binary.BigEndian.PutUint64(twins[c][:], 0xabcdef<<40|uint64(c))
		digests[c][31], twins[c][31] = byte(c), byte(c)
		targets[c] = string([]byte{byte(c)})
	}
	os.Exit(m.Run())
}

// run plays the history of a seed and returns what went wrong.
func (w *world) run(seed uint64) string {
	w.reset(seed)
	if seed%16 == 0 {
		w.calm()
		w.calm()
		return w.failure
	}
	loses := w.r.IntN(6) == 0
	for range 8 + w.r.IntN(28) {
		w.now += int64(w.r.IntN(3))
		w.step(loses)
	}
	w.checkNow()
	w.quiesce()
	w.checkEnd()
	if seed%4 == 0 {
		w.calm()
	}
	return w.failure
}

// without has r, and perhaps another, away for so long that the others settle
// everything among themselves and no longer wait for it with their tombstones.
func (w *world) without(r *replica) {
	var away [maxReplicas]bool
	away[r.n] = true
	if len(w.reps) > 2 {
		away[w.r.IntN(len(w.reps))] = true
	}
	for range 2 {
		for _, l := range w.links {
			if !away[l[0]] && !away[l[1]] {
				w.exchange(l[0], l[1], w.r.IntN(8) == 0)
			}
		}
		for _, s := range w.reps {
			if !away[s.n] {
				for i := range s.peers {
					s.peers[i].known = s.peers[i].known && !away[i]
				}
				w.scanAll(s)
				w.applyAll(s)
				w.collect(s)
			}
		}
	}
}

// inBetween has a user of r at work while a batch has come and the next has not.
func (w *world) inBetween(from int, r *replica) {
	w.open(from, r.n)
	for range 1 + w.r.IntN(3) {
		w.send(from, r.n, 1)
		f := w.flight[len(w.flight)-1]
		w.flight = w.flight[:len(w.flight)-1]
		w.receive(f)
		w.applyAll(r)
		w.userOp(r)
		w.scanAll(r)
	}
}

// calm lets one user do something when all is quiet: then every disk is to
// look like that user's, and nothing may be in conflict.
func (w *world) calm() {
	for range 2 {
		w.now += 3
		r := w.reps[w.r.IntN(len(w.reps))]
		w.userOp(r)
		want, n, copies := r.disk, len(w.paths), w.copies
		w.scanAll(r)
		w.quiesce()
		w.checkEnd()
		if w.lost {
			continue // a write may be live that no disk shows any more
		}
		if w.copies > copies || len(w.paths) > n {
			w.fail("conflict copy without a conflict")
		}
		for i := range n {
			// A directory that only its entries kept there goes with them.
			if have := r.disk[i]; want[i].Kind != Dir && have.Kind != Dir && !SameOnDisk(have, want[i]) {
				w.fail("%s: user made it %s, but it became %s", w.paths[i], show(want[i]), show(have))
			}
		}
	}
}

func (w *world) step(loses bool) {
	r := w.reps[w.r.IntN(len(w.reps))]
	l := w.links[w.r.IntN(len(w.links))]
	switch k := w.r.IntN(100); {
	case k < 28:
		w.userOp(r)
	case k < 35:
		w.scan(r, w.r.IntN(len(w.paths)))
	case k < 44:
		w.scanAll(r)
	case k < 49:
		w.apply(r, w.r.IntN(len(w.paths)))
	case k < 56:
		w.applyAll(r)
	case k < 70:
		w.exchange(l[0], l[1], w.r.IntN(2) == 0)
	case k < 72:
		w.open(l[0], l[1])
	case k < 76:
		w.inBetween(l[0], w.reps[l[1]])
	case k < 82:
		if len(w.flight) < 8 {
			w.send(l[0], l[1], 1+w.r.IntN(w.batch))
		}
	case k < 91:
		if len(w.flight) > 0 {
			w.deliver()
		}
	case k < 94:
		w.collect(r)
	case k < 96:
		if loses {
			w.loseIndex(r)
		}
	default:
		w.without(r)
	}
}

// histories plays seeds 1 to count on all processors and returns the first that
// failed, and how.
func histories(count uint64, ru rules) (seed uint64, failure string) {
	var next atomic.Uint64
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			w := newWorld(ru)
			for {
				s := next.Add(1)
				if s > count {
					return
				}
				if f := w.run(s); f != "" {
					mu.Lock()
					if failure == "" || s < seed {
						seed, failure = s, f
					}
					mu.Unlock()
					next.Store(count)
					return
				}
			}
		})
	}
	wg.Wait()
	return seed, failure
}

// TestSimulation runs 50 000 histories, or QSYNC_SIM of them, or tells the one
// of QSYNC_SIM_SEED.
func TestSimulation(t *testing.T) {
	if s, err := strconv.ParseUint(os.Getenv("QSYNC_SIM_SEED"), 10, 64); err == nil {
		w := newWorld(goodRules())
		w.trace = func(s string) { t.Log(s) }
		if f := w.run(s); f != "" {
			t.Fatalf("seed %d: %s", s, f)
		}
		return
	}
	count := uint64(50_000)
	if s := os.Getenv("QSYNC_SIM"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		count = n
	}
	if seed, f := histories(count, goodRules()); f != "" {
		t.Fatalf("%s\nreplay with QSYNC_SIM_SEED=%d", f, seed)
	}
}
