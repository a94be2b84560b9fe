package peer

import (
	"context"
	"errors"
	"time"

	"qsync/folder/disk"
)

// When older versions are looked through.
const (
	pruneStart = time.Minute // behind what a start has to do anyway
	pruneEvery = 15 * time.Minute
	pruneQuiet = 4           // every so many of these, where none was kept for so many
	pruneAgain = time.Second // where there was more than one look may remove
)

// defaultAge is how long older versions are kept.
const defaultAge = 30 * 24 * time.Hour

// pruneLoop keeps the versions within their bounds. After a burst those that came
// with it are safe for an hour, so that looks by the clock are enough.
func (f *Folder) pruneLoop(ctx context.Context) error {
	if f.bare {
		return nil // nothing of ours is in there
	}
	wait := pruneStart
	if f.cfg.Once {
		wait = 0 // it may be over soon, and the next run is one like this
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	kept := f.root.Kept()
	for quiet := 0; ; quiet++ {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		if now := f.root.Kept(); now != kept {
			kept, quiet = now, 0
		}
		if quiet > pruneQuiet+1 && quiet%pruneQuiet != 0 {
			timer.Reset(pruneEvery)
			continue
		}
		more, err := f.pruneVersions(ctx)
		if err != nil && ctx.Err() == nil {
			f.node.cfg.Log.Warn("older versions cannot be looked through", "folder", f.Dir(), "error", err)
		}
		if more {
			timer.Reset(pruneAgain)
		} else {
			timer.Reset(pruneEvery)
		}
	}
}

func (f *Folder) pruneVersions(ctx context.Context) (more bool, err error) {
	_, total, err := f.root.FreeSpace()
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return false, err
	}
	o := disk.Pruning{Age: f.cfg.VersionsAge, Now: f.node.wall()}
	if total > 0 || f.cfg.VersionsSpace.Bytes > 0 {
		o.Bytes = f.cfg.VersionsSpace.of(total)
	}
	if o.Age == 0 {
		o.Age = defaultAge
	}
	o.Age = max(o.Age, 0)
	got, err := f.root.Prune(ctx, o)
	if got.Removed > 0 || got.Linked > 0 {
		f.node.cfg.Log.Info("older versions", "folder", f.Dir(), "kept", got.Files, "bytes", got.Bytes, "removed", got.Removed, "linked", got.Linked)
	}
	return got.More, err
}
