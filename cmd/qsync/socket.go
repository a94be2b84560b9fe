package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// socketName is the control socket of the first process of a home.
const socketName = "control.sock"

// maxSocketPath is what every system takes as the path of a socket (104 bytes
// with the final zero on BSD and macOS).
const maxSocketPath = 100

// nearby calls f with a short path to file name in dir: a socket's path is
// limited to some hundred bytes, a home's is not. A symlink in a directory of
// our own serves as the short cut while f runs.
func nearby(dir, name string, f func(path string) error) error {
	path := filepath.Join(dir, name)
	if len(path) <= maxSocketPath {
		return f(path)
	}
	tmp, err := os.MkdirTemp("", "qs-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	link := filepath.Join(tmp, "h")
	if err := os.Symlink(dir, link); err != nil {
		return err
	}
	return f(filepath.Join(link, name))
}

// listenControl opens the control socket of this process in the home and
// returns its path, which the caller removes.
func (h home) listenControl() (net.Listener, string, error) {
	h.removeStale()
	own := fmt.Sprintf("control-%d.sock", os.Getpid())
	var first error
	for _, name := range []string{socketName, socketName, own} {
		l, err := h.bind(name)
		if err == nil {
			return l, filepath.Join(h.dir, name), nil
		}
		first = errors.Join(first, err)
		h.removeDead(name)
	}
	return nil, "", first
}

func (h home) bind(name string) (net.Listener, error) {
	var l *net.UnixListener
	err := nearby(h.dir, name, func(path string) (err error) {
		l, err = net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		return err
	})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false) // the short path may be gone by then
	// The home is closed to others, so nobody came in before this.
	if err := os.Chmod(filepath.Join(h.dir, name), 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func (h home) dial(ctx context.Context, name string) (conn net.Conn, err error) {
	err = nearby(h.dir, name, func(path string) (err error) {
		conn, err = (&net.Dialer{}).DialContext(ctx, "unix", path)
		return err
	})
	return conn, err
}

// sockets lists the control sockets of the home.
func (h home) sockets() []string {
	found, err := os.ReadDir(h.dir)
	if err != nil {
		return nil
	}
	var names []string
	for _, d := range found {
		if name := d.Name(); strings.HasPrefix(name, "control") && strings.HasSuffix(name, ".sock") {
			names = append(names, name)
		}
	}
	return names
}

func (h home) removeStale() {
	for _, name := range h.sockets() {
		h.removeDead(name)
	}
}

// removeDead removes a socket that nobody listens on. It is moved away first
// and tried once more: another process may have just taken the name.
func (h home) removeDead(name string) {
	if h.alive(name) {
		return
	}
	aside := fmt.Sprintf("stale-%d", os.Getpid())
	from, to := filepath.Join(h.dir, name), filepath.Join(h.dir, aside)
	if os.Rename(from, to) != nil {
		return
	}
	if h.alive(aside) {
		_ = os.Link(to, from) // fails where a third process has it now
	}
	_ = os.Remove(to)
}

func (h home) alive(name string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	c, err := h.dial(ctx, name)
	if err == nil {
		_ = c.Close()
		return true
	}
	return errors.Is(err, context.DeadlineExceeded) || os.IsTimeout(err)
}
