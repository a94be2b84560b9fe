package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"qsync/certs"
	"qsync/cmd/qsync/config"
	"qsync/cmd/qsync/service"
	"qsync/discovery"
	"qsync/peer"
)

// endTime is how long a run may take to end after the first signal.
const endTime = 5 * time.Second

// session is one run of a node: from flags to totals.
type session struct {
	p         *program
	home      home
	flags     *nodeFlags
	conf      *config.Config // as config.yaml was when the run began
	confStamp string         // of the file then, or as it was just before
	identity  identity
	log       *slog.Logger
	logFile   io.Closer
	logAside  atomic.Bool // it is no part of what people see
	node      *peer.Node
	at        *net.UDPAddr      // where peers reach this node, nil without a network
	beacon    *discovery.Beacon // nil without discovery
	signals   chan os.Signal
	folders   *manager
	turns     turns
	socket    string // name of the control socket in the home, "" without one
	report    *reporter
	window    *window                     // nil where there is none: without a network, in a dry run
	ready     func() error                // prints that the node is up
	chores    []func(ctx context.Context) // what runs beside the node until ctx ends
	dry       bool
	temp      string // a dry run's home, when there is no other
	began     time.Time
	seen      glimpses
}

// startSession makes everything of a run but its folders. The caller calls end.
func (p *program) startSession(f *nodeFlags, network, dry bool) (s *session, err error) {
	s = &session{p: p, flags: f, dry: dry, signals: make(chan os.Signal, 2), logFile: io.NopCloser(nil), began: time.Now().UTC().Truncate(time.Second)}
	s.folders = &manager{s: s, ended: make(chan error, 1)}
	defer func() {
		if err != nil {
			s.end()
		}
	}()
	signal.Notify(s.signals, os.Interrupt, syscall.SIGTERM)
	if s.home, err = s.openHome(); err != nil {
		return s, err
	}
	s.confStamp = stampOf(s.home.configPath())
	if s.conf, err = s.home.config(); err != nil {
		return s, err
	}
	if s.log, s.logFile, err = s.openLog(s.conf); err != nil {
		return s, err
	}
	if s.identity, err = s.home.identity(); err != nil {
		return s, err
	}
	if s.identity.note != "" {
		p.ui.say("note: %s", s.identity.note)
	}
	s.report = newReporter(p)
	return s, s.openNode(network)
}

// openNode makes the node, and with a network its socket and its beacon.
func (s *session) openNode(network bool) (err error) {
	set := s.flags.settings(s.conf)
	cfg := s.offline()
	cfg.Events = s.happened
	if network {
		sockets, err := s.p.openSockets(set.listen, set.transport)
		if err != nil {
			return err
		}
		if sockets.note != "" {
			s.log.Info(sockets.note)
		}
		cfg.Conn, cfg.TCP, s.at = sockets.udp, sockets.tcp, sockets.at
		s.chores = append(s.chores, s.watchNetwork)
		if set.discovery && !s.dry {
			s.openBeacon()
		}
		if !s.dry {
			s.openWindow()
		}
	}
	s.node, err = peer.New(cfg)
	return err
}

// offline is this node without a network.
func (s *session) offline() peer.Config {
	return peer.Config{
		Name: certs.CleanName(s.flags.settings(s.conf).name), Version: version, Device: s.identity.device, Machine: s.identity.machine,
		ResetKey: s.identity.reset, Log: s.log,
	}
}

// openHome is the program's home; a dry run that would have to make it gets
// one that goes when it ends.
func (s *session) openHome() (home, error) {
	dir, err := s.p.homeDir()
	if err != nil {
		return home{}, err
	}
	if _, err := os.Stat(dir); !s.dry || err == nil {
		return s.p.openHome()
	}
	if s.temp, err = os.MkdirTemp("", "qsync-dry-"); err != nil {
		return home{}, failf("cannot make a temporary directory: %v", err)
	}
	return s.p.homeAt(s.temp), os.Mkdir(filepath.Join(s.temp, "folders"), 0o700)
}

// end releases what startSession took.
func (s *session) end() {
	signal.Stop(s.signals)
	_ = s.logFile.Close() // the log is the place to complain
	if s.temp != "" {
		_ = os.RemoveAll(s.temp)
	}
}

// run runs the node until job is done, a folder stops or a signal comes, prints
// the totals and returns what the exit code is made of. Without a job it runs
// until one of the others.
func (s *session) run(job func(context.Context) error) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	running := make(chan error, 1)
	go func() { running <- s.node.Run(ctx) }()
	closeControl := s.openControl(ctx)
	if s.ready != nil {
		if err := s.ready(); err != nil {
			s.log.Error("cannot say that the node is ready", "error", err)
		}
	}
	var chores sync.WaitGroup
	for _, chore := range s.chores {
		chores.Go(func() { chore(ctx) })
	}
	done := make(chan error, 1)
	if job != nil {
		go func() { done <- job(ctx) }()
	}
	stopReport := s.report.start(s)
	err, ended := s.supervise(done, running)
	s.report.ending()
	if s.folders.serve && !errors.Is(err, errAgain) {
		s.folders.tellManager(service.Stopping())
	}
	last := s.status()
	cancel()
	closeControl()
	over := make(chan struct{})
	go func() {
		defer close(over)
		if !ended {
			if err := <-running; err != nil {
				s.log.Error("the node ended", "error", err)
			}
		}
		chores.Wait()
	}()
	s.await(over)
	stopReport()
	if done := s.folders.finish(); !s.dry && !errors.Is(err, errAgain) {
		s.report.end(last, done)
	}
	if errors.Is(err, errForgotten) {
		s.p.ui.say("forgotten; ended")
		return nil
	}
	if err != nil || job == nil || s.dry {
		return err
	}
	return s.report.outcome()
}

// supervise waits for whatever ends the run; ended says that the node itself did.
func (s *session) supervise(done, running <-chan error) (err error, ended bool) {
	select {
	case err := <-done:
		return err, false
	case err := <-running:
		return err, true
	case err := <-s.folders.ended:
		return err, false
	case sig := <-s.signals:
		s.p.ui.progress("")
		s.p.ui.say("ending; once more ends at once")
		return signalled(sig), false
	}
}

func signalled(sig os.Signal) error {
	if sig == syscall.SIGTERM {
		return outcome(errTerminated)
	}
	return outcome(errInterrupted)
}

// await waits for the end of the node and of what runs beside it, but not longer
// than endTime and not past a second signal: whatever is not on the disk then is
// redone next time.
func (s *session) await(over <-chan struct{}) {
	select {
	case <-over:
	case <-time.After(endTime):
		s.log.Warn("the node did not end in time")
	case <-s.signals:
	}
}

// openControl opens the control socket and returns what closes it. A node
// works without one; a dry run has none, for it leaves the home as it is.
func (s *session) openControl(ctx context.Context) func() {
	if s.dry {
		return func() {}
	}
	l, path, err := s.home.listenControl()
	if err != nil {
		s.log.Warn("no control socket; 'qsync status' and 'qsync wait' cannot see this node", "error", err)
		return func() {}
	}
	s.socket = filepath.Base(path)
	c := s.control()
	served := make(chan struct{})
	go func(l net.Listener) { defer close(served); c.serve(ctx, l) }(l)
	return func() {
		_ = os.Remove(path)
		_ = l.Close()
		<-served
	}
}

// control is what answers requests about this node.
func (s *session) control() *control {
	return &control{status: s.status, overview: s.overview, log: s.log, folders: s.folders.controlled, manage: s.folders, window: s.window,
		home: s.home, socket: s.socket, typed: s.beacon == nil, turns: &s.turns}
}

// happened passes on what happened.
func (s *session) happened(e peer.Event) {
	s.report.event(e)
	s.window.publish(e)
}

// status is the node's own account, with the addresses that peers reach and
// what is known of folders that do not run.
func (s *session) status() peer.Status {
	st := s.node.Status()
	st.Listen = s.listening()
	s.folders.complete(&st)
	st.Web = s.window.where()
	return st
}

// listening are the addresses at which peers reach this node.
func (s *session) listening() []string {
	if s.at == nil {
		return []string{}
	}
	return reachable(s.at)
}
