//go:build unix

package integration

import (
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
)

// wayOf is how status says that m is connected to its only peer, and what was heard over TCP.
func (c *couple) wayOf(i int) (link string, err error) {
	var s struct {
		Nodes []struct {
			Folders []struct {
				Peers []struct {
					Connected bool
					Transport struct{ Link string }
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(c.m[i].must(0, "status", "--json").out), &s); err != nil {
		return "", err
	}
	for _, n := range s.Nodes {
		for _, f := range n.Folders {
			for _, p := range f.Peers {
				if p.Connected {
					return p.Transport.Link, nil
				}
			}
		}
	}
	return "", fmt.Errorf("nobody is connected")
}

// Everything goes over TCP where one of the two has no UDP, be it that which
// dials; and over QUIC where both have it, or one has no TCP.
func TestTransport(t *testing.T) {
	t.Parallel()
	for _, k := range []struct{ first, second, link string }{
		{"tcp", "auto", "tcp"}, {"auto", "tcp", "tcp"}, {"auto", "auto", "quic"}, {"quic", "auto", "quic"},
	} {
		t.Run(k.first+" "+k.second, func(t *testing.T) {
			t.Parallel()
			pair := newCouple(t)
			for i, way := range []string{k.first, k.second} {
				pair.m[i].start(pair.dirs[i], "-", "-bd", "--remote", pair.at[1-i], "--force-id", pair.id, "--listen", pair.at[i], "--no-discovery", "--transport", way)
			}
			fill(t, pair.dirs[0], 30)
			write(t, filepath.Join(pair.dirs[1], "large"), strings.Repeat("0123456789abcdef", 1<<17))
			pair.settle()
			same(t, pair.dirs...)
			for i := range pair.m {
				if link, err := pair.wayOf(i); err != nil || link != k.link {
					t.Errorf("%s is connected over %q: %v", pair.m[i].name, link, err)
				}
			}
		})
	}
}

// A node whose port is another program's over TCP works over QUIC alone, and says so.
func TestPortTakenOverTCP(t *testing.T) {
	t.Parallel()
	pair := newCouple(t)
	l, err := net.Listen("tcp", pair.at[0])
	must(t, err)
	t.Cleanup(func() { l.Close() })
	p := pair.start(0)
	pair.start(1)
	write(t, filepath.Join(pair.dirs[0], "f"), "content")
	pair.settle()
	same(t, pair.dirs...)
	if link, err := pair.wayOf(1); err != nil || link != "quic" {
		t.Errorf("connected over %q: %v", link, err)
	}
	p.says("TCP")
}
