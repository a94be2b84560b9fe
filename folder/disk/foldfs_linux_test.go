//go:build linux && (amd64 || arm64)

package disk

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/text/unicode/norm"
)

// foldFS shows a directory as other file systems would: alike says which names
// are one for it, stored what it makes of a new one. (The library is for 64 bits
// alone, and so are the tests with it.)
type foldFS struct {
	back   string
	alike  func(a, b string) bool
	stored func(name string) string
}

// Kinds of file systems that no driver here has.
var (
	hfs  = foldFS{alike: func(a, b string) bool { return strings.EqualFold(norm.NFD.String(a), norm.NFD.String(b)) }, stored: norm.NFD.String}
	apfs = foldFS{alike: hfs.alike, stored: func(s string) string { return s }}
	fat  = foldFS{alike: func(a, b string) bool {
		return strings.EqualFold(strings.TrimRight(a, ". "), strings.TrimRight(b, ". "))
	}, stored: func(s string) string { return strings.TrimRight(s, ". ") }}
)

// mount shows a new directory so and returns both places.
func (f foldFS) mount(t *testing.T) (at, back string) {
	t.Helper()
	f.back, at = t.TempDir(), t.TempDir()
	zero := time.Duration(0)
	server, err := fs.Mount(at, &foldNode{fs: &f}, &fs.Options{
		MountOptions: fuse.MountOptions{DirectMountStrict: true, AllowOther: true, Options: []string{"default_permissions"}},
		AttrTimeout:  &zero, EntryTimeout: &zero,
	})
	if err != nil {
		t.Fatalf("this test mounts a file system of its own, for which it needs root and /dev/fuse: %v", err)
	}
	t.Cleanup(func() {
		_ = syscall.Unmount(at, syscall.MNT_DETACH)
		server.Wait()
	})
	return at, f.back
}

// find returns the path of name in a directory, by the name that is stored there
// or that would be.
func (f *foldFS) find(dir, name string) string {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if e.Name() == name {
			return filepath.Join(dir, name)
		}
	}
	for _, e := range entries {
		if f.alike(e.Name(), name) {
			return filepath.Join(dir, e.Name())
		}
	}
	return filepath.Join(dir, f.stored(name))
}

type foldNode struct {
	fs.Inode
	fs *foldFS
}

func (n *foldNode) path() string {
	at := n.fs.back
	for name := range strings.SplitSeq(n.Path(nil), "/") {
		if name != "" {
			at = n.fs.find(at, name)
		}
	}
	return at
}

func (n *foldNode) at(name string) string { return n.fs.find(n.path(), name) }

func (n *foldNode) child(ctx context.Context, path string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	var st syscall.Stat_t
	if err := syscall.Lstat(path, &st); err != nil {
		return nil, fs.ToErrno(err)
	}
	out.FromStat(&st)
	return n.NewInode(ctx, &foldNode{fs: n.fs}, fs.StableAttr{Mode: st.Mode, Ino: st.Ino}), 0
}

func (n *foldNode) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return n.child(ctx, n.at(name), out)
}

func (n *foldNode) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	var st syscall.Stat_t
	err := syscall.Lstat(n.path(), &st)
	out.FromStat(&st)
	return fs.ToErrno(err)
}

func (n *foldNode) Setattr(ctx context.Context, f fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	path := n.path()
	if m, ok := in.GetMode(); ok {
		if err := syscall.Chmod(path, m); err != nil {
			return fs.ToErrno(err)
		}
	}
	if size, ok := in.GetSize(); ok {
		if err := syscall.Truncate(path, int64(size)); err != nil {
			return fs.ToErrno(err)
		}
	}
	if m, ok := in.GetMTime(); ok {
		if err := os.Chtimes(path, m, m); err != nil {
			return fs.ToErrno(err)
		}
	}
	return n.Getattr(ctx, f, out)
}

func (n *foldNode) Readdir(context.Context) (fs.DirStream, syscall.Errno) {
	return fs.NewLoopbackDirStream(n.path())
}

func (n *foldNode) Open(_ context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	fd, err := syscall.Open(n.path(), int(flags)&^syscall.O_APPEND, 0)
	if err != nil {
		return nil, 0, fs.ToErrno(err)
	}
	return fs.NewLoopbackFile(fd), 0, 0
}

func (n *foldNode) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	path := n.at(name)
	fd, err := syscall.Open(path, int(flags)|syscall.O_CREAT, mode)
	if err != nil {
		return nil, nil, 0, fs.ToErrno(err)
	}
	node, errno := n.child(ctx, path, out)
	return node, fs.NewLoopbackFile(fd), 0, errno
}

func (n *foldNode) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	path := n.at(name)
	if err := syscall.Mkdir(path, mode); err != nil {
		return nil, fs.ToErrno(err)
	}
	return n.child(ctx, path, out)
}

func (n *foldNode) Unlink(_ context.Context, name string) syscall.Errno {
	return fs.ToErrno(syscall.Unlink(n.at(name)))
}

func (n *foldNode) Rmdir(_ context.Context, name string) syscall.Errno {
	return fs.ToErrno(syscall.Rmdir(n.at(name)))
}

// Rename knows no flags, as most such file systems.
func (n *foldNode) Rename(_ context.Context, name string, to fs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	if flags != 0 {
		return syscall.EINVAL
	}
	from, dir := n.at(name), to.EmbeddedInode().Operations().(*foldNode)
	target := dir.at(newName)
	if target == from { // another spelling of itself
		target = filepath.Join(dir.path(), n.fs.stored(newName))
	}
	return fs.ToErrno(syscall.Rename(from, target))
}

func (n *foldNode) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno { return 0 }
