package disk

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"os"

	"qsync/folder"
)

// share lets versions of one path that are equal share one inode, that of the
// oldest. The name of the others then says when they were last modified. Only
// what is old enough that nobody writes to it any more is shared, and each is
// compared but once, when it has become so old.
func (x *pruner) share(d *dir, vs []kept) {
	for i, v := range vs {
		if !v.shareable(x) || v.at().Before(x.since) {
			continue
		}
		for j := len(vs) - 1; j > i; j-- {
			older := vs[j]
			if !older.shareable(x) || older.Size != v.Size || older.Mode != v.Mode || older.Dev != v.Dev {
				continue
			}
			if older.Inode == v.Inode {
				break
			}
			if x.compare -= 2 * v.Size; x.compare < 0 {
				return
			}
			if equalFiles(d, older.name, v.name) && x.link(d, older, v) == nil {
				vs[i].Inode = older.Inode
				x.out.Linked++
				break
			}
		}
	}
}

func (k kept) shareable(x *pruner) bool {
	return k.Kind == folder.File && !k.dir && k.Size > 0 && k.Inode != 0 && k.at().Before(x.grace) && !writtenSince(k.info, k.at(), x.now)
}

// link puts a link to older in the place of v.
func (x *pruner) link(d *dir, older, v kept) error {
	to := v.version
	if !v.timed && v.MTime != older.MTime {
		to.mtime, to.timed = v.MTime, true
		to = to.named()
	}
	tmp := newPrefix + rand.Text()
	if err := d.link(older.name, x.w.tmp, tmp); err != nil {
		return err
	}
	if err := x.w.tmp.rename(tmp, d, to.name); err != nil {
		return errors.Join(err, x.w.tmp.unlink(tmp))
	}
	if to.name != v.name {
		return d.unlink(v.name)
	}
	return nil
}

// equalFiles reports whether two files of one directory hold the same.
func equalFiles(d *dir, a, b string) bool {
	fa, _, err := d.open(a)
	if err != nil {
		return false
	}
	defer fa.Close()
	fb, _, err := d.open(b)
	if err != nil {
		return false
	}
	defer fb.Close()
	same, err := equalContent(fa, fb)
	return same && err == nil
}

func equalContent(a, b *os.File) (bool, error) {
	bufA, bufB := make([]byte, copyBuffer), make([]byte, copyBuffer)
	for {
		n, err := io.ReadFull(a, bufA)
		m, errB := io.ReadFull(b, bufB)
		end := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		endB := errors.Is(errB, io.EOF) || errors.Is(errB, io.ErrUnexpectedEOF)
		if err != nil && !end || errB != nil && !endB {
			return false, errors.Join(err, errB)
		}
		if n != m || !bytes.Equal(bufA[:n], bufB[:m]) {
			return false, nil
		}
		if end || endB {
			return end && endB, nil
		}
	}
}
