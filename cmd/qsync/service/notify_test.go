//go:build unix

package service

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// manager listens as the service manager does and returns what it is told.
func manager(t *testing.T, name string) func() string {
	t.Helper()
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	t.Setenv("NOTIFY_SOCKET", name)
	return func() string {
		t.Helper()
		b := make([]byte, 4096)
		if err := c.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		n, err := c.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
}

func TestNotify(t *testing.T) {
	dir, err := os.MkdirTemp("", "n") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	names := []string{filepath.Join(dir, "s")}
	if runtime.GOOS == "linux" {
		names = append(names, "@qsync-test-"+strconv.Itoa(os.Getpid()))
	}
	for _, name := range names {
		told := manager(t, name)
		for _, c := range []struct {
			tell func() error
			want string
		}{
			{Ready, "READY=1"},
			{Stopping, "STOPPING=1"},
			{Alive, "WATCHDOG=1"},
			{func() error { return Status("2 folders\nREADY=1") }, "STATUS=2 folders READY=1"},
		} {
			if err := c.tell(); err != nil {
				t.Fatal(err)
			}
			if got := told(); got != c.want {
				t.Errorf("%s was told %q, want %q", name, got, c.want)
			}
		}
		if err := Reloading(); err != nil {
			t.Fatal(err)
		}
		got := told()
		if _, us, ok := strings.Cut(got, "RELOADING=1\nMONOTONIC_USEC="); runtime.GOOS == "linux" && (!ok || strings.Trim(us, "0123456789") != "" || us == "") {
			t.Errorf("a reload is told as %q", got)
		}
	}
}

func TestNobodyListens(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	if err := Ready(); err != nil {
		t.Error("without a service manager:", err)
	}
	for _, name := range []string{"/nowhere/at/all", "vsock:2:1234"} {
		t.Setenv("NOTIFY_SOCKET", name)
		if err := Ready(); err == nil {
			t.Errorf("nothing listens at %s, and there is no error", name)
		}
	}
}

func TestWatchdog(t *testing.T) {
	self := strconv.Itoa(os.Getpid())
	for _, c := range []struct {
		socket, us, pid string
		every           time.Duration
	}{
		{"/run/x", "180000000", self, 90 * time.Second},
		{"/run/x", "180000000", "", 90 * time.Second},
		{"/run/x", "180000000", "1", 0},
		{"", "180000000", self, 0},
		{"/run/x", "", self, 0},
		{"/run/x", "0", self, 0},
		{"/run/x", "-5", self, 0},
		{"/run/x", "9223372036854775807", self, 0},
		{"/run/x", "soon", self, 0},
	} {
		t.Setenv("NOTIFY_SOCKET", c.socket)
		t.Setenv("WATCHDOG_USEC", c.us)
		t.Setenv("WATCHDOG_PID", c.pid)
		if every, ok := Watchdog(); every != c.every || ok != (c.every > 0) {
			t.Errorf("%+v: %v, %v", c, every, ok)
		}
	}
}
