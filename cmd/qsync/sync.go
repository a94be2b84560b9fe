package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"qsync/certs"
	"qsync/peer"
)

// reachTime is how long --once tries to reach the peers unless told otherwise.
const reachTime = 30 * time.Second

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
	case len(c.Remote) == 0 && c.Dst == "-":
		return usagef("DST is '-', the peer's own path, but there is no peer: name it with --remote HOST")
	case len(c.Remote) == 0 && c.Mode == peer.Receive.String():
		return usagef("with two directories on this machine SRC is the one that is read: swap them instead of --mode receive")
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
	if m, err := peer.ParseMode(c.Mode); c.Mode != "" && err == nil {
		return m
	}
	return peer.Send
}

// forcedID is the ID that the user gives, if any.
func (c *syncCmd) forcedID(p *program) (certs.SyncID, bool, error) {
	if c.ForceID == nil {
		return p.givenID(c.IDFile)
	}
	id, err := p.argumentID([]string{*c.ForceID})
	return id, true, err
}

// chooseID is the ID to use: the forced one, else the directories' own, else a
// new one. The directories cannot have another one than that.
func chooseID(forced certs.SyncID, given bool, known []entry) (id certs.SyncID, fresh bool, err error) {
	id, fresh = forced, false
	have := given
	for _, e := range known {
		own, err := e.syncID()
		if err != nil {
			return id, false, err
		}
		if have && !own.Equal(id) {
			if given {
				return id, false, usagef("%s is synced with another sync ID already; 'qsync forget %[1]s' makes it free, and touches no file", quote(e.Dir))
			}
			return id, false, usagef("both directories have a sync ID of their own; 'qsync forget %s' makes one free, and touches no file", quote(e.Dir))
		}
		id, have = own, true
	}
	if !have {
		id, err = certs.NewSyncID()
		return id, true, err
	}
	return id, false, nil
}

// settings completes an entry with the flags of this run. sticky takes from it
// what the flags leave open.
func (f *syncFlags) settings(e entry, sticky bool) entry {
	if f.Versions != nil {
		e.Versions = int(*f.Versions)
	} else if !sticky {
		e.Versions = defaultVersions
	}
	if len(f.Exclude) > 0 || !sticky {
		e.Exclude = nil
		for _, pattern := range f.Exclude {
			if strings.TrimSpace(pattern) != "" { // an empty one takes back what was remembered
				e.Exclude = append(e.Exclude, pattern)
			}
		}
	}
	if len(f.Remote) > 0 || !sticky {
		e.Remotes = f.Remote.strings()
	}
	return e
}

// config is what a node needs to run an entry.
func (s *session) config(e entry, f *syncFlags) (peer.FolderConfig, error) {
	id, err := e.syncID()
	if err != nil {
		return peer.FolderConfig{}, err
	}
	mode, err := peer.ParseMode(e.Mode)
	if err != nil {
		return peer.FolderConfig{}, failf("the remembered folder %s: %v", quote(e.Dir), err)
	}
	exclude := e.Exclude
	own, err := s.home.awayFrom(e.Dir)
	if err != nil {
		return peer.FolderConfig{}, err
	}
	if own != "" {
		exclude = append([]string{own}, exclude...)
	}
	return peer.FolderConfig{
		ID: id, Dir: e.Dir, State: s.home.state(e.tag), Mode: mode, Remotes: e.Remotes, Expect: e.Expect,
		Exclude: exclude, Versions: e.Versions, MaxDelete: peer.Brake(f.MaxDelete),
	}, nil
}

// pace applies the flags of the two-path form that are about time.
func (c *syncCmd) pace(fc peer.FolderConfig, plan func(peer.PlanItem)) peer.FolderConfig {
	fc.Once, fc.Every, fc.Plan = c.Once, c.LoopTime.or(0), plan
	return fc
}

// entryFor returns the entry of dir, or a new one for it.
func (h home) entryFor(dir string, id certs.SyncID) (m *managed, err error) {
	e, ok, err := h.find(dir)
	if err != nil {
		return nil, err
	}
	if !ok {
		e = entry{ID: id.Hex(), Dir: dir, Versions: defaultVersions}
		e.tag, err = tagOf(id, dir)
	}
	return &managed{entry: e, fresh: !ok}, err
}

// knownOf returns the entries that the home has of the directories.
func (h home) knownOf(dirs ...string) (known []entry, err error) {
	for _, dir := range dirs {
		e, ok, err := h.find(dir)
		if err != nil {
			return nil, err
		}
		if ok {
			known = append(known, e)
		}
	}
	return known, nil
}

// runPair syncs two directories of this machine.
func (c *syncCmd) runPair(p *program) error {
	src, err := sourceDir("SRC", c.Src)
	if err != nil {
		return err
	}
	dst, missing, err := targetDir("DST", c.Dst)
	if err == nil {
		err = apart(src, dst)
	}
	if err != nil {
		return err
	}
	forced, given, err := c.forcedID(p)
	if err != nil {
		return err
	}
	s, err := p.startSession(&c.syncFlags, false, c.DryRun)
	if err != nil {
		return err
	}
	defer s.end()
	plan := &planned{from: src, to: dst}
	if missing {
		made, err := s.makeDir(dst)
		if err != nil {
			return err
		}
		plan.standIn = made
		defer s.removeStandIn(made, dst)
		dst = made
	}
	known, err := s.home.knownOf(src, dst)
	if err != nil {
		return err
	}
	id, _, err := chooseID(forced, given, known)
	if err != nil {
		return err
	}
	if err := s.addPair(c, [2]string{src, dst}, id, plan); err != nil {
		return err
	}
	return c.finish(s, plan, 1)
}

// makeDir makes DST; a dry run, which touches nothing, gets an empty directory
// elsewhere in its place.
func (s *session) makeDir(dst string) (string, error) {
	if s.dry {
		made, err := os.MkdirTemp("", "qsync-dry-")
		if err != nil {
			return "", failf("cannot make a temporary directory: %v", err)
		}
		return made, nil
	}
	if err := os.Mkdir(dst, 0o777); err != nil {
		return "", failf("cannot make %s: %v", quote(dst), reason(err))
	}
	return dst, nil
}

func (s *session) removeStandIn(made, dst string) {
	if made != dst {
		_ = os.RemoveAll(made) // an empty directory of our own
	}
}

// addPair opens both directories of a pair.
func (s *session) addPair(c *syncCmd, dirs [2]string, id certs.SyncID, plan *planned) error {
	modes := [2]peer.Mode{peer.Send, peer.Receive}
	if c.mode() == peer.TwoWay {
		modes = [2]peer.Mode{peer.TwoWay, peer.TwoWay}
	}
	var fc [2]peer.FolderConfig
	var both [2]*managed
	for i, dir := range dirs {
		m, err := s.home.entryFor(dir, id)
		if err != nil {
			return err
		}
		m.entry = c.settings(m.entry, false)
		m.entry.Kind, m.entry.Mode, m.entry.Expect = "pair", modes[i].String(), ""
		if fc[i], err = s.config(m.entry, &c.syncFlags); err != nil {
			return err
		}
		fc[i] = c.pace(fc[i], plan.hook(s.dry))
		both[i] = m
	}
	// What one side leaves out on purpose, the other one must not send or miss.
	shared := append(append([]string{}, fc[0].Exclude...), fc[1].Exclude...)
	fc[0].Exclude, fc[1].Exclude = shared, shared
	err := s.remember(false, both[:]...)
	if err != nil {
		return err
	}
	if both[0].Folder, both[1].Folder, err = s.node.Pair(fc[0], fc[1]); err != nil {
		busy := s.opened(err, dirs[0])
		if busy == err {
			busy = s.opened(err, dirs[1])
		}
		s.retract(both[0])
		s.retract(both[1])
		return busy
	}
	s.folders = both[:]
	if !s.dry {
		s.ready = func() error { return s.announce(both[0], announcement{}) }
	}
	return s.remember(true, both[:]...)
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
	s, err := p.startSession(&c.syncFlags, true, c.DryRun)
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
	m.entry = c.settings(m.entry, false)
	m.entry.Kind, m.entry.Mode, m.entry.Expect = "remote", c.mode().String(), expected(c.Dst)
	plan := &planned{from: src}
	if err := s.add(m, &c.syncFlags, func(fc peer.FolderConfig) peer.FolderConfig { return c.pace(fc, plan.hook(s.dry)) }); err != nil {
		return err
	}
	if !s.dry {
		s.ready = func() error { return s.announce(m, announcement{id: id, show: fresh}) }
	}
	return c.finish(s, plan, len(m.entry.Remotes))
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

// add opens one folder; adjust may change what the node is told.
func (s *session) add(m *managed, f *syncFlags, adjust func(peer.FolderConfig) peer.FolderConfig) error {
	fc, err := s.config(m.entry, f)
	if err != nil {
		return err
	}
	if err := s.remember(false, m); err != nil {
		return err
	}
	if m.Folder, err = s.node.Add(adjust(fc)); err != nil {
		err = s.opened(err, m.entry.Dir)
		s.retract(m)
		return err
	}
	s.folders = []*managed{m}
	return s.remember(true, m)
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

// inSync waits until every folder of the session is in sync with that many peers.
func (s *session) inSync(ctx context.Context, peers int) error {
	results := make(chan error, len(s.folders))
	for _, m := range s.folders {
		go func() { results <- m.Wait(ctx, peers) }()
	}
	var first error
	for range s.folders {
		if err := <-results; first == nil {
			first = err
		}
	}
	return first
}

// reach is inSync that gives up once fewer than that many peers have been
// connected for the time within.
func (s *session) reach(ctx context.Context, peers int, within time.Duration) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- s.inSync(ctx, peers) }()
	look := time.NewTimer(lookEvery / 10)
	defer look.Stop()
	since := time.Now()
	for {
		select {
		case err := <-done:
			return err
		case <-look.C:
		}
		began := time.Now()
		if err := s.refused(); err != nil {
			return err
		}
		if s.connected() >= peers {
			since = time.Now()
		}
		if time.Since(since) >= within {
			return s.unreachable(peers, within)
		}
		look.Reset(sparing(lookEvery/10, time.Since(began)))
	}
}

// refused is why a peer that answers will never sync with us: two one-way
// sources do not stop each other, they only have nothing to do.
func (s *session) refused() error {
	for _, m := range s.folders {
		if reason := m.Status().Reason; strings.Contains(reason, peer.ErrSources.Error()) {
			return &sentence{text: reason, kind: peer.ErrSources}
		}
	}
	return nil
}

func (s *session) connected() int {
	n := 0
	for _, m := range s.folders {
		for _, p := range m.Status().Peers {
			if p.Connected {
				n++
			}
		}
	}
	return n
}

func (s *session) unreachable(peers int, within time.Duration) error {
	var tried []string
	for _, m := range s.folders {
		tried = append(tried, m.entry.Remotes...)
	}
	text := fmt.Sprintf("no peer answered within %v; tried %s. Is qsync running there with the same sync ID, and UDP port 2121, or the one given, open?", within, strings.Join(tried, ", "))
	if n := s.connected(); n > 0 {
		text = fmt.Sprintf("only %d of %d peers answered within %v; tried %s. %s", n, peers, within, strings.Join(tried, ", "), s.folders[0].Missing(peers))
	}
	return &sentence{text: text, kind: peer.ErrUnreachable}
}
