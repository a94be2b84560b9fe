package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"qsync/certs"
	"qsync/cmd/qsync/config"
	"qsync/cmd/qsync/service"
)

// Run serves all folders of config.yaml until a signal comes.
func (c *serveCmd) Run(p *program) error {
	h, err := p.openHome()
	if err != nil {
		return err
	}
	alone, err := h.serveAlone()
	if err != nil {
		return err
	}
	defer alone.Close()
	// Whoever read our output may go; that is no reason to end.
	signal.Ignore(syscall.SIGPIPE)
	// Between two sessions nobody else listens for signals.
	between := make(chan os.Signal, 2)
	signal.Notify(between, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(between)
	for {
		if err := c.session(p); !errors.Is(err, errAgain) {
			return err
		}
		select {
		case sig := <-between:
			return signalled(sig)
		default:
		}
	}
}

// session serves until it ends, or the settings of the node change.
func (c *serveCmd) session(p *program) error {
	s, err := p.startSession(&c.nodeFlags, true, false)
	if err != nil {
		return err
	}
	defer s.end()
	s.report.many, s.report.inside = true, s.folders.inside
	s.folders.serve, s.folders.over = true, &c.folderFlags
	s.folders.conf = config.Default()
	s.chores = append(s.chores, s.watchConfig, s.saveRuns, s.tryAgain, s.sayFirstStep)
	if every, ok := service.Watchdog(); ok {
		s.chores = append(s.chores, func(ctx context.Context) { s.keepAlive(ctx, every) })
	}
	s.ready = s.begin
	err = s.run(nil)
	if !errors.Is(err, errAgain) {
		s.log.Info("ended")
	}
	return err
}

// say prints a line, and logs it where the log is elsewhere.
func (s *session) say(format string, a ...any) {
	s.p.ui.say(format, a...)
	if s.logAside.Load() {
		s.log.Info(fmt.Sprintf(format, a...))
	}
}

// begin opens the folders of config.yaml.
func (s *session) begin() error {
	s.folders.work.Lock()
	s.folders.folders(config.Diff(s.folders.conf, s.conf))
	s.folders.mu.Lock()
	s.folders.conf = s.conf
	s.folders.mu.Unlock()
	s.folders.work.Unlock()
	s.log.Info("serving", "home", s.home.dir, "name", s.flags.settings(s.conf).name, "folders", len(s.conf.Folders), "process", os.Getpid())
	if len(s.conf.Folders) == 0 {
		if s.p.flags.JSON {
			st := s.status()
			if err := s.p.printJSON(readyJSON{Event: "ready", Node: st.Node, Name: st.Name, Listen: st.Listen}); err != nil {
				return err
			}
		}
	}
	s.folders.tellManager(service.Ready())
	return nil
}

// sayFirstStep says, where there is no folder yet, how one is added: below the
// address of the page, if there is one.
func (s *session) sayFirstStep(ctx context.Context) {
	if len(s.conf.Folders) > 0 {
		return
	}
	page := ""
	if s.window.comes(ctx) {
		page = "'qsync open' shows the page, "
	}
	if ctx.Err() == nil {
		s.say("no folder is configured yet: %s'qsync share DIR' or 'qsync join - DIR' adds one, or write %s", page, quote(s.home.configPath()))
	}
}

// tryAgain starts folders that have stopped and may run again.
func (s *session) tryAgain(ctx context.Context) { every(ctx, retryEvery, s.folders.retry) }

// keepAlive tells the service manager that the node still works: that its
// folders can be asked.
func (s *session) keepAlive(ctx context.Context, each time.Duration) {
	every(ctx, each, func() {
		s.folders.running()
		s.folders.tellManager(service.Alive())
	})
}

// introduce says that a folder of config.yaml runs now.
func (g *manager) introduce(m *managed) {
	id, err := m.entry.syncID()
	if err != nil || !g.s.p.flags.JSON {
		id = certs.SyncID{}
	}
	g.s.log.Info("serving a folder", "folder", m.entry.Dir, "mode", m.mode())
	if err := g.s.p.announce(g.s.status(), m, announcement{id: id}); err != nil {
		g.s.log.Warn("standard output is closed", "error", err)
	}
}

// override lays the flags of 'qsync serve' over the settings of a folder.
func (g *manager) override(f config.Folder) config.Folder {
	if g.over == nil {
		return f
	}
	return g.over.over(f)
}

// brakeOf is the brake of a unit for this run.
func (u *unit) brakeOf(f config.Folder) config.Folder {
	if u.brake != nil {
		f.MaxDelete = config.Brake(*u.brake)
	}
	return f
}
