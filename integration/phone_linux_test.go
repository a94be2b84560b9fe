package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// newPhone is a machine of another kind: the arm64 build under an emulator.
func newPhone(t *testing.T) *machine {
	t.Helper()
	m := newMachine(t, "phone")
	m.exe = filepath.Join(t.TempDir(), "qsync-arm64")
	must(t, build(m.exe, []string{"GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0"}))
	if runtime.GOARCH == "arm64" {
		return m
	}
	for _, name := range []string{"qemu-aarch64-static", "qemu-aarch64"} {
		if emulator, err := exec.LookPath(name); err == nil {
			m.wrap = []string{emulator}
			return m
		}
	}
	t.Fatal("this test runs the arm64 build and needs an emulator for it: apt-get install qemu-user-static")
	return nil
}

// TestPhone: the build for phones joins by the printed ID and by the text of the
// QR code, syncs both ways, and backs up.
func TestPhone(t *testing.T) {
	t.Parallel()
	phone, desk := newPhone(t), newMachine(t, "desk")
	if said := phone.must(0, "version").out; !strings.Contains(said, "linux/arm64") {
		t.Fatalf("the emulator ran another build: %s", said)
	}
	d := dirs(t, "phone", "desk")
	richTree(t, d[0])
	write(t, filepath.Join(d[1], "from the desk"), strings.Repeat("desk", 200_000))
	pd := desk.start("share", d[1], "--listen", "127.0.0.1:0", "--json")
	line := pd.ready()
	pp := phone.startFed(line.ID+"\n", "join", "-", d[0], "--remote", line.Listen[0], "--listen", "127.0.0.1:0")
	same(t, d...)
	pp.says("two-way")
	write(t, filepath.Join(d[0], "photo"), "taken on the phone")
	write(t, filepath.Join(d[1], "reply"), "typed at the desk")
	holds(t, filepath.Join(d[1], "photo"), "taken on the phone")
	holds(t, filepath.Join(d[0], "reply"), "typed at the desk")
	must(t, os.Remove(filepath.Join(d[1], "reply")))
	gone(t, filepath.Join(d[0], "reply"))
	phone.settles(1)
	same(t, d...)
	pp.end(syscall.SIGTERM, 143)
	phone.backsUp(d, line)
	pd.end(syscall.SIGINT, 130)
}

// backsUp joins as a backup by what the QR code of a node holds, and removes
// here what stays there.
func (m *machine) backsUp(d []string, line readyLine) {
	m.t.Helper()
	code := fmt.Sprintf("qsync:join?id=%s&at=%s", line.ID, line.Listen[0])
	p := m.startFed(code+"\n", "join", "-", d[0], "--mode", "backup", "--listen", "127.0.0.1:0")
	m.settles(1)
	if f, _ := m.folder(); f.Mode != "backup" {
		m.t.Errorf("the phone's mode is %q", f.Mode)
	}
	must(m.t, os.Remove(filepath.Join(d[0], "photo")))
	must(m.t, os.WriteFile(filepath.Join(d[0], "another"), []byte("photo"), 0o644))
	if t, ok := m.t.(*testing.T); ok {
		holds(t, filepath.Join(d[1], "another"), "photo")
	}
	m.settles(1)
	if _, err := os.Stat(filepath.Join(d[1], "photo")); err != nil {
		m.t.Errorf("what the phone removed went from the desk too: %v", err)
	}
	p.end(syscall.SIGTERM, 143)
}
