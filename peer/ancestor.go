package peer

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"

	"qsync/folder"
	"qsync/folder/chunk"
	"qsync/folder/disk"
)

// Ancestor writes the content that both sides of a conflict were made of to the
// file to, if it is among the versions here or another file holds it, and reports
// whether that is so. It is known by the first bytes of its digest.
func (f *Folder) Ancestor(ctx context.Context, p folder.Path, to string) (bool, error) {
	cp, err := f.conflictOf(ctx, p)
	if err != nil {
		return false, err
	}
	of, err := f.originalOf(cp)
	if err != nil {
		return false, err
	}
	plain, err := f.store.Record(of)
	if err != nil {
		return false, err
	}
	ids := []uint64{folder.LostOf(cp.Local.Value).Base, plain.Local.Value.Base.Content}
	if sib, ok := plain.Register.Has(plain.Local.Dot); ok {
		ids[1] = sib.Value.Base.Content
	}
	for _, id := range slices.Compact(ids) {
		if id == 0 {
			continue
		}
		if found, err := f.version(ctx, of, id, to); found || err != nil {
			return found, err
		}
		if found, err := f.elsewhere(ctx, []folder.Path{of, cp.Path}, id, to); found || err != nil {
			return found, err
		}
	}
	return false, nil
}

// elsewhere copies a file, but none of those, whose content has that ID: somebody
// may have made a copy before the change.
func (f *Folder) elsewhere(ctx context.Context, but []folder.Path, id uint64, to string) (bool, error) {
	buf := make([]byte, 1<<20)
	for r, err := range f.store.Records("") {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return false, err
		}
		if v := r.Local.Value; slices.Contains(but, r.Path) || v.Kind != folder.File || v.ContentID() != id {
			continue
		}
		from, err := f.root.OpenFile(r.Path, r.Local)
		if err != nil {
			continue // it has just become something else
		}
		defer from.Close()
		d, _, err := chunk.Sum(from, buf)
		if err != nil || d != r.Local.Value.Digest {
			continue
		}
		if _, err := from.Seek(0, io.SeekStart); err != nil {
			return false, err
		}
		if err := copyOut(from, to, buf); !errors.Is(err, errFound) {
			return false, err
		}
		return true, nil
	}
	return false, nil
}

var errFound = errors.New("found")

// version copies the version of p whose content has that ID to a file.
func (f *Folder) version(ctx context.Context, p folder.Path, id uint64, to string) (bool, error) {
	buf := make([]byte, 1<<20)
	err := f.root.Versions(ctx, p, "", func(all []disk.Version) error {
		for _, v := range all {
			if v.Path != p || v.Kind != folder.File {
				continue
			}
			from, err := f.root.OpenVersion(v)
			if err != nil {
				continue // pruned meanwhile
			}
			defer from.Close()
			d, _, err := chunk.Sum(from, buf)
			if err != nil || (folder.Value{Kind: folder.File, Digest: d}).ContentID() != id {
				continue
			}
			if _, err := from.Seek(0, io.SeekStart); err != nil {
				return err
			}
			return copyOut(from, to, buf)
		}
		return nil
	})
	if errors.Is(err, errFound) {
		return true, nil
	}
	return false, err
}

func copyOut(from io.Reader, to string, buf []byte) error {
	out, err := os.OpenFile(filepath.Clean(to), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.CopyBuffer(out, from, buf)
	if err := errors.Join(err, out.Close()); err != nil {
		return err
	}
	return errFound
}
