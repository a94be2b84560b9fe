package main

import (
	"fmt"
	"maps"
	"time"

	"qsync/peer"
)

type totalsJSON struct {
	Event string    `json:"event"`
	Time  time.Time `json:"time"`
	peer.Totals
}

// end prints what the run did. before and after are the node's states around
// its end; what is still wrong is known before, what was done only after.
func (r *reporter) end(before, after peer.Status) {
	t := peer.Totals{}
	for _, f := range after.Folders {
		t.Added += f.Totals.Added
		t.Modified += f.Totals.Modified
		t.Deleted += f.Totals.Deleted
		t.Bytes += f.Totals.Bytes
		t.Sent += f.Totals.Sent
		t.Announced += f.Totals.Announced
		t.Conflicts += f.Totals.Conflicts
	}
	for _, f := range before.Folders {
		t.Problems += int64(len(f.Problems))
	}
	r.totals = &t
	r.nameProblems(before)
	if r.p.flags.JSON {
		_ = r.p.printJSON(totalsJSON{"totals", time.Now().UTC(), t})
		return
	}
	text := fmt.Sprintf("%d added, %d modified, %d deleted, %s, %s, %s", t.Added, t.Modified, t.Deleted,
		size(t.Bytes), plural(t.Conflicts, "conflict", "conflicts"), plural(t.Problems, "problem", "problems"))
	if !r.pair && (t.Announced > 0 || t.Sent > 0) {
		text += fmt.Sprintf("; %s told to peers, %s sent", plural(t.Announced, "change", "changes"), size(t.Sent))
	}
	r.p.ui.say("total      %s", text)
}

// nameProblems names what no event has named.
func (r *reporter) nameProblems(st peer.Status) {
	r.mu.Lock()
	told := maps.Clone(r.problems)
	r.mu.Unlock()
	for _, f := range st.Folders {
		for _, q := range f.Problems {
			if _, ok := told[q.Path]; !ok && !r.p.flags.JSON {
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
