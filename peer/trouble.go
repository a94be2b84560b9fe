package peer

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"qsync/folder"
	"qsync/folder/disk"
	"qsync/store"
)

// errFlush: what was put on the disk may never get there. No later flush is
// believed for it, since the system forgets what it could not write (FSYNC, ATC
// 2020).
var errFlush = errors.New("the disk did not take what was written")

// errReadOnly: the folder's disk has become read-only, as Linux makes one with
// errors.
var errReadOnly = errors.New("the folder's disk is read-only")

// How long a folder waits before it looks whether its trouble has passed.
const (
	troubleMin = time.Second
	troubleMax = 30 * time.Second
)

// trouble is what keeps a folder from working and may pass by itself: a disk,
// its own or its map's, that is full, read-only or broken. The shift ends, so
// that no user's file is touched while it could not be recorded, and the next
// one begins when the disk takes writes again.
type trouble struct {
	why    error          // nil for none; under Folder.mu, as tries
	tries  int            // since it began
	adrift bool           // the disk may hold what is not durable there and not in the map; under mu too
	unsure pendingChanges // on disk, but a flush of them failed
}

// passing reports whether err is such trouble.
func passing(err error) bool {
	return errors.Is(err, store.ErrUnwritten) || errors.Is(err, errFlush) || errors.Is(err, errReadOnly)
}

// fail ends the shift for now if err may pass, or else the folder's work.
func (f *Folder) fail(err error) {
	if f.cfg.Once || f.cfg.Plan != nil || !passing(err) {
		f.stop(err)
		return
	}
	f.mu.Lock()
	first := f.trouble.why == nil
	if first {
		f.trouble.why = err
	}
	f.trouble.adrift = true
	f.halt()
	f.mu.Unlock()
	if first {
		f.node.cfg.Log.Error("nothing is synced for now", "folder", f.Dir(), "error", err)
		f.event(Event{Event: "stopped", Text: f.troubled(err)})
		f.changed()
	}
}

// troubled is the sentence about trouble for people.
func (f *Folder) troubled(err error) string {
	return err.Error() + ". Nothing is synced meanwhile; see to the disk, and it goes on by itself"
}

// minded waits until there is no trouble; false when the folder's work is over.
func (f *Folder) minded() bool {
	for f.ctx.Err() == nil {
		err := f.mend()
		switch {
		case err == nil:
			f.relieved()
			return true
		case !passing(err) || f.cfg.Once:
			f.stop(err)
			return false
		}
		f.mu.Lock()
		f.trouble.why = err
		wait := min(troubleMin<<min(f.trouble.tries, 10), troubleMax)
		f.trouble.tries++
		f.mu.Unlock()
		f.changed()
		sleep(f.ctx, wait)
	}
	return false
}

// relieved tells that trouble has passed, if there was any.
func (f *Folder) relieved() {
	f.mu.Lock()
	had := f.trouble.why != nil
	f.trouble.why, f.trouble.tries = nil, 0
	f.mu.Unlock()
	if had {
		f.node.cfg.Log.Info("the disk takes writes again", "folder", f.Dir())
		f.event(Event{Event: "resumed"})
		f.changed()
	}
}

// mend makes the disk and the map fit to begin a shift, if the last one broke
// off or ended with the process. What it finds on the disk is believed from here
// on, so it is made durable first.
func (f *Folder) mend() error {
	if f.cfg.Plan != nil {
		return nil
	}
	if err := f.store.Reopen(); err != nil {
		return err
	}
	f.mu.Lock()
	adrift := f.trouble.adrift
	f.mu.Unlock()
	if f.bare || !adrift {
		return nil
	}
	if err := f.writable(); err != nil {
		return err
	}
	if err := f.redo(); err != nil {
		return err
	}
	if err := f.root.SyncAll(); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return fmt.Errorf("%w: %w", errFlush, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.trouble.adrift = false
	return nil
}

// writable reports whether the folder's disk is one that is written to.
func (f *Folder) writable() error {
	if err := f.root.Writable(); errors.Is(err, syscall.EROFS) {
		return fmt.Errorf("%w: %s", errReadOnly, f.Dir())
	}
	return nil // or full, which is said of each file
}

// redo writes afresh the entries of which a flush failed, and then tells the map
// of them. Whatever somebody has changed since is left to the scan.
func (f *Folder) redo() error {
	on := &f.trouble.unsure
	if len(on.pending) == 0 {
		return nil
	}
	for i := range on.pending {
		c := &on.pending[i]
		err := f.root.Rewrite(c.Path, c.After)
		switch {
		case errors.Is(err, disk.ErrChanged), errors.Is(err, disk.ErrNoParent), errors.Is(err, disk.ErrMount):
			f.look.add(c.Path, true)
		case err != nil:
			return fmt.Errorf("%w: %w", errFlush, err)
		}
	}
	p := &placer{f: f}
	taken := *on
	if err := p.secure(taken.dirs, taken.all); err != nil {
		return err
	}
	f.trouble.unsure = pendingChanges{}
	return p.commit(taken.pending)
}

// doubt keeps changes of which a flush failed away from scan and map until they
// have been written afresh.
func (p *placer) doubt(on pendingChanges, err error) error {
	u := &p.f.trouble.unsure
	if u.dirs == nil {
		u.dirs = make(map[folder.Path]bool)
	}
	u.restore(on)
	p.f.mu.Lock()
	defer p.f.mu.Unlock()
	p.f.trouble.adrift = true
	return err
}

// FolderStopped is the message of the log about a folder that does nothing more.
const FolderStopped = "folder stopped"
