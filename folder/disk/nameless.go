package disk

import (
	"crypto/rand"
	"sync/atomic"
)

// nameless is what a root knows of files that are made without a name.
type nameless struct {
	state atomic.Int32 // 0 unknown, 1 can be made, 2 cannot
	loose atomic.Bool  // flushing a directory does not secure the file that was linked into it
	owing atomic.Bool  // some such file waits for a flush of everything
}

// namelessFiles reports whether files can be made without a name and be given
// one later; it tries once.
func (r *Root) namelessFiles(tmp *dir) bool {
	const unknown, yes, no = 0, 1, 2
	state := r.nameless.state.Load()
	if state == unknown {
		state = no
		if !r.crude && tmp.securesNameless() && tryNameless(tmp) == nil {
			state = yes
			r.nameless.loose.Store(!tmp.journals())
		}
		r.nameless.state.Store(state)
	}
	return state == yes
}

func tryNameless(tmp *dir) error {
	f, err := tmp.createNameless()
	if err != nil {
		return err
	}
	defer f.Close()
	name := newPrefix + rand.Text()
	if err := tmp.linkFile(f, name); err != nil {
		return err
	}
	return tmp.unlink(name)
}

// linked sees to it that s lasts if it was made without a name and has one now. Where no
// journal writes file and entry together, the file on the disk still counts its
// links as none, and a repair after a power cut would remove the entry. One that
// was flushed by itself is once more, which writes no more than that; many wait
// for a flush of everything.
func (n *nameless) linked(s *Staged) {
	if s.linked && n.loose.Load() && (!s.synced || s.flush() != nil) {
		n.owing.Store(true)
	}
}

// syncFS makes everything on d's file system durable.
func (n *nameless) syncFS(d *dir) error {
	owed := n.owing.Swap(false)
	err := d.syncFS()
	if err != nil && owed {
		n.owing.Store(true)
	}
	return err
}

// syncDir makes the entries of d durable.
func (n *nameless) syncDir(d *dir) error {
	if n.owing.Load() {
		return n.syncFS(d)
	}
	return d.sync()
}
