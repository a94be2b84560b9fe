package peer

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"qsync/folder"
)

// dump logs all that helps to understand a failure.
func (c *cluster) dump() {
	for _, m := range c.nodes {
		if m.node == nil {
			c.Logf("%s is down", m.name)
			continue
		}
		s := m.f.Status()
		c.Logf("%s: %s %s, want %+v, missing %q, err %v, problems %v, conflicts %v", m.name, s.State, s.Reason, s.Want, m.f.Missing(m.peers()), m.f.Err(), s.Problems, s.Conflicts)
		if m.f.Err() != nil {
			continue
		}
		for _, p := range s.Peers {
			c.Logf("  peer %s: connected %v, in sync %v, queued %+v", p.Name, p.Connected, p.InSync, p.Queued)
		}
		id := m.f.store.Identity()
		c.Logf("  replica %x, journal %d, context %v", id.Replica, id.Seq, id.Context)
		for r, err := range m.f.store.Records("") {
			if err != nil {
				c.Log(err)
				break
			}
			wanted, _ := r.Wanted()
			c.Logf("  %q at %d, wanted %v, disk %s %s, register %s", r.Path, r.Seq, wanted, brief(r.Local.Value), dotText(r.Local.Dot), registerText(r.Register))
		}
		c.Logf("  tree %s", m.tree())
	}
}

func brief(v folder.Value) string {
	switch v.Kind {
	case folder.File:
		s := fmt.Sprintf("%x %o %d", v.Digest[:3], v.Mode, v.MTime%1e12)
		if v.Base.Content != 0 {
			s += fmt.Sprintf(" after %x %o", v.Base.Content>>40, v.Base.Mode)
		}
		return s
	case folder.Dir:
		return fmt.Sprintf("dir %o %d", v.Mode, v.MTime%1e12)
	case folder.Symlink:
		return "-> " + v.Target
	}
	return "nothing"
}

func dotText(d folder.Dot) string { return fmt.Sprintf("(%x,%d)", uint16(d.Replica>>48), d.Counter) }

func registerText(r folder.Register) string {
	var parts []string
	for _, s := range r.Sibs {
		parts = append(parts, dotText(s.Dot)+" "+brief(s.Value))
	}
	for _, d := range r.Ctx {
		parts = append(parts, "ctx"+dotText(d))
	}
	return "[" + strings.Join(parts, "; ") + "]"
}

// logWriter passes a node's log on to the test.
type logWriter struct{ m *machine }

func logOptions() *slog.HandlerOptions {
	o := &slog.HandlerOptions{Level: slog.LevelWarn}
	if os.Getenv("QSYNC_PEER_LOG") != "" {
		o.Level = slog.LevelDebug
	}
	return o
}

func (w logWriter) Write(p []byte) (int, error) {
	w.m.c.Logf("%s: %s", w.m.name, bytes.TrimSpace(p))
	return len(p), nil
}
