package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"sync"
)

// isJournal reports whether a file is the stream to the journal that
// $JOURNAL_STREAM names (systemd.exec(5)).
func isJournal(f *os.File, stream string) bool {
	fi, err := f.Stat()
	return err == nil && stream != "" && streamOf(fi) == stream
}

// journal writes lines with the levels of the journal in front (sd-daemon(3)),
// and without the time, which the journal knows.
type journal struct {
	slog.Handler
	out *prefixed
}

// prefixed puts the level of the line that is being written before it.
type prefixed struct {
	mu    sync.Mutex
	w     io.Writer
	level slog.Level
}

func newJournal(w io.Writer, level slog.Level) journal {
	out := &prefixed{w: w}
	return journal{slog.NewTextHandler(out, &slog.HandlerOptions{Level: level, ReplaceAttr: withoutTime}), out}
}

func withoutTime(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
		return slog.Attr{}
	}
	return a
}

// Handle implements slog.Handler. The handler inside makes one call of Write.
func (j journal) Handle(ctx context.Context, r slog.Record) error {
	j.out.mu.Lock()
	defer j.out.mu.Unlock()
	j.out.level = r.Level
	return j.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (j journal) WithAttrs(attrs []slog.Attr) slog.Handler {
	return journal{j.Handler.WithAttrs(attrs), j.out}
}

// WithGroup implements slog.Handler.
func (j journal) WithGroup(name string) slog.Handler {
	return journal{j.Handler.WithGroup(name), j.out}
}

// Write implements io.Writer; p.mu is held.
func (p *prefixed) Write(b []byte) (int, error) {
	prefix := "<7>"
	switch {
	case p.level >= slog.LevelError:
		prefix = "<3>"
	case p.level >= slog.LevelWarn:
		prefix = "<4>"
	case p.level >= slog.LevelInfo:
		prefix = "<6>"
	}
	_, err := p.w.Write(append([]byte(prefix), b...))
	return len(b), err
}
