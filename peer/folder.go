package peer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"qsync/certs"
	"qsync/folder"
	"qsync/folder/disk"
	"qsync/store"
)

// Folder is one replica of one folder, run by a [Node].
type Folder struct {
	node  *Node
	cfg   FolderConfig
	keys  certs.Keys
	root  *disk.Root
	store *store.Store
	twin  *Folder // the other directory of a pair on this machine
	leads bool    // of a pair: the one that makes the link
	bare  bool    // nothing of ours is written into the root
	temp  string  // a dry run's throw-away state

	mode     atomic.Uint32
	modeSet  chan struct{} // closed when the mode is known
	modeOne  sync.Once
	settling sync.Mutex // two peers may be the first at the same time

	ctx    context.Context
	cancel context.CancelCauseFunc
	group  *errgroup.Group
	work   context.Context // of the present shift; under mu, like group
	ended  chan struct{}   // closed when run has returned

	rescans chan chan error // asks the scanner for a full pass; the answer comes when it is committed
	look    lookQueue       // paths the scanner should look at
	written pathSet         // those of them that are to be read whatever their stat says
	wake    chan struct{}   // wakes the syncer
	looks   lookFigures     // of the scanner alone
	scanned gate            // open when the first whole scan of this run, or since a pause, is committed
	merging chan struct{}   // one token: who may merge a peer's batch (see store.Accept)

	touched   touchedDirs
	mounts    mounts
	swaps     swapNotes            // what was being put in place when the last run was killed
	settled   touchedDirs          // were touched when the present look began: it may have seen them so
	hollow    touchedDirs          // may be here for nothing any more
	placing   placing              // put on disk and not yet in the map
	underway  underway             // of large files
	echoes    echoes               // put on disk lately, and in the map
	motion    motion               // changed here lately
	movedDirs movedDirs            // and not looked at since
	back      map[folder.Path]bool // was gone in the last look, and there at its end
	recipes   store.Recipes        // from earlier runs, too
	bases     databases            // changed here, and to be told of as a whole
	undone    pathSet              // a person wants it as the source has it: nothing for the brake
	away      window               // what vanished here and was passed on
	topped    topped
	removed   window       // what the peers removed here
	let       bool         // a person let through what this round removes; of the syncer alone
	unsynced  atomic.Int64 // entries on disk that the map has, and are ignored
	rivals    pathSet      // of a mirrored source: what it has yet to put its own above
	parked    parking
	trouble   trouble
	links     links
	blocked   blocks  // by what else is on the disk
	renamed   pathSet // given another spelling, which the map is yet to hear of
	immovable pathSet // to be copied to their new name and removed, since they could not be renamed
	holders   holders
	fresh     pocket       // content that looks have just read
	gifts     pocket       // content that came with an index
	takers    atomic.Int32 // sessions that send it with the index
	files     *account     // of descriptors, for files that are staged
	counts    counters
	space     spaceMeter
	rates     rateMeter
	bad       quarantine
	paces     paces
	planned   chan struct{} // closed when a dry run has reported everything
	other     *otherSide    // of a dry run

	mu        sync.Mutex
	err       error
	closing   bool               // the shift is coming to its end
	paused    bool               // as asked for
	working   bool               // a shift runs
	halt      context.CancelFunc // ends it
	state     string
	next      time.Time // of the next pass by the clock
	sessions  map[store.NodeID]*session
	observers map[store.NodeID]*session // of dry runs
	braked    map[store.NodeID]bool     // who said at its end that its brake has stopped it
	parted    map[store.NodeID]bool     // who ended a link for another one that is not here yet
	problems  map[folder.Path]string
	conflict  map[folder.Path]bool // conflict copies on disk, as far as they have been seen
	differ    differingAt
	listing   sync.Once // of those, where no look lists them
	watcher   Watcher
	refusal   error                 // why a peer was sent away, for people
	wrong     map[string]error      // remotes that refuse our ID, or cannot be reached
	refusedAt time.Time             // since when all of them have refused it, zero if they have not
	met       bool                  // a peer was connected since the start
	equals    map[store.NodeID]bool // peers met since the start that are two-way, as far as is known
	change    chan struct{}         // closed and renewed whenever something of the above, or the store, changed
	synced    bool                  // as last told
	wasSynced bool                  // it was in this run
	heldAtEnd HeldList              // what the brake has stopped it for
	granted   *store.HeldPaths      // what a person let through on the other side of a pair
	ignored   store.Want            // wanted paths that are ignored here, or lost everywhere
	queues    queueFigures

	candidates *candidates   // addresses at which peers may be
	doubt      chan struct{} // the network changed: look whether the peers are still there
	selfOnce   sync.Once     // we were told of our own address
}

func openFolder(n *Node, fc FolderConfig) (f *Folder, err error) {
	if fc.Next == nil && fc.Every > 0 {
		fc.Next = func(after time.Time) time.Time { return after.Add(fc.Every) }
	}
	keys, err := certs.Derive(fc.ID)
	if err != nil {
		return nil, fmt.Errorf("peer: %w", err)
	}
	f = &Folder{
		node: n, cfg: fc, keys: keys, files: n.files.account(4 * placeFiles),
		bare:      fc.Mode.gives() || fc.Plan != nil,
		modeSet:   make(chan struct{}),
		ended:     make(chan struct{}),
		fresh:     pocket{larder: &n.larders.fresh, span: freshTime},
		gifts:     pocket{larder: &n.larders.gifts, span: giftTime},
		rescans:   make(chan chan error),
		wake:      make(chan struct{}, 1),
		planned:   make(chan struct{}),
		merging:   make(chan struct{}, 1),
		state:     "idle",
		paused:    fc.Paused,
		sessions:  make(map[store.NodeID]*session),
		observers: make(map[store.NodeID]*session),
		parted:    make(map[store.NodeID]bool),
		braked:    make(map[store.NodeID]bool),
		problems:  make(map[folder.Path]string),
		conflict:  make(map[folder.Path]bool),
		wrong:     make(map[string]error),
		equals:    make(map[store.NodeID]bool),
		change:    make(chan struct{}),

		candidates: newCandidates(),
		doubt:      make(chan struct{}, 1),
	}
	if fc.Plan != nil {
		f.other = &otherSide{told: make(map[folder.Path]folder.Value), before: make(map[folder.Path]folder.Value)}
	}
	f.ctx, f.cancel = context.WithCancelCause(context.Background())
	if err := f.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("peer: %w", err), f.close())
	}
	return f, nil
}

func (f *Folder) open() error {
	root, err := disk.Open(f.cfg.Dir, f.bare)
	if err != nil {
		return err
	}
	f.root = root
	if !f.bare {
		root.SetVersions(f.cfg.Versions)
		var busy *disk.BusyError
		if err := root.Lock(f.node.cfg.Name); errors.As(err, &busy) {
			return fmt.Errorf("%w: %w", ErrBusy, busy)
		} else if err != nil {
			return err
		}
	}
	if err := f.openStore(); err != nil {
		return err
	}
	if err := f.mounts.remember(f.cfg.State, f.cfg.Plan != nil); err != nil {
		return err
	}
	f.resumeHeld()
	err = f.checkRoot(true)
	if errors.Is(err, ErrRoot) && f.cfg.Adopt {
		err = f.adopt(err)
	}
	if err != nil {
		return err
	}
	if err := f.witness(); err != nil {
		return err
	}
	if !f.bare {
		if err := errors.Join(root.PrepareReserved(), f.touched.remember(f.cfg.State), f.swaps.remember(f.cfg.State)); err != nil {
			return err
		}
	}
	mode := f.cfg.Mode
	if mode == ModeAuto && f.cfg.Unsettled {
		return f.store.SetLaw(store.Law{Mode: uint8(ModeAuto)})
	}
	if mode == ModeAuto {
		mode = Mode(f.store.Mode())
	}
	return f.setMode(mode)
}

func (f *Folder) openStore() error {
	state := f.cfg.State
	if f.cfg.Plan != nil {
		var err error
		if f.temp, err = os.MkdirTemp("", "qsync-plan-"); err != nil {
			return err
		}
		state = f.temp
		if err := copyFile(filepath.Join(f.cfg.State, "map.db"), filepath.Join(state, "map.db")); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := os.MkdirAll(state, 0o700); err != nil {
		return err
	}
	age := f.cfg.TombstoneAge
	if age == 0 {
		age = 30 * 24 * time.Hour
	}
	st, err := store.Open(filepath.Join(state, "map.db"), store.Options{Machine: f.node.cfg.Machine, TombstoneAge: max(age, 0), Copy: f.cfg.Plan != nil})
	if errors.Is(err, store.ErrBusy) {
		return fmt.Errorf("%w: %w", ErrBusy, store.ErrBusy)
	}
	if err != nil {
		return err
	}
	f.store, f.trouble.adrift = st, st.Unclean()
	f.openRecipes()
	if f.cfg.Plan == nil { // a dry run talks to whom it is told to
		f.candidates.remember(st.Addrs())
	}
	if note := st.Note(); note != "" {
		f.node.cfg.Log.Warn(note, "folder", f.cfg.Dir)
	}
	return nil
}

// copyFile copies a folder map for a dry run. A torn copy is found by the
// store's own check and then starts from nothing, which is only slower.
func copyFile(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o600)
}

// Tag is a short public name of the folder; it tells nothing about the sync ID.
func (f *Folder) Tag() string { return f.keys.ShareID().String()[:12] }

// Dir returns the folder's absolute path.
func (f *Folder) Dir() string { return f.root.Path() }

// Mode returns the folder's mode, ModeAuto until its first peer was met.
func (f *Folder) Mode() Mode { return Mode(f.mode.Load()) }

func (f *Folder) setMode(m Mode) error {
	if m == ModeAuto {
		return nil
	}
	if err := f.store.SetLaw(f.law(m)); err != nil {
		return err
	}
	f.mode.Store(uint32(m))
	f.modeOne.Do(func() { close(f.modeSet) })
	return nil
}

// shift works until ctx ends: from the start, or the end of a pause, to the next.
func (f *Folder) shift(ctx context.Context) {
	group, gctx := errgroup.WithContext(ctx)
	f.mu.Lock()
	f.group, f.work, f.closing = group, gctx, false
	f.mu.Unlock()
	spawn := func(fn func(context.Context) error) {
		group.Go(func() error {
			if err := fn(gctx); err != nil && gctx.Err() == nil {
				f.fail(err) // for people, who do not care which of these it was
			}
			return nil
		})
	}
	spawn(f.scanLoop)
	spawn(f.syncLoop)
	spawn(f.keepLoop)
	spawn(func(ctx context.Context) error {
		select {
		case <-f.store.Broken(): // whoever met it may not have the folder in mind
			return store.ErrUnwritten
		case <-ctx.Done():
			return nil
		}
	})
	spawn(f.pruneLoop)
	for _, r := range f.cfg.Remotes {
		spawn(func(ctx context.Context) error { return f.dialLoop(ctx, r) })
	}
	if f.node.transport != nil && f.twin == nil {
		spawn(f.seekLoop)
		spawn(f.doubtLoop)
	}
	if f.leads {
		spawn(f.pairLoop)
	}
	group.Go(func() error {
		<-gctx.Done()
		f.mu.Lock()
		defer f.mu.Unlock()
		f.closing = true // from here on no session can join
		return nil
	})
	group.Wait()
}

// close releases what open took; it is safe on a half-opened folder.
func (f *Folder) close() error {
	var errs []error
	if f.store != nil {
		errs = append(errs, f.store.Close())
	}
	if f.root != nil {
		errs = append(errs, f.touched.close(), f.swaps.close(), f.root.Close())
	}
	if f.temp != "" {
		errs = append(errs, os.RemoveAll(f.temp))
	}
	return errors.Join(errs...)
}

// stop ends the folder's work for good, for the reason err.
func (f *Folder) stop(err error) {
	f.mu.Lock()
	first := f.err == nil && err != nil
	if first {
		f.err = err
	}
	f.mu.Unlock()
	f.changed()
	if first {
		f.node.cfg.Log.Error(FolderStopped, "folder", f.cfg.Dir, "error", err)
		f.event(Event{Event: "stopped", Text: err.Error()})
	}
	f.cancel(errors.Join(err, context.Canceled))
}

// Stopped is closed when the folder will do nothing more.
func (f *Folder) Stopped() <-chan struct{} { return f.ctx.Done() }

// Err says why the folder stopped; nil while it runs or when it was told to.
func (f *Folder) Err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// changed wakes all who wait for the folder's state.
func (f *Folder) changed() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.change)
	f.change = make(chan struct{})
}

// Changes returns what is closed at the next change of the folder, of its rates
// and of what its peers fetch alone perhaps not.
func (f *Folder) Changes() <-chan struct{} { return f.changes() }

func (f *Folder) changes() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.change
}

func (f *Folder) wakeSyncer() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}
