package peer

import (
	"context"
	"time"

	"qsync/folder/disk"
)

// watch starts the watcher, unless this folder works by the clock alone.
func (f *Folder) watch(ctx context.Context) (Watcher, error) {
	if f.cfg.Once || f.cfg.Next != nil || f.cfg.Plan != nil {
		return nil, nil
	}
	if f.cfg.Watch != nil {
		w := f.cfg.Watch()
		f.mu.Lock()
		f.watcher = w
		f.mu.Unlock()
		return w, nil
	}
	w, err := disk.NewWatcher(f.root)
	if err != nil {
		f.node.cfg.Log.Warn("cannot watch the folder; it is looked at now and then instead", "folder", f.cfg.Dir, "error", err)
		f.cfg.Rescan = 10 * time.Second
		return nil, nil
	}
	f.mu.Lock()
	f.watcher = w
	f.mu.Unlock()
	f.group.Go(func() error {
		if err := w.Run(ctx); err != nil && ctx.Err() == nil {
			f.node.cfg.Log.Warn("watching ended", "folder", f.cfg.Dir, "error", err)
		}
		return nil
	})
	return w, nil
}

func (f *Folder) diskWatcher() *disk.Watcher {
	f.mu.Lock()
	defer f.mu.Unlock()
	w, _ := f.watcher.(*disk.Watcher)
	return w
}

// limited says why not everything is watched, "" if everything is.
func (f *Folder) limited() string {
	f.mu.Lock()
	w := f.watcher
	f.mu.Unlock()
	if l, ok := w.(interface{ Limited() string }); ok {
		return l.Limited()
	}
	return ""
}

// unwatched reports whether writes may end without a hint.
func (f *Folder) unwatched() bool {
	f.mu.Lock()
	none := f.watcher == nil
	f.mu.Unlock()
	return none || f.limited() != ""
}

// What is not watched is found by looking at everything (F42, F46), this often
// unless told otherwise, and never for more than a part of the time.
const (
	unwatchedLook = time.Minute
	unwatchedCost = 50
)

// interval is how often everything is looked at beside watching.
func (f *Folder) interval() time.Duration {
	every := f.cfg.Rescan
	if every <= 0 {
		every = time.Hour
	}
	if f.limited() == "" {
		return every
	}
	return min(every, max(unwatchedLook, unwatchedCost*f.looks.took))
}

// lookFigures are what the scanner knows of its looks at everything.
type lookFigures struct {
	took    time.Duration // the latest
	limited string        // why not everything is watched, as last said
}

// sayLimited warns, once, that not everything is watched, with what to do.
func (f *Folder) sayLimited() {
	said := f.limited()
	if said != "" && said != f.looks.limited {
		f.node.cfg.Log.Warn("watching is limited", "folder", f.cfg.Dir, "reason", said)
	}
	f.looks.limited = said
}
