package main

import (
	"context"
	"io"
	"log/slog"
	"sync/atomic"

	"qsync/cmd/qsync/config"
	"qsync/peer"
)

// logSwitch is the log of a session. Where it goes and what it takes can be
// changed while others hold loggers made of it.
type logSwitch struct {
	to   *atomic.Pointer[slog.Handler]
	with func(slog.Handler) slog.Handler // what WithAttrs and WithGroup added
}

// openLog opens the log that flags, variables and config.yaml ask for.
func (s *session) openLog(c *config.Config) (*slog.Logger, io.Closer, error) {
	log, file, err := s.p.openLog(logOptions{Level: c.Log.Level, File: c.Log.File, Days: c.Log.Days, MaxSize: c.Log.Size})
	if err != nil {
		return nil, io.NopCloser(nil), err
	}
	_, aside := file.(*logFile)
	s.logAside.Store(aside)
	h := log.Handler()
	if !aside {
		h = untold{h, s}
	}
	sw := logSwitch{to: &atomic.Pointer[slog.Handler]{}, with: func(h slog.Handler) slog.Handler { return h }}
	sw.to.Store(&h)
	return slog.New(sw), file, nil
}

// untold is a log on the screen of people, without what they are told in words: a
// run in the foreground ends when its folder stops, and says why.
type untold struct {
	slog.Handler
	s *session
}

// Handle implements slog.Handler.
func (u untold) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == peer.FolderStopped && !u.s.folders.serve {
		return nil
	}
	return u.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (u untold) WithAttrs(attrs []slog.Attr) slog.Handler {
	return untold{u.Handler.WithAttrs(attrs), u.s}
}

// WithGroup implements slog.Handler.
func (u untold) WithGroup(name string) slog.Handler {
	return untold{u.Handler.WithGroup(name), u.s}
}

// reopenLog applies other settings of the log. Where that fails, the log stays
// as it was.
func (s *session) reopenLog(c *config.Config) error {
	log, file, err := s.openLog(c)
	if err != nil {
		return err
	}
	fresh, isSwitch := log.Handler().(logSwitch)
	old, wasSwitch := s.log.Handler().(logSwitch)
	if isSwitch && wasSwitch {
		old.to.Store(fresh.to.Load())
	}
	before := s.logFile
	s.logFile = file
	return before.Close()
}

func (l logSwitch) handler() slog.Handler { return l.with(*l.to.Load()) }

// Enabled implements slog.Handler.
func (l logSwitch) Enabled(ctx context.Context, level slog.Level) bool {
	return (*l.to.Load()).Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (l logSwitch) Handle(ctx context.Context, r slog.Record) error {
	return l.handler().Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (l logSwitch) WithAttrs(attrs []slog.Attr) slog.Handler {
	return logSwitch{l.to, func(h slog.Handler) slog.Handler { return l.with(h).WithAttrs(attrs) }}
}

// WithGroup implements slog.Handler.
func (l logSwitch) WithGroup(name string) slog.Handler {
	return logSwitch{l.to, func(h slog.Handler) slog.Handler { return l.with(h).WithGroup(name) }}
}
