package disk

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"

	"qsync/folder"
	"qsync/folder/fault"
)

// Writable reports why nothing can be made on the root's disk, by making
// something in the reserved directory and removing it.
func (r *Root) Writable() error {
	err := r.inWork(func(w *work) error {
		name := newPrefix + rand.Text()
		f, err := w.tmp.create(name, 0o600)
		if err != nil {
			return err
		}
		return errors.Join(f.Close(), w.tmp.unlink(name))
	})
	if err != nil {
		return fmt.Errorf("write a file: %w", err)
	}
	return nil
}

// Rewrite writes the directory entry of p afresh, where the disk holds what l
// says; of [folder.Absent], that there is none. After a flush of the directory
// that failed, only what was written since can be believed to be flushed by the
// next. What is there has another name for a moment. [ErrChanged], [ErrNoParent]
// and [ErrReadOnly] are as for [Root.Put].
func (r *Root) Rewrite(p folder.Path, l folder.Local) error {
	defer r.forget()
	return r.at("rewrite", p, func(at slot) error {
		if l.Value.Kind == folder.Absent {
			f, err := at.dir.create(at.base(), 0o600)
			if errors.Is(err, fs.ErrExist) || errors.Is(err, errNotFile) {
				return fmt.Errorf("%w: %w", ErrChanged, err)
			}
			if err != nil {
				return err
			}
			return errors.Join(f.Close(), at.dir.unlink(at.base()))
		}
		if _, err := at.look(l); err != nil {
			return err
		}
		return r.inWork(func(w *work) error {
			aside := swapPrefix + rand.Text()
			if err := r.noReplace(at.dir, at.base(), w.tmp, aside); err != nil {
				return err
			}
			fault.Point("rewriting")
			err := r.noReplace(w.tmp, aside, at.dir, at.base())
			if errors.Is(err, fs.ErrExist) { // somebody was quick: theirs stays, ours is kept
				r.retain(w, slot{w.tmp, folder.Path(aside)}, p, info{Special: true})
				return fmt.Errorf("%w: %w", ErrChanged, err)
			}
			return err
		})
	})
}
