package peer

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
)

// run works, with pauses, until ctx or the folder's own context ends.
func (f *Folder) run(ctx context.Context) {
	defer close(f.ended)
	defer f.fresh.clear()
	defer f.gifts.clear()
	stop := context.AfterFunc(ctx, func() { f.cancel(context.Cause(ctx)) })
	defer stop()
	for {
		work, ok := f.nextShift()
		if !ok {
			break
		}
		f.shift(work)
		f.endShift()
	}
	f.recordHeld()
	if err := f.close(); err != nil {
		f.node.cfg.Log.Error("closing the folder map", "folder", f.cfg.Dir, "error", err)
	}
}

// nextShift waits until the folder is not paused and returns the context to
// work under; false when the folder's own has ended.
func (f *Folder) nextShift() (context.Context, bool) {
	for f.minded() {
		change := f.changes()
		if ctx, ok := f.begin(); ok {
			return ctx, true
		}
		select {
		case <-change:
		case <-f.ctx.Done():
		}
	}
	return nil, false
}

// begin notes in one step that the folder is not paused and that it works.
func (f *Folder) begin() (context.Context, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.paused {
		return nil, false
	}
	ctx, halt := context.WithCancel(f.ctx)
	f.working, f.halt = true, halt
	return ctx, true
}

func (f *Folder) endShift() {
	f.scanned.shut()
	f.mu.Lock()
	f.halt()
	f.working, f.watcher = false, nil
	f.mu.Unlock()
	f.changed()
}

// SetPaused ends the folder's work for now, or lets it go on. A paused folder
// keeps its lock and its map, so that its status stays whole, but neither looks
// at the disk nor syncs, and peers that ask for it are told that it is not here.
// What was under way when it is paused is not lost: large files go on where they
// were. It goes on with a full scan. Of a pair both directories are paused.
//
// Pausing returns when everything has ended, or with ctx's error when that ends
// before; the folder comes to rest all the same. It is no error to pause or
// resume twice.
func (f *Folder) SetPaused(ctx context.Context, paused bool) error {
	all := []*Folder{f}
	if f.twin != nil {
		all = append(all, f.twin)
	}
	for _, g := range all {
		g.setPaused(paused)
	}
	for _, g := range all {
		if err := g.atRest(ctx); paused && err != nil {
			return err
		}
	}
	return nil
}

func (f *Folder) setPaused(paused bool) {
	f.mu.Lock()
	same := f.paused == paused
	f.paused = paused
	if paused && f.halt != nil {
		f.halt()
	}
	f.mu.Unlock()
	if same {
		return
	}
	f.changed()
	event := "resumed"
	if paused {
		event = "paused"
	}
	f.event(Event{Event: event})
	f.node.cfg.Log.Info(event, "folder", f.Dir())
}

// atRest waits until no shift runs, or the folder is not paused any more.
func (f *Folder) atRest(ctx context.Context) error {
	for {
		change := f.changes()
		f.mu.Lock()
		rest := !f.working || !f.paused
		f.mu.Unlock()
		if rest {
			return nil
		}
		select {
		case <-change:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Paused reports whether the folder is paused, or about to be.
func (f *Folder) Paused() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.paused
}

func (f *Folder) pausedErr() error {
	return fmt.Errorf("%w; 'qsync resume %s' goes on", ErrPaused, typed(f.Dir()))
}

// typed is a directory's name as it is typed on a command line, where it has
// blanks or what a terminal does not show as it is.
func typed(dir string) string {
	if q := strconv.Quote(dir); q != `"`+dir+`"` || strings.ContainsAny(dir, " '") {
		return q
	}
	return dir
}

// gate opens once something has happened and can be shut again. The zero gate
// is shut.
type gate struct {
	mu sync.Mutex
	is bool
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.is = true
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.is = false
}

func (g *gate) isOpen() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.is
}

// keepLoop does the chores: it saves what peers confirmed, drops tombstones
// that nobody needs any more and tells when the folder has come into sync.
func (f *Folder) keepLoop(ctx context.Context) error {
	save := time.NewTicker(time.Minute)
	defer save.Stop()
	collect := time.NewTicker(time.Hour)
	defer collect.Stop()
	for {
		change := f.changes()
		f.tellSynced()
		select {
		case <-ctx.Done():
			return nil
		case <-change:
		case <-save.C:
			f.away.expire()
			f.removed.expire()
			if err := f.store.SavePeers(); err != nil {
				return err
			}
		case <-collect.C:
			f.stillReached()
			if _, err := f.store.Collect(); err != nil {
				return err
			}
			if _, err := f.store.PurgeLog(time.Now(), f.cfg.HistoryAge); err != nil {
				return err
			}
		}
	}
}

func (f *Folder) syncing() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state == "syncing"
}

func (f *Folder) setState(s string) {
	f.mu.Lock()
	same := f.state == s
	f.state = s
	f.mu.Unlock()
	if !same {
		f.changed()
	}
}
