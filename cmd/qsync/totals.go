package main

import (
	"fmt"
	"maps"
	"path/filepath"
	"time"

	"qsync/peer"
)

type totalsJSON struct {
	Event string    `json:"event"`
	Time  time.Time `json:"time"`
	peer.Totals
}

// end prints what the run did. before is the node's state before its end, when
// it is known what is still wrong; t is what was done, which is known after it.
func (r *reporter) end(before peer.Status, t peer.Totals) {
	t.Problems = 0
	for _, f := range before.Folders {
		t.Problems += int64(len(f.Problems))
	}
	r.totals = &t
	r.nameProblems(before)
	if r.p.flags.JSON {
		_ = r.p.printJSON(totalsJSON{"totals", time.Now().UTC(), t})
		return
	}
	text := totalsText(t)
	if !r.pair && (t.Announced > 0 || t.Sent > 0) {
		text += fmt.Sprintf("; %s told to peers, %s sent", plural(t.Announced, "change", "changes"), size(t.Sent))
	}
	r.p.ui.say("total      %s", text)
}

// totalsText is what was done here, for people.
func totalsText(t peer.Totals) string {
	return fmt.Sprintf("%d added, %d modified, %d deleted, %s, %s, %s", t.Added, t.Modified, t.Deleted,
		size(t.Bytes), plural(t.Conflicts, "conflict", "conflicts"), plural(t.Problems, "problem", "problems"))
}

// plus is the sum of two totals.
func plus(a, b peer.Totals) peer.Totals {
	return peer.Totals{
		Added: a.Added + b.Added, Modified: a.Modified + b.Modified, Deleted: a.Deleted + b.Deleted,
		Bytes: a.Bytes + b.Bytes, Sent: a.Sent + b.Sent, Announced: a.Announced + b.Announced,
		Conflicts: a.Conflicts + b.Conflicts, Problems: a.Problems + b.Problems,
		DirsAdded: a.DirsAdded + b.DirsAdded, DirsModified: a.DirsModified + b.DirsModified, DirsDeleted: a.DirsDeleted + b.DirsDeleted,
	}
}

// nameProblems names what no event has named.
func (r *reporter) nameProblems(st peer.Status) {
	r.mu.Lock()
	told := maps.Clone(r.problems)
	r.mu.Unlock()
	for _, f := range st.Folders {
		for _, q := range f.Problems {
			if _, ok := told[filepath.Join(f.Path, q.Path)]; !ok && !r.p.flags.JSON {
				r.p.ui.printf("problem    %s: %s", quote(q.Path), q.Problem)
			}
		}
	}
}

// outcome is what the exit code of a pass that came to its end is made of.
func (r *reporter) outcome() error {
	switch {
	case r.totals.Problems > 0:
		return outcome(errPartial)
	case r.totals.Conflicts > 0:
		return outcome(errConflicts)
	}
	return nil
}
