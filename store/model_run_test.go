package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// TestHistories runs random histories of a few nodes and checks that they end
// equal, with nothing lost, resurrected or invented. QSYNC_STORE_SEED repeats
// one, QSYNC_STORE_HISTORIES runs more than the usual number.
func TestHistories(t *testing.T) {
	first, count := uint64(1), uint64(100)
	if s := os.Getenv("QSYNC_STORE_SEED"); s != "" {
		first, count = number(t, s), 1
	} else if s := os.Getenv("QSYNC_STORE_HISTORIES"); s != "" {
		count = number(t, s)
	}
	dir := fastDir(t)
	for seed := first; seed < first+count; seed++ {
		sub := filepath.Join(dir, strconv.FormatUint(seed, 10))
		if err := os.Mkdir(sub, 0o700); err != nil {
			t.Fatal(err)
		}
		w := newWorld(seed, sub)
		if err := w.run(); err != nil {
			t.Fatalf("QSYNC_STORE_SEED=%d: %v\n%s", seed, err, w.tail())
		}
		os.RemoveAll(sub)
	}
}

func number(t *testing.T, s string) uint64 {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (w *world) run() error {
	for _, n := range w.nodes {
		if err := n.open(); err != nil {
			return err
		}
	}
	for range 20 + w.IntN(80) {
		if err := w.step(); err != nil {
			return err
		}
		if w.strict {
			for _, n := range w.nodes {
				if err := n.s.Check(); err != nil {
					return err
				}
			}
		}
	}
	if err := w.settle(); err != nil {
		return err
	}
	if err := w.judge(); err != nil {
		return err
	}
	return w.bury()
}

func (w *world) step() error {
	n := w.nodes[w.IntN(len(w.nodes))]
	if w.IntN(30) == 0 {
		w.line = !w.line
	}
	switch k := w.IntN(100); {
	case k < 25:
		n.act()
		if w.IntN(2) == 0 {
			return n.scan(true)
		}
		return nil
	case k < 35:
		return n.scan(w.IntN(2) == 0)
	case k < 70:
		return w.exchange(n, w.other(n))
	case k < 85:
		return n.apply(1 + w.IntN(3))
	case k < 93:
		_, err := n.s.Collect()
		w.log("%d collects", n.n)
		return err
	case k < 96:
		return n.reborn("reopened")
	case k < 97:
		return n.reborn("copied")
	case k < 98 && w.reckless:
		return n.reborn("rotate")
	case k < 99 && w.reckless && w.IntN(2) == 0:
		return n.reborn("lost")
	}
	return n.s.SavePeers()
}

func (w *world) other(n *node) *node {
	o := w.nodes[(n.n+1+w.IntN(len(w.nodes)-1))%len(w.nodes)]
	if w.line && o.n != n.n-1 && o.n != n.n+1 {
		return w.other(n)
	}
	return o
}

// exchange takes a session from one node to another some batches further, opens
// it first where there is none, and sometimes cuts it, says something twice or
// forgets to say what it has.
func (w *world) exchange(from, to *node) error {
	key := [2]int{from.n, to.n}
	if w.links[key] == nil {
		l, err := w.greet(from, to)
		if err != nil {
			return err
		}
		w.links[key], w.links[[2]int{to.n, from.n}] = l, l.back
	}
	l := w.links[key]
	steps, entries := 1+w.IntN(4), 1+w.IntN(3)
	if w.IntN(2) == 0 {
		steps, entries = 100, 10
	}
	for range steps {
		if busy := w.snapshotInto(to); busy != nil && busy != l && (busy.ranges != nil || w.IntN(20) != 0) {
			return nil // who merges into to must wait
		}
		done, err := l.tell(entries)
		if err == nil && w.IntN(4) == 0 {
			continue // it takes a while to arrive
		}
		if err == nil {
			err = l.arrive()
		}
		if errors.Is(err, ErrGap) {
			w.log("%d -> %d starts over: %v", from.n, to.n, err)
			w.cut(from, to)
			return nil
		}
		if err != nil {
			return fmt.Errorf("%d -> %d: %w", from.n, to.n, err)
		}
		if w.IntN(4) == 0 && len(l.last.Entries) > 0 {
			begins := l.last.Snapshot && l.last.From == "" // a snapshot may, at any time
			if n, err := to.s.Accept(from.id, l.last); n != 0 || (!begins && !errors.Is(err, ErrGap)) {
				return fmt.Errorf("the same batch twice: %d changed, %v", n, err)
			}
		}
		if w.IntN(2) == 0 {
			l.confirm()
		}
		if done {
			break
		}
	}
	if w.IntN(4) == 0 {
		w.cut(from, to)
	}
	return nil
}

// cut ends a session. What is on the way is lost.
func (w *world) cut(a, b *node) {
	delete(w.links, [2]int{a.n, b.n})
	delete(w.links, [2]int{b.n, a.n})
}

func (w *world) snapshotInto(to *node) *link {
	for _, l := range w.links {
		if l.to == to && (l.ranges != nil || to.s.Peer(l.from.id).Snapshot) {
			return l
		}
	}
	return nil
}

func (w *world) greet(from, to *node) (*link, error) {
	hello := func(n *node) Peer {
		id := n.s.Identity()
		return Peer{ID: n.id, Replica: id.Replica, Epoch: id.Epoch}
	}
	p, err := to.s.Greet(hello(from))
	if err != nil {
		return nil, err
	}
	q, err := from.s.Greet(hello(to))
	if err != nil {
		return nil, err
	}
	w.log("%d greets %d, cursors %d and %d", from.n, to.n, p.Cursor, q.Cursor)
	l := &link{from: from, to: to, epoch: p.Epoch, after: p.Cursor, turn: q.Turn}
	l.back = &link{from: to, to: from, epoch: q.Epoch, after: q.Cursor, turn: p.Turn, back: l}
	return l, nil
}

func (l *link) confirm() {
	l.from.w.log("%d confirms %d to %d", l.to.n, l.to.s.Peer(l.from.id).Cursor, l.from.n)
	l.from.s.Confirm(l.to.id, l.epoch, l.to.s.Peer(l.from.id).Cursor, l.to.s.Want())
}

// tell sends one batch; done says that there is nothing more for now.
func (l *link) tell(entries int) (done bool, err error) {
	limits := Limits{Entries: entries, Bytes: 1 << 20, Size: func(Entry) int { return 100 }, Turn: l.turn}
	var b Batch
	if !l.snapshot {
		var snapshot bool
		if b, snapshot, err = l.from.s.Since(l.to.id, l.after, limits); err != nil {
			return false, err
		}
		if snapshot || l.after == 0 && l.from.w.IntN(2) == 0 {
			l.snapshot, l.at, l.start = true, "", l.from.s.Identity().Seq
			if err := l.compare(); err != nil {
				return false, err
			}
		} else {
			l.after, done = b.Upto, b.Complete
		}
	}
	if l.snapshot {
		if len(l.ranges) > 0 {
			limits.To = l.ranges[0].To
		}
		if len(l.same) > 0 && l.same[0] {
			b = Batch{Snapshot: true, Same: true, From: l.at, To: limits.To, Upto: l.start}
		} else if b, err = l.from.s.Snapshot(l.at, l.start, limits); err != nil {
			return false, err
		}
		if len(l.ranges) > 0 && b.To == limits.To {
			l.ranges, l.same = l.ranges[1:], l.same[1:]
		}
		if l.at = b.To; b.To == "" {
			l.ranges, l.same = nil, nil
			l.snapshot, l.after = false, l.start
		}
	}
	l.from.w.log("%d tells %d: snapshot %v (%q,%q], (%d,%d] complete %v, %d entries", l.from.n, l.to.n,
		b.Snapshot, b.From, b.To, b.After, b.Upto, b.Complete, len(b.Entries))
	l.onTheWay = append(l.onTheWay, b)
	return done, nil
}

// compare finds out, now and then, which ranges of a snapshot need not be told.
// Until they are told both users go on.
func (l *link) compare() (err error) {
	w := l.from.w
	if w.IntN(2) == 0 {
		return nil
	}
	key := [32]byte{byte(w.IntN(256))}
	if l.ranges, err = l.from.s.Ranges(key, Span{}, 1+w.IntN(3), 1000); err != nil {
		return err
	}
	here, err := l.to.s.Compare(key, "", l.ranges)
	if err != nil {
		return err
	}
	l.same = nil
	for i := range here {
		l.same = append(l.same, here[i] == l.ranges[i])
	}
	w.log("%d compares with %d: %v of %+v", l.to.n, l.from.n, l.same, l.ranges)
	return nil
}

// arrive merges what was told.
func (l *link) arrive() error {
	for ; len(l.onTheWay) > 0; l.onTheWay = l.onTheWay[1:] {
		b := l.onTheWay[0]
		if b.Turn = l.back.turn; !l.back.snapshot {
			b.Sent = upTo(l.back.after)
		}
		l.last = b
		changed, err := l.to.s.Accept(l.from.id, b)
		l.from.w.log("%d hears %d: (%q,%q], (%d,%d]: %d changed", l.to.n, l.from.n, b.From, b.To, b.After, b.Upto, changed)
		if err != nil {
			return err
		}
	}
	return nil
}

// whole exchanges everything between all, one ordered pair after another.
func (w *world) whole() error {
	clear(w.links)
	for _, from := range w.nodes {
		for _, to := range w.nodes {
			if from == to {
				continue
			}
			l, err := w.greet(from, to)
			if err != nil {
				return err
			}
			for done, n := false, 0; !done; n++ {
				if done, err = l.tell(5); err == nil {
					err = l.arrive()
				}
				if err != nil || n > 2000 {
					return fmt.Errorf("%d -> %d after %d batches: %w", from.n, to.n, n, err)
				}
			}
			l.confirm()
		}
	}
	return nil
}
