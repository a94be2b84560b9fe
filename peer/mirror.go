package peer

import (
	"context"

	"qsync/folder"
)

// mirrorLoop is what the source of a one-way sync has in place of a syncer:
// where the receivers hold writes of their own, from a time when they were
// sources themselves, it declares its own state the outcome. It waits for its
// own first scan, lest what it has not seen yet pass for gone.
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

// mirrors reports whether this folder is to be the outcome at its peers.
func (f *Folder) mirrors() bool {
	return f.cfg.Mirror && f.Mode() == Send && f.receiversOnly()
}

// receiversOnly reports whether all connected peers receive: what a two-way
// peer has written is not for us to undo.
func (f *Folder) receiversOnly() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id := range f.sessions {
		if Mode(f.store.Peer(id).Mode) != Receive {
			return false
		}
	}
	return len(f.sessions) > 0
}

// override puts the own state of every path that differs above all others. In a
// dry run it does so in a copy of the map.
func (f *Folder) override() error {
	r := &round{f: f, ignore: f.ignore()}
	for after := folder.Path(""); ; {
		page, err := f.store.Wanted(after, wantPage)
		if err != nil {
			return err
		}
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
			if f.other != nil {
				f.other.changes(&page[i])
			}
			paths = append(paths, page[i].Path)
		}
		if len(paths) > 0 {
			n, err := f.store.Override(paths)
			if err != nil {
				return err
			}
			f.counts.announced.Add(int64(n))
		}
		if len(page) < wantPage {
			break
		}
		after = page[len(page)-1].Path
	}
	f.mu.Lock()
	f.ignored = r.ignored
	f.mu.Unlock()
	f.changed()
	return nil
}

// settles reports whether what differs here becomes equal by our doing.
func (f *Folder) settles() bool {
	return f.Mode().applies() || f.mirrors()
}
