package disk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"qsync/folder"
)

// Watcher hints at changes below a root, by inotify(7). It watches the
// directories that scans with it in their options come by; a scan of
// everything at the start therefore watches everything.
type Watcher struct {
	hints chan Hint
	nudge chan struct{} // something was read
	watch func(fd int, path string, mask uint32) (int, error)

	mu      sync.Mutex
	fd      int      // -1 when there is none, or none any more
	file    *os.File // the same, for reading
	tree    *tree
	burst   burst
	moved   map[uint32]movedNode // by cookie: directories on their way
	limited string
	strict  string // what of limited no scan can change
	missed  bool   // a directory of the scan under way could not be watched
}

type movedNode struct {
	n     *node
	from  folder.Path
	since time.Time
}

// moveGrace is how long the second half of a rename may take to come. The
// kernel queues both together.
const moveGrace = 100 * time.Millisecond

const (
	watchMask = unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVED_FROM | unix.IN_MOVED_TO |
		unix.IN_CLOSE_WRITE | unix.IN_MODIFY | unix.IN_ATTRIB | unix.IN_ONLYDIR | unix.IN_EXCL_UNLINK
	rootMask = watchMask | unix.IN_DELETE_SELF | unix.IN_MOVE_SELF
)

// NewWatcher returns a watcher of r that watches nothing yet. If the system
// has no instance left for us it returns one that never hints, whose
// [Watcher.Limited] says so (F42).
func NewWatcher(r *Root) (*Watcher, error) {
	w := &Watcher{
		hints: make(chan Hint),
		nudge: make(chan struct{}, 1),
		watch: unix.InotifyAddWatch,
		fd:    -1,
		tree:  newTree(),
		moved: make(map[uint32]movedNode),
	}
	w.strict = remote(r.dir)
	w.limited = w.strict
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err = w.instance(fd, err); err != nil {
		return nil, fmt.Errorf("watch: %w", err)
	}
	return w, nil
}

func (w *Watcher) instance(fd int, err error) error {
	switch err {
	case nil:
		w.fd, w.file = fd, os.NewFile(uintptr(fd), "inotify")
		return nil
	case unix.EMFILE, unix.ENFILE:
		w.strict = "changes are found by periodic scans only: no inotify instance is left (sysctl fs.inotify.max_user_instances)"
	case unix.ENOSYS:
		w.strict = "changes are found by periodic scans only: the system has no inotify"
	default:
		return err
	}
	w.limited = w.strict
	return nil
}

// remote returns a sentence if d is on a file system that does not tell of
// changes made elsewhere (F46). The numbers are those of statfs(2).
func remote(d *dir) string {
	var st unix.Statfs_t
	if err := unix.Fstatfs(d.fd(), &st); err != nil {
		return ""
	}
	switch uint32(st.Type) {
	case 0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0x01021997, 0x00c36400, 0x5346414f, 0x65735546:
		return "changes made from elsewhere are found by periodic scans only: this is a network or FUSE file system"
	}
	return ""
}

// Hints returns the channel of hints. It is unbuffered, so a receiver that is
// slow finds its hints merged. It is never closed.
func (w *Watcher) Hints() <-chan Hint { return w.hints }

// Limited says in one sentence why not everything is watched, "" while
// everything is. What it speaks of is found by scans alone. It is the same
// sentence as long as the reason stays, so that one report is enough.
func (w *Watcher) Limited() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.limited
}

// Close releases the watcher and ends Run. A second call does nothing.
func (w *Watcher) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fd < 0 {
		return nil
	}
	w.fd = -1
	return w.file.Close()
}

// add watches directory d, whose path is p. It goes by descriptor: whatever
// the path leads to by now, the directory that is watched is the one that the
// scan lists. The link below /proc is the one that must be followed, so
// IN_DONT_FOLLOW has no place here.
func (w *Watcher) add(d *dir, p folder.Path) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p == "" && !w.missed {
		w.limited = w.strict
	}
	if p == "" {
		w.missed = false
	}
	if w.fd < 0 {
		return
	}
	mask := uint32(watchMask)
	if p == "" {
		mask = rootMask
	}
	// Events of the new watch wait for the lock, so its node is there first.
	wd, err := w.watch(w.fd, "/proc/self/fd/"+strconv.Itoa(d.fd()), mask)
	if err == nil {
		w.tree.set(p, int32(wd))
		return
	}
	w.unwatched(err)
}

func (w *Watcher) unwatched(err error) {
	switch err {
	case unix.ENOSPC:
		w.limited = "not every directory is watched, the rest is found by periodic scans: the limit is reached (raise it: sysctl fs.inotify.max_user_watches=1048576)"
	case unix.ENOENT:
		// Without /proc; a directory that is open is never missing.
		w.limited = "not every directory is watched, the rest is found by periodic scans: /proc is not mounted"
	case unix.EACCES:
		return // it cannot be listed either, and is a Problem of the scan
	default:
		w.limited = "not every directory is watched, the rest is found by periodic scans: " + err.Error()
	}
	w.missed = true
}

func (w *Watcher) drop(wd int32) {
	if w.fd >= 0 {
		// It fails if the directory is gone, and the watch with it.
		_, _ = unix.InotifyRmWatch(w.fd, uint32(wd))
	}
}

// Run reads events and sends hints until ctx ends or the watcher is closed,
// which is no error. It releases the watcher. It is called once.
func (w *Watcher) Run(ctx context.Context) error {
	w.mu.Lock()
	file := w.file
	if w.fd < 0 {
		file = nil
	}
	w.mu.Unlock()
	if file == nil {
		<-ctx.Done()
		return nil
	}
	failed := make(chan error, 1)
	go func() { failed <- w.read(file) }()
	err, ended := w.send(ctx, failed)
	w.Close()
	if !ended {
		<-failed
	}
	return err
}

// read takes events from the kernel until the file is closed.
func (w *Watcher) read(file *os.File) error {
	buf := make([]byte, 64<<10)
	for {
		n, err := file.Read(buf)
		if err != nil {
			if errors.Is(err, os.ErrClosed) {
				return nil
			}
			return fmt.Errorf("watch: %w", err)
		}
		w.handle(buf[:n], time.Now())
		select {
		case w.nudge <- struct{}{}:
		default:
		}
	}
}

// send hands out hints as they fall due. It reports whether the reader has
// ended.
func (w *Watcher) send(ctx context.Context, failed <-chan error) (err error, ended bool) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	var ready []Hint
	for {
		var at time.Time
		ready, at = w.due(ready, time.Now())
		var out chan Hint
		var head Hint
		if len(ready) > 0 {
			out, head = w.hints, ready[0]
			timer.Stop()
		} else if at.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(at))
		}
		select {
		case out <- head:
			ready = ready[1:]
		case <-timer.C:
		case <-w.nudge:
		case err := <-failed:
			return err, true
		case <-ctx.Done():
			return nil, false
		}
	}
}

// due adds what is due to an empty ready, replaces it if hints were lost, and
// returns when to ask again.
func (w *Watcher) due(ready []Hint, now time.Time) ([]Hint, time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := w.expire(now)
	if w.burst.lost || len(ready) == 0 {
		ready = w.burst.take(now)
	}
	if s := w.burst.soonest; at.IsZero() || (!s.IsZero() && s.Before(at)) {
		at = s
	}
	return ready, at
}

// expire stops watching directories that moved out of the tree, and returns
// when the next one may be given up.
func (w *Watcher) expire(now time.Time) (next time.Time) {
	for cookie, m := range w.moved {
		if end := m.since.Add(moveGrace); !end.After(now) {
			delete(w.moved, cookie)
			if m.n.parent == nil {
				w.tree.remove(m.n, w.drop)
			}
		} else if next.IsZero() || end.Before(next) {
			next = end
		}
	}
	return next
}
