package main

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// logAt opens a log file whose clock is *now.
func logAt(t *testing.T, o logOptions, now *time.Time) *logFile {
	t.Helper()
	l, err := openLogFile(o, func() time.Time { return *now })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	found, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range found {
		all = append(all, d.Name())
	}
	return all
}

func TestLogRotatesBySize(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	l := logAt(t, logOptions{File: filepath.Join(dir, "q.log"), MaxSize: 100}, &now)
	for i := range 40 {
		if _, err := fmt.Fprintf(l, "line %02d of ten bytes and more\n", i); err != nil {
			t.Fatal(err)
		}
	}
	var all strings.Builder
	found := names(t, dir)
	for _, name := range append(found[1:], found[0]) {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if len(b) > 100 {
			t.Errorf("%s has %d bytes", name, len(b))
		}
		all.Write(b)
	}
	for i := range 40 {
		if n := strings.Count(all.String(), fmt.Sprintf("line %02d of", i)); n != 1 {
			t.Errorf("line %d is there %d times", i, n)
		}
	}
	if runtime.GOOS != "windows" {
		if fi, err := os.Stat(filepath.Join(dir, "q.log")); err != nil || fi.Mode().Perm() != 0o600 {
			t.Errorf("the log: %v, %v", fi, err)
		}
	}
}

func TestLogRotatesByDayAndPurges(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	foreign := filepath.Join(dir, "q.log.20200101-notes")
	if err := os.WriteFile(foreign, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l := logAt(t, logOptions{File: filepath.Join(dir, "q.log"), Days: 3}, &now)
	for range 10 {
		for range 2 {
			if _, err := l.Write([]byte("x\n")); err != nil {
				t.Fatal(err)
			}
		}
		now = now.Add(24 * time.Hour)
	}
	found := names(t, dir)
	if len(found) < 4 || len(found) > 6 { // today's, three or four days', the foreign one
		t.Errorf("after ten days: %v", found)
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Error("a file of somebody else's was purged")
	}
	// What is too old also goes when a node starts.
	now = now.Add(30 * 24 * time.Hour)
	logAt(t, logOptions{File: filepath.Join(dir, "q.log"), Days: 3}, &now)
	if found := names(t, dir); len(found) != 2 {
		t.Errorf("after a month: %v", found)
	}
}

func TestLogsAreBounded(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	l := logAt(t, logOptions{File: filepath.Join(dir, "q.log"), MaxSize: 1}, &now)
	for range 3 * maxLogFiles {
		now = now.Add(time.Second)
		if _, err := l.Write([]byte("x\n")); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(names(t, dir)); n != maxLogFiles+1 {
		t.Errorf("%d files", n)
	}
}

// TestLogSharedByTwo: two processes that log into one file lose nothing.
func TestLogSharedByTwo(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	o := logOptions{File: filepath.Join(dir, "q.log"), MaxSize: 200}
	both := []*logFile{logAt(t, o, &now), logAt(t, o, &now)}
	for i := range 50 {
		if _, err := fmt.Fprintf(both[i%2], "line %02d\n", i); err != nil {
			t.Fatal(err)
		}
	}
	lines := 0
	for _, name := range names(t, dir) {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		lines += strings.Count(string(b), "\n")
	}
	if lines != 50 {
		t.Errorf("%d of 50 lines are there", lines)
	}
}

// TestLogOnAFullDisk: what cannot be written is dropped, and nothing stops.
func TestLogOnAFullDisk(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err == nil {
		now := time.Now()
		l := logAt(t, logOptions{File: "/dev/full"}, &now)
		log := slog.New(slog.NewTextHandler(l, nil))
		for range 100 {
			log.Error("no space for this")
		}
		if n, err := l.Write([]byte("x")); n != 1 || err != nil {
			t.Errorf("a write to a full disk: %d, %v", n, err)
		}
	}
	// The directory goes and comes back.
	dir := filepath.Join(t.TempDir(), "logs")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	l := logAt(t, logOptions{File: filepath.Join(dir, "q.log"), MaxSize: 4}, &now)
	for i, text := range []string{"one\n", "two\n", "three\n"} {
		if i == 1 && runtime.GOOS != "windows" {
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
		}
		if n, err := l.Write([]byte(text)); n != len(text) || err != nil {
			t.Errorf("%q: %d, %v", text, n, err)
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Write([]byte("four\n")); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "q.log")); err != nil || string(b) != "four\n" {
		t.Errorf("back again: %q, %v", b, err)
	}
}

func TestLogThatCannotBeOpened(t *testing.T) {
	p := &program{ui: newScreen(os.Stderr), now: time.Now, flags: &globals{}}
	_, _, err := p.openLog(logOptions{File: filepath.Join(t.TempDir(), "no", "such.log")})
	if exitCode(err) != 2 || !strings.Contains(err.Error(), "cannot write the log") {
		t.Errorf("%v", err)
	}
	if _, _, err := p.openLog(logOptions{Level: "loud"}); exitCode(err) != 2 {
		t.Errorf("a level that there is not: %v", err)
	}
}

func TestLogLevels(t *testing.T) {
	for _, c := range []struct {
		flags      globals
		configured string
		want       slog.Level
	}{
		{globals{}, "", slog.LevelWarn},
		{globals{}, "info", slog.LevelInfo},
		{globals{Verbose: 1}, "error", slog.LevelInfo},
		{globals{Verbose: 2}, "", slog.LevelDebug},
		{globals{Quiet: true}, "debug", slog.LevelError},
		{globals{LogLevel: "debug", Quiet: true}, "info", slog.LevelDebug},
	} {
		p := &program{flags: &c.flags}
		if got, err := p.logLevel(c.configured); err != nil || got != c.want {
			t.Errorf("%+v, %q: %v, %v", c.flags, c.configured, got, err)
		}
	}
}

// TestJournal holds lines for the journal to sd-daemon(3), and every line of a
// log to one line.
func TestJournal(t *testing.T) {
	var b strings.Builder
	log := slog.New(newJournal(&b, slog.LevelDebug)).With("folder", "/a\nb\u202e").WithGroup("g")
	log.Error("e", "path", "x\x1b[31m")
	log.Warn("w")
	log.Info("i")
	log.Debug("d")
	want := `<3>msg=e folder="/a\nb\u202e" g.path="x\x1b[31m"
<4>msg=w folder="/a\nb\u202e"
<6>msg=i folder="/a\nb\u202e"
<7>msg=d folder="/a\nb\u202e"
`
	if b.String() != want {
		t.Errorf("the journal gets\n%s want\n%s", b.String(), want)
	}
}

func TestJournalStream(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS == "windows" {
		if isJournal(f, "1:1") {
			t.Error("Windows has a journal")
		}
		return
	}
	p := &program{ui: newScreen(f), now: time.Now, flags: &globals{}, vars: map[string]string{"JOURNAL_STREAM": streamOf(fi)}}
	for _, stream := range []string{streamOf(fi), "1:1", ""} { // the second: stderr was redirected
		p.vars["JOURNAL_STREAM"] = stream
		log, _, err := p.openLog(logOptions{})
		if err != nil {
			t.Fatal(err)
		}
		log.Warn("hello " + stream)
	}
	b, err := os.ReadFile(f.Name())
	if lines := strings.Split(string(b), "\n"); err != nil || len(lines) != 4 || !strings.HasPrefix(lines[0], "<4>msg=") ||
		!strings.HasPrefix(lines[1], "time=") || !strings.HasPrefix(lines[2], "time=") {
		t.Errorf("%s, %v", b, err)
	}
}
