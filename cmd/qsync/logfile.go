package main

import (
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"qsync/cmd/qsync/config"
)

// logOptions say what is logged and where. The zero value, and every field that
// is zero, is the default.
type logOptions struct {
	Level   string // debug, info, warn, error
	File    string // absolute; "" is standard error
	Days    int    // how long old files are kept
	MaxSize int64  // bytes at which a file is put aside
}

// openLog returns the log of a run and what closes it. Flags and variables go
// before the options, which are those of config.yaml.
func (p *program) openLog(o logOptions) (*slog.Logger, io.Closer, error) {
	level, err := p.logLevel(o.Level)
	if err != nil {
		return nil, nil, err
	}
	if p.flags.LogFile != "" {
		o.File = p.flags.LogFile
	}
	if o.File != "" {
		f, err := openLogFile(o, p.now)
		if err != nil {
			return nil, nil, usagef("cannot write the log %s: %v", quote(o.File), reason(err))
		}
		return slog.New(slog.NewTextHandler(f, &slog.HandlerOptions{Level: level})), f, nil
	}
	var h slog.Handler = slog.NewTextHandler(p.ui, &slog.HandlerOptions{Level: level})
	if f, ok := p.ui.w.(*os.File); ok && isJournal(f, p.vars["JOURNAL_STREAM"]) {
		h = newJournal(p.ui, level)
	}
	return slog.New(h), io.NopCloser(nil), nil
}

func (p *program) logLevel(configured string) (slog.Level, error) {
	level, text, from := slog.LevelWarn, configured, "log level"
	switch {
	case p.flags.LogLevel != "":
		text, from = p.flags.LogLevel, "--log-level"
	case p.flags.Verbose > 1:
		return slog.LevelDebug, nil
	case p.flags.Verbose == 1:
		return slog.LevelInfo, nil
	case p.flags.Quiet:
		return slog.LevelError, nil
	}
	if text == "" {
		return level, nil
	}
	if err := level.UnmarshalText([]byte(text)); err != nil {
		return 0, usagef("%s: %v", from, err)
	}
	return level, nil
}

const (
	logStamp = "20060102-150405"
	// maxLogFiles bounds what a node that logs much leaves behind within its days.
	maxLogFiles = 50
)

// logFile is a log that is put aside when it is full or a day old, under its
// name with the time behind it, and that forgets what is too old. Several
// processes may write to one. Nothing about it ever stops the node: what cannot
// be written, as on a full disk, is dropped.
//
// gopkg.in/natefinch/lumberjack.v2 is not used: no release since 2023, a
// goroutine that never ends, no rotation by day, and it fails on a full disk.
type logFile struct {
	path    string
	maxSize int64
	keep    time.Duration
	now     func() time.Time

	mu   sync.Mutex
	f    *os.File // nil after it could not be opened again
	size int64
	day  string
	file bool // a regular file: no terminal, pipe or device
	torn bool // only the beginning of the last line found room
}

func openLogFile(o logOptions, now func() time.Time) (*logFile, error) {
	l := &logFile{path: o.File, maxSize: o.MaxSize, keep: time.Duration(o.Days) * 24 * time.Hour, now: now}
	if l.maxSize <= 0 {
		l.maxSize = config.DefaultLogSize
	}
	if l.keep <= 0 {
		l.keep = config.DefaultLogDays * 24 * time.Hour
	}
	if err := l.open(); err != nil {
		return nil, err
	}
	if l.file {
		l.purge()
	}
	return l, nil
}

// open opens the file to append; l.mu is held or not needed yet.
func (l *logFile) open() error {
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	fi, err := f.Stat()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	l.f, l.size, l.file = f, fi.Size(), fi.Mode().IsRegular()
	l.day = dayOf(l.now())
	if l.size > 0 {
		l.day = dayOf(fi.ModTime())
	}
	return nil
}

func dayOf(t time.Time) string { return t.Local().Format(time.DateOnly) }

// Write implements io.Writer. It always reports success.
func (l *logFile) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	full := l.size > 0 && (l.size+int64(len(b)) > l.maxSize || l.day != dayOf(l.now()))
	if l.f != nil && l.file && full {
		l.rotate()
	}
	if l.f == nil && l.open() != nil {
		return len(b), nil
	}
	line := b
	if l.torn {
		line = append([]byte{'\n'}, b...)
	}
	n, err := l.f.Write(line)
	l.size += int64(n)
	l.torn = err != nil && n > 0
	return len(b), nil
}

// rotate puts the file aside. Where that fails it is written on, and tried again
// with the next line.
func (l *logFile) rotate() {
	ours, err := l.f.Stat()
	there, serr := os.Stat(l.path)
	_ = l.f.Close() // some systems do not rename an open file
	l.f = nil
	if err != nil || serr != nil || !os.SameFile(ours, there) {
		return // another process was faster
	}
	aside := l.path + "." + l.now().UTC().Format(logStamp)
	for n := 2; ; n++ {
		if _, err := os.Lstat(aside); errors.Is(err, fs.ErrNotExist) || n > maxLogFiles {
			break
		}
		aside = l.path + "." + l.now().UTC().Format(logStamp) + "-" + strconv.Itoa(n)
	}
	if os.Rename(l.path, aside) == nil {
		l.purge()
	}
}

// purge removes the files that were put aside too long ago, or are too many.
func (l *logFile) purge() {
	found, err := os.ReadDir(filepath.Dir(l.path))
	if err != nil {
		return
	}
	var kept []string
	for _, d := range found {
		stamp, ok := strings.CutPrefix(d.Name(), filepath.Base(l.path)+".")
		if !ok || len(stamp) < len(logStamp) || !d.Type().IsRegular() {
			continue
		}
		at, err := time.Parse(logStamp, stamp[:len(logStamp)])
		if rest := stamp[len(logStamp):]; err != nil || rest != "" && rest[0] != '-' {
			continue // a file of somebody else's
		}
		if path := filepath.Join(filepath.Dir(l.path), d.Name()); l.now().Sub(at) > l.keep {
			_ = os.Remove(path)
		} else {
			kept = append(kept, path)
		}
	}
	slices.Sort(kept)
	for len(kept) > maxLogFiles {
		_ = os.Remove(kept[0])
		kept = kept[1:]
	}
}

// Close implements io.Closer.
func (l *logFile) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.f == nil {
		return nil
	}
	err := l.f.Close()
	l.f = nil
	return err
}
