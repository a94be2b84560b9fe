package store

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"qsync/folder"
)

// settle lets everybody talk, scan and apply until nothing moves.
func (w *world) settle() error {
	w.log("settling")
	before := ""
	for range 60 {
		if err := w.whole(); err != nil {
			return err
		}
		for _, n := range w.nodes {
			if err := errors.Join(n.scan(true), n.apply(1000)); err != nil {
				return err
			}
		}
		now := w.state()
		if now == before {
			return nil
		}
		before = now
	}
	return errors.New("does not settle")
}

func (w *world) state() string {
	var b strings.Builder
	for _, n := range w.nodes {
		fmt.Fprintln(&b, n.s.Identity().Seq, n.s.Want(), n.view())
	}
	return b.String()
}

// view is what the node's registers show.
func (n *node) view() string {
	var b strings.Builder
	for r, err := range n.s.Records("") {
		if err != nil {
			return err.Error()
		}
		if r.Register.Live() {
			res := r.Register.Resolve()
			fmt.Fprintf(&b, "%q %v %d %v losers %d;", r.Path, res.Value.Kind, contentOf(res.Value), res.Winner.Dot, len(res.Losers))
		}
	}
	return b.String()
}

func (w *world) judge() error {
	first := w.nodes[0]
	for _, n := range w.nodes {
		if a, b := first.view(), n.view(); a != b {
			return fmt.Errorf("registers differ:\n%s\n%s", a, b)
		}
		if !maps.Equal(n.disk, first.disk) && !sameDisk(n.disk, first.disk) {
			return fmt.Errorf("disks differ:\n%v\n%v", first.disk, n.disk)
		}
		if n.s.Want() != (Want{}) {
			return fmt.Errorf("%d still wants %v", n.n, n.s.Want())
		}
		// A loser whose copy was kept by a replica that then lost its map, and
		// deleted by a user, stays in the register: nobody has it any more.
		if !w.lossy && strings.Contains(n.view(), "losers 0") != strings.Contains(n.view(), "losers") {
			return fmt.Errorf("losers without a copy: %s", n.view())
		}
	}
	have := make(map[uint64][]folder.Path)
	for _, p := range slices.Sorted(maps.Keys(first.disk)) {
		if c := contentOf(first.disk[p]); c != 0 {
			have[c] = append(have[c], p)
		}
	}
	for c, p := range w.kept {
		if len(have[c]) == 0 {
			return fmt.Errorf("lost: content %d, written to %q", c, p)
		}
	}
	for c, at := range have {
		if c == 0 || c > w.contents {
			return fmt.Errorf("invented: content %d", c)
		}
		for _, p := range at {
			if !w.lossy && w.dead[c][p] && !strings.Contains(string(p), ".conflict-") {
				return fmt.Errorf("resurrected: content %d at %q", c, p)
			}
		}
	}
	return nil
}

func sameDisk(a, b map[folder.Path]folder.Value) bool {
	return maps.EqualFunc(a, b, func(x, y folder.Value) bool { return folder.SameOnDisk(x, y) })
}

// bury collects the tombstones: none may be left, and nothing else changes.
func (w *world) bury() error {
	w.log("burying")
	views := w.nodes[0].view()
	for range 4 {
		for _, n := range w.nodes {
			if _, err := n.s.Collect(); err != nil {
				return err
			}
		}
		if err := w.whole(); err != nil {
			return err
		}
	}
	for _, n := range w.nodes {
		for r, err := range n.s.Records("") {
			if err != nil {
				return err
			}
			// What a replica told in part and then died, no context ever covers.
			orphan := len(r.Register.Trim(n.s.Identity().Context).Ctx) != 0
			if orphan && !w.lossy {
				return fmt.Errorf("%d keeps a context: %+v", n.n, r)
			}
			if !orphan && !r.Register.Live() {
				return fmt.Errorf("%d keeps a tombstone: %+v", n.n, r)
			}
		}
		if n.view() != views {
			return fmt.Errorf("registers differ after collecting:\n%s\n%s", views, n.view())
		}
		if err := n.close(); err != nil {
			return err
		}
	}
	return nil
}
