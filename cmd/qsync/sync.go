package main

import (
	"context"
	"path/filepath"
	"strings"

	"qsync/certs"
	"qsync/cmd/qsync/config"
	"qsync/peer"
)

// Run keeps two directories alike: both here, or one on a peer.
func (c *syncCmd) Run(p *program) error {
	if c.DryRun {
		c.Once = true
	}
	if err := c.check(); err != nil {
		return err
	}
	if len(c.Remote) > 0 {
		return c.runRemote(p)
	}
	return c.runPair(p)
}

// check refuses flags that contradict each other.
func (c *syncCmd) check() error {
	switch {
	case c.Bidirectional && c.Mode != "" && c.Mode != peer.TwoWay.String():
		return usagef("-b means both ways and --mode %s one: leave out one of them", c.Mode)
	case c.Remote != nil && len(c.Remote) == 0:
		return usagef("--remote is empty: name the peer, or leave the flag out for a DST on this machine")
	case len(c.Remote) == 0 && c.Dst == "-":
		return usagef("DST is '-', the peer's own path, but there is no peer: name it with --remote HOST")
	case len(c.Remote) == 0 && (c.Mode == peer.Receive.String() || c.Mode == peer.Mirror.String()):
		return usagef("with two directories on this machine SRC is the one that is read: swap them instead of --mode %s", c.Mode)
	case len(c.Remote) == 0 && c.Listen != "":
		if _, err := parseListen(c.Listen); err != nil {
			return usagef("--listen %s: %v", quote(c.Listen), err)
		}
	}
	switch {
	case c.Timeout != nil && !c.Once:
		return usagef("--timeout goes with --once; without it qsync keeps trying")
	case c.Once && c.LoopTime != nil:
		return usagef("--once makes one pass and --loop-time many: leave out one of them")
	}
	return nil
}

func (c *syncCmd) mode() peer.Mode {
	if c.Bidirectional {
		return peer.TwoWay
	}
	switch m, err := peer.ParseMode(c.Mode); {
	case c.Mode == "" || err != nil:
	case m == peer.Receive:
		return peer.Mirror // in this form the receiving side becomes like the other
	default:
		return m
	}
	return peer.Send
}

// forcedID is the ID that the user gives, if any.
func (c *syncCmd) forcedID(p *program) (certs.SyncID, bool, error) {
	if c.ForceID == nil {
		v, given, err := p.givenID(c.IDFile)
		return v.id, given, err
	}
	v, err := p.argumentID([]string{*c.ForceID})
	return v.id, true, err
}

// pace applies the flags of the two-path form that are about time.
func (c *syncCmd) pace(fc *peer.FolderConfig, plan func(peer.PlanItem)) {
	fc.Once, fc.Every, fc.Plan = c.Once, c.LoopTime.or(0), plan
	fc.Mirror = fc.Mode == peer.Send
}

// runRemote syncs SRC with peers.
func (c *syncCmd) runRemote(p *program) error {
	src, err := sourceDir("SRC", c.Src)
	if err != nil {
		return err
	}
	forced, given, err := c.forcedID(p)
	if err != nil {
		return err
	}
	s, err := p.startSession(&c.nodeFlags, true, c.DryRun)
	if err != nil {
		return err
	}
	defer s.end()
	known, err := s.home.knownOf(src)
	if err != nil {
		return err
	}
	id, fresh, err := chooseID(forced, given, known)
	if err != nil {
		return err
	}
	m, err := s.home.entryFor(src, id)
	if err != nil {
		return err
	}
	m.conf = c.folder(src)
	m.conf.Mode = config.Mode(c.mode().String())
	m.entry = entry{
		ID: m.entry.ID, Dir: m.entry.Dir, tag: m.entry.tag, Kind: "remote", Mode: c.mode().String(),
		Expect: expected(c.Dst), Remotes: m.conf.Remotes,
	}
	plan := &planned{from: src}
	if err := s.openOne(m, func(fc *peer.FolderConfig) { c.pace(fc, plan.hook(s.dry)) }); err != nil {
		return err
	}
	s.folders.adopt(m)
	if !s.dry {
		s.ready = func() error {
			return s.p.announce(s.status(), m, announcement{id: id, show: fresh, typed: s.beacon == nil})
		}
	}
	return c.finish(s, plan, len(m.conf.Remotes))
}

// expected is the path that the peer must have. One that is relative to a place
// above the current directory can only mean this machine's.
func expected(dst string) string {
	if dst == "-" {
		return ""
	}
	if abs, err := filepath.Abs(dst); err == nil && strings.HasPrefix(filepath.Clean(dst), "..") {
		return abs
	}
	return filepath.Clean(dst)
}

// finish runs the session as the flags say: until Ctrl-C, or one pass.
func (c *syncCmd) finish(s *session, plan *planned, peers int) error {
	if !c.Once {
		return s.run(nil)
	}
	remote := len(c.Remote) > 0
	err := s.run(func(ctx context.Context) error {
		if !remote {
			return s.inSync(ctx, peers)
		}
		return s.reach(ctx, peers, c.Timeout.or(reachTime))
	})
	if s.dry && err == nil {
		return plan.print(s.p)
	}
	return err
}
