//go:build !linux

package disk

import (
	"context"

	"qsync/folder"
)

// Watcher hints at changes below a root. On this platform it never does: all
// changes are found by scans.
type Watcher struct{ hints chan Hint }

// NewWatcher returns a watcher of r; its error is always nil here.
func NewWatcher(*Root) (*Watcher, error) {
	return &Watcher{hints: make(chan Hint)}, nil
}

// Run waits for the end of ctx and returns nil.
func (w *Watcher) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// Hints returns the channel of hints. It is never closed.
func (w *Watcher) Hints() <-chan Hint { return w.hints }

// Limited says in one sentence why not everything is watched.
func (w *Watcher) Limited() string {
	return "changes are found by periodic scans only: this platform has no watcher"
}

// Close releases the watcher.
func (w *Watcher) Close() error { return nil }

func (w *Watcher) add(*dir, folder.Path) {}
