package integration

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const sigterm = syscall.SIGTERM

// serves starts 'qsync serve' on a home with that config.yaml.
func (m *machine) serves(config string, args ...string) *process {
	m.t.Helper()
	must(m.t, os.MkdirAll(m.home, 0o700))
	must(m.t, os.WriteFile(filepath.Join(m.home, "config.yaml"), []byte(config), 0o600))
	p := m.start(append([]string{"serve", "--json"}, args...)...)
	p.ready()
	return p
}

// Two homes on one machine are two nodes: they sync with each other where they
// hold a folder both, and the end of one is nothing to the other.
func TestTwoServes(t *testing.T) {
	t.Parallel()
	lone := newMachine(t, "both").onOwnNetwork()
	other := newMachine(t, "other")
	other.wrap = lone.wrap
	one := lone
	l := newLAN(t)
	one.sysctl("net/ipv6/conf/default/disable_ipv6", "1")
	l.plug(one, "net", "10.77.0.1/24")
	id := newID(one)
	shared, own := [2]string{t.TempDir(), t.TempDir()}, [2]string{t.TempDir(), t.TempDir()}
	config := func(i int) string {
		return fmt.Sprintf("folders:\n  - path: %s\n    id: %s\n  - path: %s\n", shared[i], id, own[i])
	}
	must(t, os.WriteFile(filepath.Join(shared[0], "f"), []byte("x"), 0o644))
	pa := one.serves(config(0), "--name", "one")
	began := time.Now()
	pb := other.serves(config(1), "--name", "other")
	if took := pb.connected(1, began); overdue(began, took, soon) {
		t.Errorf("they met after %v", took)
	}
	eventually(t, func() error { _, err := os.Stat(filepath.Join(shared[1], "f")); return err })
	for _, m := range []*machine{one, other} {
		st := m.status()
		if len(st.Nodes) != 1 || len(st.Nodes[0].Folders) != 2 {
			t.Fatalf("%s: %+v", m.name, st)
		}
	}
	pb.end(sigterm, 143)
	must(t, os.WriteFile(filepath.Join(own[0], "g"), []byte("x"), 0o644))
	one.must(0, "wait", own[0])
	pa.end(sigterm, 143)
}

// A headless node needs no standard streams, and ends in time with its state
// saved while it is at work.
func TestHeadless(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "headless")
	src, dst := t.TempDir(), filepath.Join(t.TempDir(), "copy")
	for i := range 2000 {
		must(t, os.WriteFile(filepath.Join(src, fmt.Sprint("f", i)), []byte(strings.Repeat("x", i)), 0o644))
	}
	must(t, os.MkdirAll(m.home, 0o700))
	must(t, os.WriteFile(filepath.Join(m.home, "config.yaml"), []byte(fmt.Sprintf("folders:\n  - path: %s\n    to: %s\n", src, dst)), 0o600))
	start := func() *exec.Cmd {
		cmd := exec.Command("sh", "-c", `exec "$0" serve --no-discovery --listen 127.0.0.1:0 <&- >&- 2>&-`, binary)
		cmd.Env = []string{"QSYNC_HOME=" + m.home, "HOME=" + filepath.Dir(m.home), "PATH=" + os.Getenv("PATH")}
		must(t, startProcess(cmd))
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		eventually(t, func() error {
			if n := len(m.status().Nodes); n != 1 {
				return fmt.Errorf("%d nodes", n)
			}
			return nil
		})
		return cmd
	}
	first := start()
	began := time.Now()
	must(t, first.Process.Signal(sigterm))
	_ = first.Wait()
	if code := first.ProcessState.ExitCode(); code != 143 || overdue(began, time.Since(began), 5*time.Second) {
		t.Fatalf("it ended with %d after %v", code, time.Since(began))
	}
	second := start()
	m.must(0, "wait", dst, "--timeout", "30s")
	for i := range 2000 {
		if fi, err := os.Stat(filepath.Join(dst, fmt.Sprint("f", i))); err != nil || fi.Size() != int64(i) {
			t.Fatalf("f%d: %v, %v", i, fi, err)
		}
	}
	must(t, second.Process.Signal(syscall.SIGHUP))
	m.must(0, "wait")
	// Whoever reads what it prints may go.
	must(t, second.Process.Signal(sigterm))
	_ = second.Wait()
	if code := second.ProcessState.ExitCode(); code != 143 {
		t.Fatalf("it ended with %d", code)
	}
}

// The home of another user is refused.
func TestForeignHome(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "foreign")
	must(t, os.MkdirAll(m.home, 0o700))
	must(t, os.Chown(m.home, 65533, 65533))
	if r := m.must(1, "serve"); !strings.Contains(r.err, "belongs to another user") {
		t.Errorf("it says %s", r.err)
	}
}

// A directory that is not there stops its folder alone, which runs as soon as
// the directory is back, as a disk that is mounted again.
func TestFolderComesBack(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "disk")
	here, gone, aside := t.TempDir(), t.TempDir(), filepath.Join(t.TempDir(), "aside")
	must(t, os.WriteFile(filepath.Join(gone, "f"), []byte("x"), 0o644))
	p := m.serves(fmt.Sprintf("folders:\n  - path: %s\n  - path: %s\n", gone, here), "--no-discovery", "--listen", "127.0.0.1:0")
	m.must(0, "wait")
	must(t, os.Rename(gone, aside))
	state := func(dir string) string {
		for _, f := range m.status().Nodes[0].Folders {
			if f.Path == dir {
				return f.State
			}
		}
		return "unknown"
	}
	eventually(t, func() error {
		if s := state(gone); s != "stopped" {
			return fmt.Errorf("it is %s", s)
		}
		return nil
	})
	if s := state(here); s != "idle" && s != "scanning" {
		t.Errorf("the other one is %s", s)
	}
	must(t, os.Mkdir(gone, 0o755)) // the mount point without its disk
	m.must(0, "wait", here)
	if r := m.run("resume", gone); r.code != 6 || !strings.Contains(r.err, "marker") {
		t.Errorf("without the marker: %d, %s", r.code, r.err)
	}
	must(t, os.RemoveAll(gone))
	must(t, os.Rename(aside, gone))
	began := time.Now()
	for state(gone) == "stopped" && time.Since(began) < 40*time.Second {
		time.Sleep(time.Second)
	}
	m.must(0, "wait", gone)
	p.end(sigterm, 143)
}

// What a service manager is told: when the node is ready, that it takes its
// settings anew, that it lives, and that it ends.
func TestServiceManagerIsTold(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "service")
	path := filepath.Join(t.TempDir(), "notify")
	c, err := net.ListenPacket("unixgram", path)
	must(t, err)
	t.Cleanup(func() { _ = c.Close() })
	m.env = []string{"NOTIFY_SOCKET=" + path, "WATCHDOG_USEC=400000"}
	told := func(want string) {
		t.Helper()
		must(t, c.SetReadDeadline(time.Now().Add(patience)))
		for buf := make([]byte, 4096); ; {
			n, _, err := c.ReadFrom(buf)
			if err != nil {
				t.Fatalf("%s: %v", want, err)
			}
			if strings.Contains(string(buf[:n]), want) {
				return
			}
		}
	}
	dir := t.TempDir()
	p := m.serves("folders: []\n", "--no-discovery", "--listen", "127.0.0.1:0")
	told("READY=1")
	told("WATCHDOG=1")
	must(t, os.WriteFile(filepath.Join(m.home, "config.yaml"), []byte("folders:\n  - path: "+dir+"\n"), 0o600))
	told("RELOADING=1")
	told("READY=1")
	m.must(0, "wait", dir)
	must(t, p.cmd.Process.Signal(sigterm))
	told("STOPPING=1")
	p.exits(143)
}
