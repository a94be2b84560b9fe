//go:build !linux

package disk

import (
	"context"
	"testing"
)

func TestWatcherSaysThatThereIsNone(t *testing.T) {
	r, x := known(t, "a/b")
	w, err := NewWatcher(r)
	if err != nil || w.Limited() == "" {
		t.Error(err)
	}
	wantPaths(t, look(t, r, x, ScanOptions{Watch: w}))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := w.Run(ctx); err != nil {
		t.Error(err)
	}
}
