package store

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"qsync/folder"
)

// TestFullDisk: when the map's disk is full, nothing is recorded and nothing that
// was is lost; when there is room again it goes on where it was. (F8)
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=2m"); err != nil {
		t.Fatalf("this test mounts a file system, for which it has to run as root: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	s, err := Open(filepath.Join(dir, "map.db"), Options{})
	try(t, err)
	defer s.Close()
	made := func(p folder.Path) error {
		_, err := s.Commit([]Change{{Path: p, After: folder.Local{Value: folder.Value{Kind: folder.Dir}}}}, true)
		return err
	}
	try(t, made("before"))
	before := s.Identity()
	filler := filepath.Join(dir, "filler")
	f, err := os.Create(filler)
	try(t, err)
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	try(t, f.Close())
	for i := 0; err == nil || !errors.Is(err, ErrUnwritten); i++ {
		if i == 100 {
			t.Fatal("the disk is full and everything can be written")
		}
		err = made(folder.Path("during" + string(rune('a'+i))))
	}
	select {
	case <-s.Broken():
	default:
		t.Error("nobody is told")
	}
	during := s.Identity()
	if err := made("more"); !errors.Is(err, ErrUnwritten) {
		t.Errorf("after a failed commit: %v", err)
	}
	if r, err := s.Record("before"); err != nil || !r.Register.Live() {
		t.Errorf("what was there: %+v, %v", r, err)
	}
	if err := s.Reopen(); !errors.Is(err, ErrUnwritten) {
		t.Errorf("still full: %v", err)
	}
	try(t, os.Remove(filler))
	try(t, s.Reopen())
	after := s.Identity()
	if after.Replica != before.Replica || after.Epoch != before.Epoch || !after.Context.CoversAll(during.Context) {
		t.Errorf("%+v before, %+v during, %+v after", before, during, after)
	}
	select {
	case <-s.Broken():
		t.Error("still broken")
	default:
	}
	try(t, made("after"))
	try(t, s.Check())
	try(t, s.Reopen())
}
