package disk

import (
	"bytes"
	"encoding/binary"
	"time"

	"golang.org/x/sys/unix"

	"qsync/folder"
)

// event is struct inotify_event (inotify(7)).
type event struct {
	wd           int32
	mask, cookie uint32
	name         string
}

// nextEvent takes one event off b.
func nextEvent(b []byte) (e event, rest []byte, ok bool) {
	if len(b) < unix.SizeofInotifyEvent {
		return event{}, nil, false
	}
	e.wd = int32(binary.NativeEndian.Uint32(b))
	e.mask = binary.NativeEndian.Uint32(b[4:])
	e.cookie = binary.NativeEndian.Uint32(b[8:])
	n := uint64(binary.NativeEndian.Uint32(b[12:]))
	b = b[unix.SizeofInotifyEvent:]
	if n > uint64(len(b)) {
		return event{}, nil, false
	}
	name, _, _ := bytes.Cut(b[:n], []byte{0})
	e.name = string(name)
	return e, b[n:], true
}

// handle turns what was read from the kernel into pending hints.
func (w *Watcher) handle(b []byte, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		e, rest, ok := nextEvent(b)
		if !ok {
			return
		}
		b = rest
		if e.mask&unix.IN_Q_OVERFLOW != 0 {
			w.burst.lose() // F41
			continue
		}
		if n := w.tree.byWD[e.wd]; n != nil {
			w.event(n, e, now)
		}
	}
}

func (w *Watcher) event(n *node, e event, now time.Time) {
	if e.mask&unix.IN_IGNORED != 0 {
		w.ignored(n)
		return
	}
	if e.mask&(unix.IN_UNMOUNT|unix.IN_DELETE_SELF|unix.IN_MOVE_SELF) != 0 {
		w.burst.lose()
		return
	}
	if e.name == "" {
		return // about the directory itself: its parent tells as well
	}
	at, ok := w.tree.path(n)
	if !ok {
		if w.leaving(n) {
			return
		}
		// It is somewhere else than we thought. If that is below the root, the
		// scan of everything watches it again.
		w.tree.remove(n, w.drop)
		w.burst.lose()
		return
	}
	if at == "" && e.name == folder.Reserved {
		return
	}
	child := at.Join(e.name)
	if _, err := folder.ParsePath(string(child)); err != nil {
		return // scans report it
	}
	isDir := e.mask&unix.IN_ISDIR != 0
	const entries = unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVED_FROM | unix.IN_MOVED_TO
	from := folder.Path("")
	if isDir {
		from = w.relink(n, e, child, now)
	}
	// A directory that comes may hold anything by now (F43); where one went
	// another may be.
	deep := isDir && e.mask&(entries&^unix.IN_DELETE) != 0
	s := signOf(e.mask)
	w.burst.add(child, now, deep, s)
	if s == going {
		w.burst.wrote(child)
	}
	if from != "" {
		w.burst.came(child, from)
	}
	if e.mask&entries != 0 && at != "" {
		w.burst.add(at, now, false, s) // its modification time
	}
	if s == over {
		w.burst.join(at, child)
	}
	if e.name == IgnoreName {
		w.burst.add(at, now, true, s)
	}
}

func signOf(mask uint32) sign {
	switch {
	case mask&unix.IN_MODIFY != 0:
		return going
	case mask&(unix.IN_CREATE|unix.IN_DELETE) != 0:
		return begun
	}
	return over
}

// ignored forgets a watch that the kernel has ended.
func (w *Watcher) ignored(n *node) {
	delete(w.tree.byWD, n.wd)
	n.wd = -1
	if n == w.tree.root {
		w.burst.lose()
	} else if len(n.kids) == 0 {
		n.detach()
	}
}

// leaving reports whether n is, or is below, a directory half of whose rename
// was read. Wherever it arrives it is looked at as a whole.
func (w *Watcher) leaving(n *node) bool {
	for _, m := range w.moved {
		if m.n.holds(n) {
			return true
		}
	}
	return false
}

// relink follows directories from n to n as the two halves of a rename come. It
// returns where the one that is at child now was before.
func (w *Watcher) relink(n *node, e event, child folder.Path, now time.Time) (from folder.Path) {
	switch {
	case e.mask&unix.IN_MOVED_FROM != 0:
		if k := n.kids[e.name]; k != nil {
			k.detach()
			w.moved[e.cookie] = movedNode{k, child, now}
		}
	case e.mask&unix.IN_MOVED_TO != 0:
		if m, ok := w.moved[e.cookie]; ok {
			delete(w.moved, e.cookie)
			if m.n.parent == nil && !m.n.holds(n) {
				n.attach(e.name, m.n)
			}
			return m.from
		}
	}
	return ""
}
