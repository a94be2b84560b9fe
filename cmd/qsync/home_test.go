package main

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"qsync/certs"
)

func testHome(t *testing.T) home {
	t.Helper()
	p := &program{vars: map[string]string{}, flags: &globals{Home: filepath.Join(t.TempDir(), "home")}}
	h, err := p.openHome()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func testEntry(t *testing.T, dir string) entry {
	t.Helper()
	id, err := certs.NewSyncID()
	if err != nil {
		t.Fatal(err)
	}
	e := entry{ID: id.Hex(), Dir: dir, Kind: "share", Mode: "two-way"}
	if e.tag, err = tagOf(id, dir); err != nil {
		t.Fatal(err)
	}
	return e
}

func TestWhereTheHomeIs(t *testing.T) {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		t.Setenv("HOME", t.TempDir())
		t.Setenv("AppData", t.TempDir())
	}
	root := t.TempDir()
	standard := runtime.GOOS != "windows" && runtime.GOOS != "darwin"
	for _, c := range []struct {
		flag string
		vars map[string]string
		want string
	}{
		{filepath.Join(root, "f"), map[string]string{"HOME": root}, filepath.Join(root, "f")},
		{"", map[string]string{"HOME": root}, filepath.Join(root, ".local", "state", "qsync")},
		{"", map[string]string{"HOME": root, "XDG_STATE_HOME": filepath.Join(root, "s")}, filepath.Join(root, "s", "qsync")},
		{"", map[string]string{"HOME": root, "XDG_STATE_HOME": "relative"}, filepath.Join(root, ".local", "state", "qsync")},
	} {
		if c.flag == "" && !standard {
			continue
		}
		p := &program{vars: c.vars, flags: &globals{Home: c.flag}}
		if got, err := p.homeDir(); err != nil || got != c.want {
			t.Errorf("home of %q, %v: %q, %v, want %q", c.flag, c.vars, got, err, c.want)
		}
	}
	if standard {
		p := &program{vars: map[string]string{}, flags: &globals{}}
		if _, err := p.homeDir(); exitCode(err) != 2 {
			t.Errorf("without any variable: %v", err)
		}
	}
}

func TestIdentityStays(t *testing.T) {
	h := testHome(t)
	a, err := h.identity()
	if err != nil || a.note != "" {
		t.Fatal(err, a.note)
	}
	b, err := h.identity()
	if err != nil || b.device.ID() != a.device.ID() || b.reset != a.reset || a.reset == [32]byte{} {
		t.Errorf("the second time: %v, %v, %v", b.device, a.device, err)
	}
}

func TestProcessesOfOneHomeAgreeOnTheDevice(t *testing.T) {
	h := testHome(t)
	ids := make([]certs.NodeID, 8)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			id, err := h.identity()
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = id.device.ID()
		})
	}
	wg.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Errorf("devices %v and %v", id, ids[0])
		}
	}
}

// F17: a copied home is another device.
func TestCopiedHomeIsAnotherDevice(t *testing.T) {
	h, other := testHome(t), testHome(t)
	a, err := h.identity()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(h.dir, "device")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for what, content := range map[string]string{
		"copied":         string(b),
		"other machine":  strings.Replace(string(b), `"machine": "`, `"machine": "x`, 1),
		"damaged":        strings.Replace(string(b), `"device": "`, `"device": "A`, 1),
		"cut":            string(b[:len(b)/2]),
		"empty":          "",
		"no reset bytes": strings.Replace(string(b), `"reset_key": "`, `"reset_key": "AAAA`, 1),
	} {
		target := filepath.Join(other.dir, "device")
		if what == "copied" && runtime.GOOS == "windows" {
			continue
		}
		if err := os.WriteFile(target, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		id, err := other.identity()
		if err != nil || id.device.ID() == a.device.ID() || id.note == "" {
			t.Errorf("%s: device %v, note %q, %v", what, id.device, id.note, err)
		}
		if again, err := other.identity(); err != nil || again.device.ID() != id.device.ID() || again.note != "" {
			t.Errorf("%s, the next time: %v, note %q, %v", what, again.device, again.note, err)
		}
	}
}

func TestRegistryKeepsAndForgets(t *testing.T) {
	h := testHome(t)
	dir := t.TempDir()
	e := testEntry(t, dir)
	e.Remotes, e.Expect = []string{"nas:2121"}, "/srv"
	if err := h.save(e); err != nil {
		t.Fatal(err)
	}
	got, ok, err := h.find(dir + string(filepath.Separator) + ".")
	if err != nil || !ok || got.ID != e.ID || got.Remotes[0] != "nas:2121" || got.tag != e.tag {
		t.Errorf("found %v, %v, %v", got.Dir, ok, err)
	}
	if strings.Contains(got.tag, got.ID[:12]) {
		t.Errorf("the tag %s tells of the ID", got.tag)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err == nil {
		if _, ok, err := h.find(link); err != nil || !ok {
			t.Errorf("not found through a symlink: %v", err)
		}
	}
	if err := os.WriteFile(filepath.Join(h.state(e.tag), "map.db"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := h.drop(e.tag); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := h.find(dir); ok || err != nil {
		t.Errorf("still there after drop: %v", err)
	}
	if _, err := os.Stat(h.state(e.tag)); err == nil {
		t.Error("the map is still there")
	}
}

// A home may lie in a folder, and must not be synced with it.
func TestHomeInsideAFolderIsLeftOut(t *testing.T) {
	h := testHome(t)
	got, err := h.awayFrom(filepath.Dir(h.dir))
	if err != nil || got != "/home/" {
		t.Errorf("pattern %q, %v", got, err)
	}
	if got, err := h.awayFrom(t.TempDir()); got != "" || err != nil {
		t.Errorf("elsewhere: %q, %v", got, err)
	}
	for _, dir := range []string{h.dir, filepath.Join(h.dir, "folders")} {
		if _, err := h.awayFrom(dir); exitCode(err) != 2 {
			t.Errorf("%s: %v", dir, err)
		}
	}
	if got := escapePattern(`a*b?[c] \d!#`); got != `a\*b\?\[c\]\ \\d\!\#` {
		t.Errorf("escaped: %s", got)
	}
}
