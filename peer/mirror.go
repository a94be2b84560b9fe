package peer

import (
	"context"
	"slices"

	"qsync/folder"
	"qsync/protocol"
	"qsync/store"
)

// mirrorLoop is what the source of a one-way sync has in place of a syncer:
// where the receivers hold writes of their own, from a time when they were
// sources themselves, it declares its own state the outcome. It waits for its
// own first scan, lest what it has not seen yet pass for gone. A backup does so
// with what it has; of what it has not it says nothing.
func (f *Folder) mirrorLoop(ctx context.Context) error {
	for ctx.Err() == nil {
		if f.scanned.isOpen() && f.mirrors() {
			if err := f.override(); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
		case <-f.wake:
		}
	}
	return nil
}

// mirror reports whether this is the source of a one-way sync that makes others
// like itself, or a backup, and mirrors whether they are such that it may.
func (f *Folder) mirror() bool  { return f.cfg.Mirror && f.Mode() == Send || f.Mode() == Backup }
func (f *Folder) mirrors() bool { return f.mirror() && f.receiversOnly() }

// receiversOnly reports whether all connected peers receive, and so do those that
// were here since the start and are away: what a two-way peer has written is not
// for us to undo.
func (f *Folder) receiversOnly() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, s := range f.sessions {
		if !s.greeted.Load() || Mode(f.store.Peer(id).Mode) != Receive {
			return false
		}
	}
	return len(f.sessions) > 0 && len(f.equals) == 0
}

// greets notes what a peer says it is.
func (f *Folder) greets(id store.NodeID, m Mode) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if m == TwoWay {
		f.equals[id] = true
	} else {
		delete(f.equals, id)
	}
}

// override puts the own state of every path that differs, or has rivals, above
// all others. In a dry run it does so in a copy of the map.
func (f *Folder) override() error {
	r := &round{f: f, ignore: f.ignore()}
	for after := folder.Path(""); ; {
		page, err := f.store.Wanted(after, wantPage)
		if err != nil {
			return err
		}
		if err := r.override(page); err != nil {
			return err
		}
		if len(page) < wantPage {
			break
		}
		after = page[len(page)-1].Path
	}
	f.mu.Lock()
	f.ignored = r.ignored
	f.mu.Unlock()
	for paths := range slices.Chunk(f.rivals.all(), wantPage) {
		var page []store.Record
		for _, p := range paths {
			rec, err := f.store.Record(p)
			if err != nil {
				return err
			}
			page = append(page, rec)
		}
		if err := r.override(page); err != nil {
			return err
		}
		for _, p := range paths {
			f.rivals.drop(p) // not before: until then the folder is not in sync
		}
	}
	f.changed()
	return nil
}

func (r *round) override(page []store.Record) error {
	var paths []folder.Path
	for i := range page {
		ignored, err := r.isIgnored(&page[i], page[i].Register.Resolve())
		if err != nil {
			return err
		}
		if ignored {
			r.ignored.Entries++
			continue
		}
		if r.f.Mode() == Backup && page[i].Local.Value.Kind == folder.Absent {
			continue // to declare that the outcome would remove it elsewhere
		}
		if r.f.other != nil {
			r.f.other.changes(&page[i])
		}
		paths = append(paths, page[i].Path)
	}
	if len(paths) == 0 {
		return nil
	}
	n, err := r.f.store.Override(paths)
	r.f.counts.announced.Add(int64(n))
	return err
}

// rival notes a path that has rivals: see [store.Record.Rivals].
func (f *Folder) rival(r *store.Record) {
	if f.mirror() && r.Rivals() {
		f.rivals.add(r.Path)
	}
}

// heardRivals notes the paths of a batch that have rivals now.
func (f *Folder) heardRivals(i *protocol.Index) error {
	if !f.mirror() {
		return nil
	}
	for _, e := range i.Entries {
		r, err := f.store.Record(e.Path)
		if err != nil {
			return err
		}
		f.rival(&r)
	}
	return nil
}

// settles reports whether what differs here becomes equal by our doing.
func (f *Folder) settles() bool {
	return f.Mode().applies() || f.mirrors()
}
