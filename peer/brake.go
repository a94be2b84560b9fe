package peer

import (
	"fmt"

	"qsync/folder"
)

// guardBelow: a round that would remove or replace no more than this cannot
// meet the default brake, so it need not wait until the peers have told all.
const guardBelow = 100

// stopsAbove is the number from which on the brake may stop a round.
func (b Brake) stopsAbove() int64 {
	switch {
	case b == Brake{}:
		return guardBelow
	case b.Percent > 0:
		return 0
	}
	return b.Entries
}

// atRisk counts the entries on disk that the wanted changes known so far would
// remove or replace.
func (f *Folder) atRisk() (n int64, err error) {
	if f.cfg.MaxDelete.Percent >= 100 || f.store.Totals().Entries() == 0 {
		return 0, nil
	}
	for after := folder.Path(""); ; {
		page, err := f.store.Wanted(after, wantPage)
		if err != nil {
			return 0, err
		}
		for i := range page {
			rec := &page[i]
			if rec.Local.Value.Kind == folder.Absent || rec.Local.Implicit {
				continue
			}
			if !rec.Register.Live() || !folder.SameContent(rec.Local.Value, rec.Register.Resolve().Value) {
				n++
			}
		}
		if len(page) < wantPage {
			return n, nil
		}
		after = page[len(page)-1].Path
	}
}

// ready reports whether wanted changes may be applied now, and whether entries
// that no peer ever told of may be removed (the mirror of a one-way source).
// Where so much is at risk that the brake may have to stop it, the peers must
// have told all they know first, so that the count is whole and nothing has
// been touched.
func (f *Folder) ready(risk int64) (ready, extras bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	all, complete := true, false
	for _, s := range f.sessions {
		s.mu.Lock()
		all = all && s.caught
		complete = complete || s.caught && s.peerScanned
		s.mu.Unlock()
	}
	receives := f.Mode() == Receive
	if risk > f.cfg.MaxDelete.stopsAbove() {
		return all && (complete || !receives), receives && complete
	}
	return true, receives && complete
}

// checkBrake stops the folder if that much at risk is too much.
func (f *Folder) checkBrake(risk int64) error {
	total := f.store.Totals().Entries()
	if !f.cfg.MaxDelete.Stops(risk, total) {
		return nil
	}
	return fmt.Errorf("%w: this would remove or replace %d of %d entries in %s; nothing was touched. If that is meant, run again with --max-delete 100%%", ErrBrake, risk, total, f.Dir())
}
