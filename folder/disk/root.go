package disk

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"

	"qsync/folder"
	"qsync/folder/fault"
)

// Errors that a caller branches on. ErrChanged and ErrNoParent say that the
// index is behind the disk: scan the path, or its parent, and decide again.
var (
	ErrNotDir   = errors.New("not a directory")
	ErrReadOnly = errors.New("the folder is open for reading only")
	ErrChanged  = errors.New("the disk no longer holds what the index says")
	ErrNoParent = errors.New("the parent directory is missing")
	ErrNotEmpty = errors.New("the directory is not empty")
	ErrContent  = errors.New("the content is not what its size and digest say")
)

// DefaultVersions is how many older versions of a path are kept at first.
const DefaultVersions = 5

// Root is a folder's tree on this machine. Its methods may be called from
// several goroutines at once, except Close, which comes last.
type Root struct {
	dir      *dir
	path     string
	readOnly bool
	keep     atomic.Int64 // versions of each path
	added    atomic.Int64 // versions, since it was opened
	near     nearby       // directories reached lately
	hashers  sync.Pool    // of *chunk.Hasher
	buffers  sync.Pool    // of *[copyBuffer]byte
	noClone  atomic.Bool  // this file system shares no blocks
	nameless nameless
	spelled  spelled
	force    sync.Mutex // held while a read-only directory is opened up
	stamps   bool       // stamps come from a clock that can be read
	crude    bool       // in tests: as on a file system without RENAME_NOREPLACE and RENAME_EXCHANGE

	mu    sync.Mutex // guards what follows
	work  *work
	stale []*dir
	lock  *os.File
	parts map[string]bool     // resumable files being written
	kept  map[folder.Path]int // versions put into a directory since it was pruned
}

// work is the reserved directory and those in it.
type work struct{ self, tmp, versions *dir }

// Open opens the directory at path, which may be a symlink to it. A root that
// is readOnly is never written to: every mutator returns [ErrReadOnly]. The
// error is [ErrNotDir] or wraps fs.ErrNotExist where that is the reason.
func Open(path string, readOnly bool) (*Root, error) {
	abs, err := filepath.Abs(path)
	if err == nil {
		abs, err = filepath.EvalSymlinks(abs)
	}
	if err != nil {
		return nil, openError(path, err)
	}
	d, err := openDir(abs)
	if err != nil {
		return nil, openError(path, err)
	}
	r := &Root{dir: d, path: abs, readOnly: readOnly, stamps: stampsHere(d), parts: map[string]bool{}, kept: map[folder.Path]int{}}
	r.keep.Store(DefaultVersions)
	return r, nil
}

func openError(path string, err error) error {
	if fi, e := os.Stat(path); errors.Is(err, syscall.ENOTDIR) || (e == nil && !fi.IsDir()) {
		err = ErrNotDir
	}
	return fmt.Errorf("open folder %q: %w", path, err)
}

// Close gives up the lock and all directories. Staged files that were neither
// put nor discarded stay behind until the next [Root.PrepareReserved].
func (r *Root) Close() error {
	r.prune(1)
	r.forget()
	r.mu.Lock()
	defer r.mu.Unlock()
	open := append(r.stale, r.dir)
	if r.work != nil {
		open = append(open, r.work.self, r.work.tmp, r.work.versions)
	}
	r.work, r.stale = nil, nil
	var errs []error
	for _, d := range open {
		errs = append(errs, d.Close())
	}
	if r.lock != nil {
		errs = append(errs, r.lock.Close())
		r.lock = nil
	}
	return errors.Join(errs...)
}

// Path returns the absolute path of the root, free of symlinks when opened.
func (r *Root) Path() string { return r.path }

// RootID tells one directory from another: its inode and the identifier of its
// file system, which are the same after a reboot.
type RootID struct{ Inode, FSID uint64 }

// ID returns which directory the root is.
func (r *Root) ID() (RootID, error) {
	i, err := r.dir.stat("")
	if err != nil {
		return RootID{}, fmt.Errorf("root: %w", err)
	}
	id, _, _, err := r.dir.fsid()
	if err != nil {
		return RootID{}, fmt.Errorf("root: %w", err)
	}
	if id == 0 {
		id = i.Dev
	}
	return RootID{Inode: i.Inode, FSID: id}, nil
}

// FreeSpace returns how many bytes can still be written below the root, and how
// many its file system has in all.
func (r *Root) FreeSpace() (free, total int64, err error) {
	_, free, total, err = r.dir.fsid()
	if err != nil {
		return 0, 0, fmt.Errorf("free space: %w", err)
	}
	return free, total, nil
}

// reserved returns the reserved directory, made if need be.
func (r *Root) reserved() (*work, error) {
	if r.readOnly {
		return nil, ErrReadOnly
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.work != nil {
		return r.work, nil
	}
	self, err := ensureDir(r.dir, folder.Reserved)
	if err != nil {
		return nil, err
	}
	tmp, err := ensureDir(self, "tmp")
	if err != nil {
		return nil, errors.Join(err, self.Close())
	}
	versions, err := ensureDir(self, "versions")
	if err != nil {
		return nil, errors.Join(err, self.Close(), tmp.Close())
	}
	r.work = &work{self, tmp, versions}
	return r.work, nil
}

// ensureDir opens directory name, for its owner alone, made if need be.
func ensureDir(at *dir, name string) (*dir, error) {
	if err := at.mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	d, err := at.sub(name)
	if err != nil {
		return nil, err
	}
	i, err := d.stat("")
	if err == nil && i.Mode&0o077 != 0 {
		err = d.chmodNoFollow("", 0o700)
	}
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// inWork calls f with the reserved directory, and a second time if somebody
// had removed it meanwhile.
func (r *Root) inWork(f func(*work) error) error {
	w, err := r.reserved()
	if err != nil {
		return err
	}
	err = f(w)
	if !errors.Is(err, fs.ErrNotExist) || r.intactWork(w) {
		return err
	}
	r.mu.Lock()
	if r.work == w { // others may still be using the old descriptors
		r.stale = append(r.stale, w.self, w.tmp, w.versions)
		r.work = nil
	}
	r.mu.Unlock()
	if w, err = r.reserved(); err != nil {
		return err
	}
	return f(w)
}

// intactWork reports whether w is still the staging directory of the root.
func (r *Root) intactWork(w *work) bool {
	d, err := r.dir.walk(folder.Reserved + "/tmp")
	if err != nil {
		return false
	}
	defer d.Close()
	now, err := d.stat("")
	was, werr := w.tmp.stat("")
	return err == nil && werr == nil && now.Inode == was.Inode && now.Dev == was.Dev
}

// Marker says which folder a directory is a copy of: Share names the folder
// without giving its secret away, Root this copy, Run the latest run that synced
// it, and Dir the directory that it was written into, by inode and file system.
type Marker struct {
	Share string `json:"share"`
	Root  string `json:"root"`
	Run   string `json:"run,omitempty"`
	Dir   string `json:"dir,omitempty"`
}

const (
	markerName = "marker"
	maxMarker  = 4 << 10
)

// Marker returns what the root's marker says; the error wraps fs.ErrNotExist
// when it has none.
func (r *Root) Marker() (Marker, error) {
	var m Marker
	text, err := r.readMarker()
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	if err != nil {
		return Marker{}, fmt.Errorf("marker: %w", err)
	}
	return m, nil
}

func (r *Root) readMarker() ([]byte, error) {
	d, err := r.dir.sub(folder.Reserved)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	f, _, err := d.open(markerName)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(fault.Reader(io.LimitReader(f, maxMarker)))
}

// WriteMarker replaces the marker; it is on the disk when this returns.
func (r *Root) WriteMarker(m Marker) error {
	text, err := json.Marshal(m)
	if err == nil {
		err = r.inWork(func(w *work) error { return r.writeMarker(w, append(text, '\n')) })
	}
	if err != nil {
		return fmt.Errorf("marker: %w", err)
	}
	return nil
}

func (r *Root) writeMarker(w *work, text []byte) error {
	name := "new-" + rand.Text()
	f, err := w.tmp.create(name, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, fault.File("sync"), f.Sync(), f.Close())
	fault.Point("marker-written")
	if err == nil {
		err = w.tmp.rename(name, w.self, markerName)
	}
	if err != nil {
		return errors.Join(err, w.tmp.unlink(name))
	}
	fault.Point("marker-renamed")
	return errors.Join(w.self.sync(), r.dir.sync())
}
