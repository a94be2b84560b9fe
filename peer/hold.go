package peer

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"qsync/folder"
	"qsync/store"
)

// hold stops the folder by its brake: it notes for what, so that a person can
// confirm exactly that or undo it, and returns the reason.
func (f *Folder) hold(h store.Hold, paths []folder.Path) error {
	if err := f.store.SetHold(h, paths); err != nil {
		return err
	}
	return fmt.Errorf("%w: %s", ErrBrake, holdText(f.Dir(), f.Mode(), h))
}

// HeldIn says what a folder in dir, which no process has open and whose map is in
// state, has been stopped for by its brake, and how a person decides, or has
// decided; "" if there is no such stop.
func HeldIn(state, dir string) string {
	h, mode, err := store.PeekHold(filepath.Join(state, "map.db"))
	if err != nil || h.Why == store.NoHold {
		return "" // a map that cannot be read is another matter
	}
	switch h.Answer {
	case store.Confirmed:
		return fmt.Sprintf("what the brake had stopped, %d of %d entries, is confirmed", h.Count, h.Total)
	case store.Undone:
		return fmt.Sprintf("what the brake had stopped, %d of %d entries, is to be undone", h.Count, h.Total)
	}
	return ErrBrake.Error() + ": " + holdText(dir, Mode(mode), h)
}

func holdText(dir string, mode Mode, h store.Hold) string {
	name := typed(dir)
	var what, undo, passed string
	switch {
	case h.Why == store.HoldIncoming && h.Passed > 0:
		what = fmt.Sprintf("within %d minutes this would remove or replace %d of %d entries in %s: %d went before it was that many, the other %d were not touched",
			windowMinutes, h.Passed+h.Count, h.Total, dir, h.Passed, h.Count)
		undo = "keeps these and gives them back to the peers"
		passed = fmt.Sprintf(". What went before, 'qsync undo %s --batch 1' brings back", name)
	case h.Why == store.HoldIncoming:
		what = fmt.Sprintf("this would remove or replace %d of %d entries in %s; nothing was touched", h.Count, h.Total, dir)
		undo = "keeps what is here and gives it back to the peers"
	case h.Passed > 0:
		what = fmt.Sprintf("%d of %d entries have vanished from %s within %d minutes: %d had been passed on before it was that many, the other %d were not",
			h.Passed+h.Count, h.Total, dir, windowMinutes, h.Passed, h.Count)
		undo = "brings these back"
		passed = ". " + passedText(mode, h.Passed)
	case h.Why == store.HoldEmptied:
		what = fmt.Sprintf("all %d entries have vanished from %s; nothing was passed on", h.Count, dir)
		undo = "brings them back"
	default:
		what = fmt.Sprintf("%d of %d entries have vanished from %s; nothing was passed on", h.Count, h.Total, dir)
		undo = "brings them back"
	}
	what += fmt.Sprintf(". 'qsync confirm %s' lets exactly that through", name)
	if mode == TwoWay {
		what += fmt.Sprintf(", 'qsync undo %s' %s", name, undo)
	}
	return what + "; --max-delete 100% lifts the brake" + passed
}

const windowMinutes = int(windowSpan / time.Minute)

// passedText says how what had been passed on before a stop comes back.
func passedText(mode Mode, n int64) string {
	if mode != TwoWay {
		return fmt.Sprintf("The peers that took the %d away have them in .qsync/versions: 'qsync restore' there", n)
	}
	return fmt.Sprintf("The %d that were passed on come back by 'qsync undo DIR' on a peer that took them away", n)
}

// ErrNothingHeld: there is no stop by the brake to confirm or to undo.
var ErrNothingHeld = errors.New("the brake has not stopped this folder")

// Held is what the brake stopped a folder for, the zero Held if nothing.
type Held struct {
	Why     string    `json:"why"`  // vanished, emptied or incoming
	What    string    `json:"what"` // in words
	Entries int64     `json:"entries"`
	Of      int64     `json:"of"`
	Passed  int64     `json:"passed,omitempty"` // beside Entries, what had gone before it was too much
	Since   time.Time `json:"since"`
	Answer  string    `json:"answer,omitempty"` // confirmed or undone, until it is done
	Peers   []string  `json:"peers,omitempty"`  // who has what vanished, by name
}

// Held returns what the brake stopped this folder for, if a person has yet to
// decide about it, or has and it is not done yet.
func (f *Folder) Held() Held {
	h := f.store.Hold()
	if h.Why == store.NoHold {
		return Held{}
	}
	out := Held{Why: "vanished", Entries: h.Count, Of: h.Total, Passed: h.Passed, Since: h.At}
	out.What = fmt.Sprintf("%d of %d entries that vanished", h.Count, h.Total)
	switch h.Why {
	case store.HoldEmptied:
		out.Why, out.What = "emptied", fmt.Sprintf("all %d entries", h.Count)
	case store.HoldIncoming:
		out.Why, out.What = "incoming", fmt.Sprintf("%d of %d entries that peers removed or replaced", h.Count, h.Total)
	}
	out.Answer = [...]string{"", "confirmed", "undone"}[h.Answer]
	if heldHere(h) {
		for _, p := range f.store.Peers() {
			out.Peers = append(out.Peers, p.Name)
		}
	}
	return out
}

// Confirm lets through what the brake stopped the folder for: exactly that, and
// once. What has come to it by the time the folder works again stops it anew.
// It takes effect when the folder starts the next time. The error is
// [ErrNothingHeld] where there is no such stop.
func (f *Folder) Confirm() (Held, error) { return f.answer(store.Confirmed) }

func (f *Folder) answer(a store.HoldAnswer) (Held, error) {
	if f.store.Hold().Why == store.NoHold {
		return Held{}, fmt.Errorf("%w: 'qsync status %s' says how it is", ErrNothingHeld, typed(f.Dir()))
	}
	err := f.store.AnswerHold(a)
	return f.Held(), err
}

// UndoHeld has what is held come back: when the folder starts the next time, what
// vanished here is wanted again and comes from the peers, and what the peers
// would take is put above their state, so that they get it back. The error is
// [ErrNothingHeld] or, of a folder that may not do that, ErrOneWay.
func (f *Folder) UndoHeld() (Held, error) {
	h := f.store.Hold()
	switch {
	case h.Why == store.NoHold || f.Mode() == TwoWay:
	case h.Why == store.HoldIncoming:
		return f.Held(), fmt.Errorf("%w: %s only receives, so it cannot give its peers back what they removed or replaced. It is all here still: put it back on the source, or keep a copy elsewhere before 'qsync confirm %s'", ErrOneWay, f.Dir(), typed(f.Dir()))
	default:
		return f.Held(), fmt.Errorf("%w: %s only sends, so nothing is written into it. Its peers have all of it still: copy back from them what you want, and 'qsync resume %s' goes on", ErrOneWay, f.Dir(), typed(f.Dir()))
	}
	return f.answer(store.Undone)
}

// ErrOneWay: what was asked for is nothing for a folder that only sends or only
// receives.
var ErrOneWay = errors.New("this folder is synced one way")

// heldHere reports whether a hold is about what vanished from this disk.
func heldHere(h store.Hold) bool { return h.Why == store.HoldVanished || h.Why == store.HoldEmptied }

// confirmed reports whether a person has let through the loss of these paths.
func (f *Folder) confirmed(here bool, paths []folder.Path) (bool, error) {
	h := f.store.Hold()
	if h.Answer == store.Confirmed && heldHere(h) == here {
		held, err := f.store.Held()
		if err != nil || hasAll(held, paths) {
			return err == nil, err
		}
	}
	// What was let through on the other side of a pair is here the same.
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.granted != nil && !here && hasAll(*f.granted, paths), nil
}

func hasAll(h store.HeldPaths, paths []folder.Path) bool {
	for _, p := range paths {
		if !h.Has(p) {
			return false
		}
	}
	return true
}

// grant tells the other side of a pair what a person has confirmed on this one.
func (f *Folder) grant() error {
	held, err := f.store.Held()
	if err != nil || f.twin == nil {
		return err
	}
	f.twin.mu.Lock()
	defer f.twin.mu.Unlock()
	f.twin.granted = &held
	return nil
}

// maxRenames bounds how many new names are told from lost ones: of more the
// rest counts as lost.
const maxRenames = 1 << 18

// renames counts the contents of new names, to tell by them what was renamed.
type renames struct {
	m map[uint64]int32 // by [folder.Value.ContentID]
}

func (r *renames) add(v folder.Value) {
	if v.Kind != folder.File && v.Kind != folder.Symlink || len(r.m) >= maxRenames {
		return
	}
	if r.m == nil {
		r.m = make(map[uint64]int32)
	}
	r.m[v.ContentID()]++
}

// take reports whether one of the names, which no other entry takes then, may be
// the new one of what had content v.
func (r *renames) take(v folder.Value) bool {
	if v.Kind != folder.File && v.Kind != folder.Symlink || r.m[v.ContentID()] == 0 {
		return false
	}
	r.m[v.ContentID()]--
	return true
}

// keepHeld puts this side's state of what was to be removed or replaced above
// all others, if a person has asked for that.
func (f *Folder) keepHeld() error {
	if h := f.store.Hold(); h.Why != store.HoldIncoming || h.Answer != store.Undone {
		return nil
	}
	held, err := f.store.Held()
	if err != nil {
		return err
	}
	var paths []folder.Path
	err = f.eachAtRisk(func(rec *store.Record) {
		if held.Has(rec.Path) {
			paths = append(paths, rec.Path)
		}
	})
	if err != nil {
		return err
	}
	for len(paths) > 0 {
		n := min(len(paths), wantPage)
		issued, err := f.store.Override(paths[:n])
		if err != nil {
			return err
		}
		f.counts.announced.Add(int64(issued))
		paths = paths[n:]
	}
	f.node.cfg.Log.Info("kept what the peers would have taken; they get it back", "folder", f.Dir())
	return f.release()
}

// settleHeld forgets a stop for what the peers told, when nothing of it is left.
func (f *Folder) settleHeld() error {
	if f.store.Hold().Why != store.HoldIncoming {
		return nil
	}
	r, err := f.atRisk()
	if err != nil {
		return err
	}
	total, stop := f.stops(r)
	if before, _ := f.removed.sum(); stop || r.lost > 0 && f.cfg.MaxDelete.Stops(r.lost+before, total+before) {
		return nil
	}
	return f.release()
}
