package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/term"
)

// screen is standard error: lines for people, and at most one progress line
// below them, which is redrawn and never scrolls. It is safe for concurrent use.
type screen struct {
	mu       sync.Mutex
	w        io.Writer
	terminal bool // w is a terminal and moves its cursor
	wraps    bool // w is a terminal, where a person reads sentences
	quiet    bool
	width    func() int
	line     string // the progress line as it stands
}

func newScreen(w io.Writer) *screen {
	s := &screen{w: w, width: func() int { return 80 }}
	if fd, ok := terminalOf(w); ok {
		s.wraps = true
		s.width = func() int { return widthOf(fd) }
	}
	return s
}

// widthOf is how many columns a terminal has.
func widthOf(fd int) int {
	if n, _, err := term.GetSize(fd); err == nil && n > 0 {
		return n
	}
	return statusWidth
}

// configure takes what the flags and the environment say about looks.
func (s *screen) configure(g *globals, vars map[string]string) {
	_, isTerminal := terminalOf(s.w)
	s.terminal = isTerminal && vars["TERM"] != "dumb"
	s.quiet = g.Quiet
}

// coloured reports whether colours are wanted where they work.
func coloured(g *globals, vars map[string]string) bool {
	return !g.NoColor && vars["NO_COLOR"] == "" && vars["TERM"] != "dumb"
}

// terminalOf returns the descriptor of w if it is a terminal.
func terminalOf(w any) (int, bool) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	return int(f.Fd()), true
}

// printf prints one line, whatever the flags say. On a terminal it is wrapped,
// for sentences are longer than a line and lines longer than those are hard to
// read; elsewhere a line is a message.
func (s *screen) printf(format string, a ...any) {
	text := clean(fmt.Sprintf(format, a...))
	if s.wraps {
		text = hang(text, min(s.width(), statusWidth))
	}
	s.raw(text + "\n")
}

// say prints one line unless the user asked for quiet.
func (s *screen) say(format string, a ...any) {
	if !s.quiet {
		s.printf(format, a...)
	}
}

// raw prints text that may hold lines of its own.
func (s *screen) raw(text string) { _, _ = s.Write([]byte(text)) }

// Write lets the log share the screen with the progress line.
func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.erase()
	n, err := s.w.Write(b)
	s.draw()
	return n, err
}

// progress replaces the progress line; "" takes it away. Where there is no
// terminal it does nothing.
func (s *screen) progress(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.terminal || line == s.line {
		return
	}
	s.erase()
	s.line = line
	s.draw()
}

func (s *screen) erase() {
	if s.line != "" {
		_, _ = io.WriteString(s.w, "\r\x1b[K")
	}
}

func (s *screen) draw() {
	if s.line != "" {
		_, _ = io.WriteString(s.w, strings.TrimRight(s.line, " "))
	}
}
