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
	"syscall"
	"time"

	"qsync/certs"
	"qsync/peer"
)

// endTime is how long a run may take to end after the first signal.
const endTime = 5 * time.Second

// session is one run of a node: from flags to totals.
type session struct {
	p        *program
	home     home
	identity identity
	log      *slog.Logger
	logFile  io.Closer
	node     *peer.Node
	listen   []string // addresses that peers reach; empty without a network
	signals  chan os.Signal
	folders  []*managed
	report   *reporter
	ready    func() error // prints that the node is up
	dry      bool
	temp     string // a dry run's home, when there is no other
}

// managed is a folder of a session with what is remembered of it.
type managed struct {
	*peer.Folder
	entry entry
	fresh bool // not remembered before this run
}

// startSession makes everything of a run but its folders. The caller calls end.
func (p *program) startSession(f *syncFlags, network, dry bool) (s *session, err error) {
	s = &session{p: p, dry: dry, signals: make(chan os.Signal, 2), logFile: io.NopCloser(nil)}
	defer func() {
		if err != nil {
			s.end()
		}
	}()
	signal.Notify(s.signals, os.Interrupt, syscall.SIGTERM)
	if s.home, err = s.openHome(); err != nil {
		return s, err
	}
	log, file, err := p.openLog(logOptions{})
	if err != nil {
		return s, err
	}
	s.log, s.logFile = log, file
	if s.identity, err = s.home.identity(); err != nil {
		return s, err
	}
	if s.identity.note != "" {
		p.ui.say("note: %s", s.identity.note)
	}
	name := f.Name
	if name == "" {
		name = hostName()
	}
	s.report = newReporter(p)
	cfg := peer.Config{
		Name: certs.CleanName(name), Version: version, Device: s.identity.device, Machine: s.identity.machine,
		ResetKey: s.identity.reset, Log: s.log, Events: s.report.event,
	}
	if network {
		conn, err := p.openSocket(f.Listen)
		if err != nil {
			return s, err
		}
		cfg.Conn, s.listen = conn, reachable(conn)
	}
	s.node, err = peer.New(cfg)
	return s, err
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
	return home{s.temp}, os.Mkdir(filepath.Join(s.temp, "folders"), 0o700)
}

// end releases what startSession took.
func (s *session) end() {
	signal.Stop(s.signals)
	_ = s.logFile.Close() // the log is the place to complain
	if s.temp != "" {
		_ = os.RemoveAll(s.temp)
	}
}

// remember writes the entries that are new before they are opened, so that an ID
// in use is never lost, and those that change once they are: not for a run that
// comes to nothing.
func (s *session) remember(opened bool, all ...*managed) error {
	for _, m := range all {
		if m.fresh == opened || s.dry {
			continue
		}
		if err := s.home.save(m.entry); err != nil {
			return err
		}
	}
	return nil
}

// retract takes back what remember wrote for a folder that could not be opened.
func (s *session) retract(m *managed) {
	if m.fresh && !s.dry {
		if err := s.home.drop(m.entry.tag); err != nil {
			s.log.Warn("cannot forget a folder that could not be opened", "error", err)
		}
	}
}

// opened names the process that has a folder, in the error about that.
func (s *session) opened(err error, dir string) error {
	if errors.Is(err, peer.ErrBusy) {
		if pid := runs(s.home.ask(askTime), dir); pid != 0 {
			return failf("process %d is syncing %s already: stop it first, or ask it: 'qsync status'", pid, quote(dir))
		}
	}
	return err
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
	done := make(chan error, 1)
	if job != nil {
		go func() { done <- job(ctx) }()
	}
	stopReport := s.report.start(s)
	err, ended := s.supervise(done, running)
	s.report.ending()
	last := s.node.Status()
	cancel()
	closeControl()
	if !ended {
		s.await(running)
	}
	stopReport()
	if !s.dry {
		s.report.end(last, s.node.Status())
	}
	if err != nil || job == nil || s.dry {
		return err
	}
	return s.report.outcome()
}

// supervise waits for whatever ends the run; ended says that the node itself did.
func (s *session) supervise(done, running <-chan error) (err error, ended bool) {
	stopped := make(chan error, len(s.folders))
	for _, m := range s.folders {
		go func() {
			<-m.Stopped()
			stopped <- m.Err()
		}()
	}
	for {
		select {
		case err := <-done:
			return err, false
		case err := <-running:
			return err, true
		case err := <-stopped:
			return err, false
		case sig := <-s.signals:
			s.p.ui.progress("")
			s.p.ui.say("ending; once more ends at once")
			return signalled(sig), false
		}
	}
}

func signalled(sig os.Signal) error {
	if sig == syscall.SIGTERM {
		return outcome(errTerminated)
	}
	return outcome(errInterrupted)
}

// await waits for the node's end, but not longer than endTime and not past a
// second signal: whatever is not on the disk then is redone next time.
func (s *session) await(running <-chan error) {
	select {
	case err := <-running:
		if err != nil {
			s.log.Error("the node ended", "error", err)
		}
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
	c := &control{status: s.status, log: s.log, folders: func() (all []controlled) {
		for _, f := range s.node.Folders() {
			all = append(all, f)
		}
		return all
	}}
	served := make(chan struct{})
	go func(l net.Listener) { defer close(served); c.serve(ctx, l) }(l)
	return func() {
		_ = os.Remove(path)
		_ = l.Close()
		<-served
	}
}

// status is the node's own account, with the addresses that peers reach.
func (s *session) status() peer.Status {
	st := s.node.Status()
	st.Listen = s.listen
	if st.Listen == nil {
		st.Listen = []string{}
	}
	return st
}
