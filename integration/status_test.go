//go:build unix

package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

// status is what `qsync status --json` prints, as far as tests need it. It is
// written out here, and not the program's own type, because scripts rely on the
// names.
type status struct {
	Nodes []nodeStatus
}

type nodeStatus struct {
	PID     int      `json:"pid"`
	Name    string   `json:"name"`
	Listen  []string `json:"listen"`
	Folders []folderStatus

	Goroutines int
}

type folderStatus struct {
	Path, Tag, Mode, State, Reason string
	Entries                        struct{ Files, Dirs, Symlinks, Bytes int64 }
	Want                           struct{ Entries, Bytes int64 }
	Problems                       []struct{ Path, Problem string }
	Conflicts                      []string
	Peers                          []peerStatus
	Rate                           struct{ In, Out int64 }
	Totals                         map[string]int64
}

type peerStatus struct {
	Name, Address string
	Connected     bool
	Queued        struct{ Entries, Bytes int64 }
	InSync        bool `json:"in_sync"`
}

// status asks the nodes that run on a machine's home, as `qsync status --json`
// does, without starting a process for that: tests ask again and again.
func (m *machine) status() (s status) {
	m.t.Helper()
	for _, socket := range m.sockets() {
		if text, err := get(socket, "/v1/status"); err == nil {
			s.Nodes = append(s.Nodes, nodeStatus{})
			must(m.t, json.Unmarshal(text, &s.Nodes[len(s.Nodes)-1]))
		}
	}
	return s
}

// sockets are where the nodes on a machine's home are asked.
func (m *machine) sockets() []string {
	m.t.Helper()
	sockets, err := filepath.Glob(filepath.Join(m.home, "control*.sock"))
	must(m.t, err)
	return sockets
}

// get makes a request of a node's control socket.
func get(socket, path string) ([]byte, error) {
	return through(socket, func(c *http.Client) (*http.Response, error) { return c.Get("http://qsync" + path) })
}

// through makes a request of a node's control socket.
func through(socket string, send func(c *http.Client) (*http.Response, error)) ([]byte, error) {
	tmp, err := os.MkdirTemp("", "s")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(tmp)
	short := filepath.Join(tmp, "s") // the way to a socket must not be long
	if err := os.Symlink(filepath.Dir(socket), short); err != nil {
		return nil, err
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(short, filepath.Base(socket)))
	}
	r, err := send(&http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: dial}, Timeout: 2 * patience})
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	return io.ReadAll(r.Body)
}

// rests is why a machine's nodes do not come to rest with so many connected peers, as
// `qsync wait` tells, without starting a process for that.
func (m *machine) rests(peers int) error {
	m.t.Helper()
	sockets := m.sockets()
	if len(sockets) == 0 {
		return fmt.Errorf("%s: no node is running", m.name)
	}
	for _, socket := range sockets {
		text, err := through(socket, func(c *http.Client) (*http.Response, error) {
			body := fmt.Sprintf(`{"peers": %d, "timeout": %d}`, peers, patience)
			return c.Post("http://qsync/v1/wait", "application/json", strings.NewReader(body))
		})
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		a := struct {
			Code    int
			Missing string
		}{Code: -1}
		if err := json.Unmarshal(text, &a); err != nil || a.Code != 0 {
			return fmt.Errorf("%s: %s", m.name, text)
		}
	}
	return nil
}

// folder is the status of the only folder of a machine; ok is false when no
// node runs.
func (m *machine) folder() (f folderStatus, ok bool) {
	m.t.Helper()
	for _, n := range m.status().Nodes {
		for _, f := range n.Folders {
			return f, true
		}
	}
	return f, false
}

// settles waits until a machine's folder has so many connected peers and
// everything is in sync with them, as `qsync wait` tells.
func (m *machine) settles(peers int) {
	m.t.Helper()
	m.eventually(func() error {
		if _, ok := m.folder(); !ok {
			return fmt.Errorf("%s: no node is running", m.name)
		}
		return nil
	})
	must(m.t, m.rests(peers))
}

// queued waits until the figure of entries queued for a named peer is n.
func (m *machine) queued(peer string, n int64) {
	m.t.Helper()
	m.eventually(func() error {
		f, _ := m.folder()
		for _, p := range f.Peers {
			if p.Name != peer {
				continue
			}
			if p.Queued.Entries != n {
				return fmt.Errorf("%d entries are queued for %s, want %d", p.Queued.Entries, peer, n)
			}
			return nil
		}
		return fmt.Errorf("%s knows no peer %s", m.name, peer)
	})
}

// ports are handed out from below what systems give to those who ask for any, from
// somewhere else in every run, since two may go on at a time.
var ports = func() *atomic.Int32 {
	p := new(atomic.Int32)
	p.Store(rand.Int32N(portsMost))
	return p
}()

const portsLeast, portsMost = 10000, 20000 // the first, and how many

// address is a loopback address that nobody uses.
func address(t *testing.T) string {
	t.Helper()
	for range 2000 {
		port := portsLeast + int(ports.Add(1)%portsMost)
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		if c, err := net.ListenPacket("udp", addr); err == nil {
			_ = c.Close()
			l, err := net.Listen("tcp", addr)
			if err != nil {
				continue
			}
			_ = l.Close()
			return addr
		}
	}
	t.Fatal("no free port")
	return ""
}

// newID is a fresh sync ID.
func newID(m *machine) string {
	m.t.Helper()
	return m.must(0, "id", "new").out[:64]
}
