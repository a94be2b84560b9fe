package peer

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"qsync/certs"
	"qsync/folder/disk"
	"qsync/store"
)

// checkRoot verifies that the root is the directory that was synced before: by
// the marker in it, or, where nothing may be written into it, by its inode. An
// unmounted disk leaves an empty directory that must not read as "all deleted".
func (f *Folder) checkRoot(first bool) error {
	if f.cfg.Plan != nil {
		return nil
	}
	known := f.store.Root()
	if known == "" && first {
		return f.own()
	}
	here, err := f.rootIdentity(strings.HasPrefix(known, byInode))
	if err != nil {
		return fmt.Errorf("%w. %s", err, f.adoptText())
	}
	switch {
	case here == known && strings.HasPrefix(known, byInode) != f.bare && first:
		return f.own() // the same directory, but sync may write there now, or may not any more
	case here == known && first:
		return f.knowsCopy()
	case here == known:
		return nil
	case here == "":
		return fmt.Errorf("%w: %s lacks its marker .qsync/marker; is the disk mounted? %s", ErrRoot, f.cfg.Dir, f.adoptText())
	}
	return fmt.Errorf("%w: another directory has taken the place of %s; is the disk mounted? %s", ErrRoot, f.cfg.Dir, f.adoptText())
}

// knowsCopy refuses another directory with the same marker which is not as the last
// run left it: a backup, or the other one of two disks. What has come since that was
// copied is missing in it, and would be removed elsewhere; what is older would be an
// edit. A copy of the latest state is as good as the directory itself. It is told by
// both signs, since the numbers of some file systems change whenever they are mounted,
// and the map may be the one that is old (F16).
func (f *Folder) knowsCopy() error {
	if f.bare {
		return nil
	}
	m, err := f.root.Marker()
	if err != nil {
		return err
	}
	here, err := f.dirText()
	if err != nil || m.Dir == "" || m.Dir == here {
		return err
	}
	if is, err := f.store.Witnessed(m.Run); is || err != nil {
		return err
	}
	return fmt.Errorf("%w: an older copy of it has taken the place of %s; is the right disk mounted? %s", ErrRoot, f.cfg.Dir, f.adoptText())
}

// dirText tells the root's directory from any other, as long as its file system
// stays mounted, and with most for ever.
func (f *Folder) dirText() (string, error) {
	id, err := f.root.ID()
	return fmt.Sprintf("%d on %x", id.Inode, id.FSID), err
}

func (f *Folder) adoptText() string {
	return fmt.Sprintf("If it really is the right folder, 'qsync confirm %s' takes it for that: the sync ID stays, and what is missing there is not passed on as removed", typed(f.cfg.Dir))
}

// adopt takes the directory that is here for the folder, because a person says
// so. It may hold anything: what the map knew of the other one must make neither
// a removal of what is missing nor an edit of what is older, so a new map begins.
// Who confirms what the brake has stopped does not speak of another directory:
// then it is refused. why says how it is another one.
func (f *Folder) adopt(why error) error {
	if f.store.Hold().Why != store.NoHold {
		return fmt.Errorf("%w. The brake has stopped this folder besides: mount the disk first and decide about that. If the directory is lost, 'qsync forget %s', and join it again with its ID", why, typed(f.cfg.Dir))
	}
	mode := Mode(f.store.Mode())
	if err := f.store.Close(); err != nil {
		return err
	}
	f.store = nil
	for _, name := range []string{"map.db", touchedName, swapsName, mountsName} {
		if err := os.Remove(filepath.Join(f.cfg.State, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := errors.Join(f.openStore(), f.mounts.remember(f.cfg.State, false)); err != nil {
		return err
	}
	f.node.cfg.Log.Warn("another directory is taken for the folder; it is compared with the peers anew", "folder", f.cfg.Dir)
	if f.cfg.Mode == ModeAuto && !f.cfg.Unsettled && mode != ModeAuto {
		if err := f.store.SetLaw(f.law(mode)); err != nil {
			return err
		}
	}
	return f.own()
}

// rootGone is the reason to stop when the root went while it was worked in.
func (f *Folder) rootGone() error {
	return fmt.Errorf("%w: %s: %w", ErrRoot, f.cfg.Dir, disk.ErrRootGone)
}

// Prefixes of a root's remembered identity.
const (
	byInode  = "inode "
	byMarker = "marker "
)

// own remembers the root's identity, by a new marker where one may be written.
// A map that knows nothing yet has nothing to lose to a wrong root, so an old
// marker is simply replaced.
func (f *Folder) own() error {
	if !f.bare {
		id, err := certs.NewSyncID() // just 32 random bytes here
		if err != nil {
			return err
		}
		m := disk.Marker{Share: f.Tag(), Root: hex.EncodeToString(id[:16])}
		if err := f.root.WriteMarker(m); err != nil {
			return err
		}
	}
	here, err := f.rootIdentity(f.bare)
	if err != nil {
		return err
	}
	return f.store.SetRoot(here)
}

// rootIdentity is what tells the root from another directory, "" if it has no
// marker.
func (f *Folder) rootIdentity(inode bool) (string, error) {
	if inode {
		id, err := f.root.ID()
		if err != nil {
			return "", fmt.Errorf("%w: %w", ErrRoot, err)
		}
		return fmt.Sprintf(byInode+"%d on %x", id.Inode, id.FSID), nil
	}
	m, err := f.root.Marker()
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrRoot, err)
	}
	return byMarker + m.Share + " " + m.Root, nil
}

// witness makes the map prove that it is the one which the last run left. The
// proof is kept in the folder, where a restored backup of the map does not reach
// it, or beside the map where nothing may be written into the folder.
func (f *Folder) witness() error {
	if f.cfg.Plan != nil {
		return nil
	}
	if f.bare {
		name := filepath.Join(f.cfg.State, "run")
		kept, err := os.ReadFile(name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		next, err := f.store.Witness(string(kept))
		if err != nil {
			return err
		}
		return os.WriteFile(name, []byte(next), 0o600)
	}
	m, err := f.root.Marker()
	if err != nil {
		return err
	}
	if m.Dir, err = f.dirText(); err != nil {
		return err
	}
	if m.Run, err = f.store.Witness(m.Run); err != nil {
		return err
	}
	return f.root.WriteMarker(m)
}
