//go:build unix

package integration

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// `qsync src ~`: more than 100 entries would go, and more than half. Nothing is
// touched, exit 6, and the flag that lifts the brake is named. (F26)
func TestBrake(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "a")
	d := dirs(t, "src", "home of somebody")
	src, dst := d[0], d[1]
	fill(t, src, 20)
	fill(t, filepath.Join(dst, "dear"), 150)
	before := synced.must(t, dst)
	m.must(6, src, dst, "--once").names(t, "--max-delete", "158 of 158")
	p := m.start(src, dst)
	p.exits(6)
	must(t, differs(before, synced.must(t, dst)))
	m.must(6, src, dst, "--once", "--max-delete", "10")
	m.must(6, src, dst, "--once", "--max-delete", "20%")
	must(t, differs(before, synced.must(t, dst)))
	m.must(0, src, dst, "--once", "--max-delete", "100%")
	must(t, synced.unequal(src, dst))
	if !kept(t, dst, fmt.Sprintf("%s 3", filepath.Join(dst, "dear"))) {
		t.Error("what went is not in the versions")
	}
}

// A source that loses most of its files does not take the other side with it:
// the receiver stops, and goes on when told to.
func TestBrakeOnMassDelete(t *testing.T) {
	t.Parallel()
	a, b := newMachine(t, "a"), newMachine(t, "b")
	d := dirs(t, "a", "b")
	fill(t, filepath.Join(d[0], "most"), 300)
	fill(t, filepath.Join(d[0], "few"), 10)
	ready := a.start("share", d[0], "--listen", "127.0.0.1:0", "--json").ready()
	join := []string{"join", "-", d[1], "--remote", ready.Listen[0], "--listen", "127.0.0.1:0"}
	p := b.startFed(ready.ID, join...)
	a.settles(1)
	must(t, synced.unequal(d...))
	p.end(syscall.SIGINT, 130)
	before := synced.must(t, d[1])
	must(t, os.RemoveAll(filepath.Join(d[0], "most")))
	a.eventually(func() error { // a itself may be stopped by its own brake
		f, ok := a.folder()
		if ok && f.State != "stopped" && f.Entries.Files > 100 {
			return fmt.Errorf("a still has %d files on its map", f.Entries.Files)
		}
		return nil
	})
	if _, ok := a.folder(); !ok {
		t.Log("the brake stopped the side where the files went")
		return
	}
	p = b.startFed(ready.ID, join...)
	p.exits(6)
	result{err: p.err.String()}.names(t, "--max-delete")
	must(t, differs(before, synced.must(t, d[1])))
	b.startFed(ready.ID, append(join, "--max-delete", "100%")...)
	same(t, d...)
}

// A root without its marker, or with another one, or with nothing in it, is not
// the folder that was synced: exit 6, and nothing is deleted. (F21, F22)
func TestMarker(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(t *testing.T, root string){
		"removed": func(t *testing.T, root string) {
			must(t, os.Remove(filepath.Join(root, ".qsync", "marker")))
		},
		"made by hand": func(t *testing.T, root string) {
			must(t, os.WriteFile(filepath.Join(root, ".qsync", "marker"), nil, 0o600))
		},
		"of another folder": func(t *testing.T, root string) {
			m, d := newMachine(t, "other"), dirs(t, "l", "r")
			m.must(0, d[0], d[1], "-b", "--once")
			marker, err := os.ReadFile(filepath.Join(d[0], ".qsync", "marker"))
			must(t, err)
			must(t, os.WriteFile(filepath.Join(root, ".qsync", "marker"), marker, 0o600))
		},
		"unmounted": func(t *testing.T, root string) {
			must(t, os.Rename(root, root+" elsewhere"))
			must(t, os.Mkdir(root, 0o755))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, "a")
			d := dirs(t, "left", "right")
			richTree(t, d[0])
			m.must(0, d[0], d[1], "-b", "--once")
			spoil(t, d[1])
			before := synced.must(t, d[0])
			spoilt := synced.must(t, d[1])
			m.must(6, d[0], d[1], "-b", "--once").names(t, "right", "qsync confirm")
			m.start(d[0], d[1], "-b").exits(6)
			must(t, differs(before, synced.must(t, d[0])))
			must(t, differs(spoilt, synced.must(t, d[1])))
			if name == "unmounted" {
				m.must(0, "forget", d[1])
				m.must(0, "forget", d[0])
			} else {
				m.must(0, "confirm", d[1]).names(t, "is taken for the folder again")
			}
			m.must(0, d[0], d[1], "-b", "--once")
			must(t, synced.unequal(d...))
			must(t, differs(before, synced.must(t, d[0])))
		})
	}
}

// A root that goes while a node runs stops the folder; nothing follows it. (F21, F24)
func TestRootGoesWhileRunning(t *testing.T) {
	t.Parallel()
	for name, take := range map[string]func(t *testing.T, root string){
		"moved away": func(t *testing.T, root string) {
			must(t, os.Rename(root, root+" elsewhere"))
		},
		"empty in its place": func(t *testing.T, root string) {
			must(t, os.Rename(root, root+" elsewhere"))
			must(t, os.Mkdir(root, 0o755))
		},
		"a file in its place": func(t *testing.T, root string) {
			must(t, os.Rename(root, root+" elsewhere"))
			must(t, os.WriteFile(root, nil, 0o644))
		},
		"a symlink in its place": func(t *testing.T, root string) {
			must(t, os.Rename(root, root+" elsewhere"))
			must(t, os.Symlink(t.TempDir(), root))
		},
	} {
		for _, flag := range []string{"-b", "--mode=send"} {
			t.Run(name+" "+flag, func(t *testing.T) {
				t.Parallel()
				m := newMachine(t, "a")
				d := dirs(t, "left", "right")
				fill(t, d[0], 120)
				p := m.start(d[0], d[1], flag, "--loop-time", "0.5")
				m.settles(1)
				before := synced.must(t, d[1])
				take(t, d[0])
				p.exits(6)
				must(t, differs(before, synced.must(t, d[1])))
				p.says("forget")
			})
		}
	}
}

// A folder map that was damaged in any way starts again from nothing: no file
// changes, nothing is deleted, and the two sides are merged. (F14, F15)
func TestDamagedMap(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func([]byte) []byte{
		"empty":     func([]byte) []byte { return nil },
		"one page":  func(b []byte) []byte { return b[:4096] },
		"cut":       func(b []byte) []byte { return b[:len(b)/2] },
		"zero meta": func(b []byte) []byte { clear(b[:4096]); return b },
		"no metas":  func(b []byte) []byte { clear(b[:8192]); return b },
		"zero page": func(b []byte) []byte { clear(b[2*4096 : 3*4096]); return b },
		"zeros":     func(b []byte) []byte { clear(b[2*4096:]); return b },
		"garbage":   func(b []byte) []byte { return bytes.Repeat([]byte("garbage!"), len(b)/8) },
		"torn": func(b []byte) []byte {
			for i := 8192; i+512 < len(b); i += 4096 {
				copy(b[i+256:], b[:256])
			}
			return b
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, "a")
			d := dirs(t, "left", "right")
			richTree(t, d[0])
			fill(t, filepath.Join(d[0], "more"), 100)
			m.must(0, d[0], d[1], "-b", "--once")
			before := synced.must(t, d[0])
			maps, err := filepath.Glob(filepath.Join(m.home, "folders", "*", "map.db"))
			must(t, err)
			if len(maps) != 2 {
				t.Fatalf("maps: %q", maps)
			}
			b, err := os.ReadFile(maps[0])
			must(t, err)
			must(t, os.WriteFile(maps[0], damage(b), 0o600))
			write(t, filepath.Join(d[1], "new"), "new")
			m.must(0, d[0], d[1], "-b", "--once")
			must(t, synced.unequal(d...))
			must(t, os.Remove(filepath.Join(d[0], "new")))
			m.must(0, d[0], d[1], "-b", "--once")
			for _, dir := range d {
				must(t, differs(before, synced.must(t, dir)))
			}
		})
	}
}
