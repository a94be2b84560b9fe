package main

import (
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"

	"qsync/peer"
)

// What a terminal does with these is in ECMA-48 and xterm's ctlseqs.
const (
	enterScreen = "\x1b[?1049h\x1b[?25l" // the other screen, without a cursor
	leaveScreen = "\x1b[?25h\x1b[?1049l"
	frameStart  = "\x1b[H" // home: what stays the same is written over and does not flicker
	lineEnd     = "\x1b[K" // nothing of the former frame is left to the right
	frameEnd    = "\x1b[J" // nor below
)

// watchEvery is how often the live screen is drawn anew.
const watchEvery = time.Second

// watch shows the status again and again until a signal ends it: on a terminal
// in place, else one below the other.
func (p *program) watch(h home, dir string) error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	fd, isTerminal := terminalOf(p.out)
	show := func() error { return p.showStatus(h, dir) }
	if live := isTerminal && !p.flags.JSON && p.vars["TERM"] != "dumb"; live {
		if err := p.print(enterScreen); err != nil {
			return err
		}
		defer func() { _ = p.print(leaveScreen) }()
		show = func() error { return p.drawFrame(fd, p.statuses(h, dir), h.noNode(dir)) }
	} else if !p.flags.JSON {
		once := show
		show = func() error {
			if err := once(); err != nil {
				return err
			}
			return p.print("\n")
		}
	}
	for {
		if err := show(); err != nil {
			return err
		}
		select {
		case sig := <-signals:
			return signalled(sig)
		case <-tick.C:
		}
	}
}

// drawFrame writes one frame as a whole, in the size that the window has now; none
// is what it says where nothing runs.
func (p *program) drawFrame(fd int, nodes []peer.Status, none string) error {
	v := view{width: 80, height: 24, colour: coloured(p.flags, p.vars), now: p.now()}
	if w, n, err := term.GetSize(fd); err == nil && w > 0 && n > 0 {
		v.width, v.height = w, n
	}
	lines := v.frame(nodes)
	if len(nodes) == 0 {
		for _, l := range wrap(none, v.width) {
			lines = append(lines, line{text: l})
		}
	}
	var b strings.Builder
	b.WriteString(frameStart)
	for i, l := range lines {
		if i > 0 {
			b.WriteString("\r\n")
		}
		b.WriteString(v.paint(l) + lineEnd)
	}
	return p.print(b.String() + frameEnd)
}

// look is how a line is emphasised, where colours are allowed.
type look string

const (
	plainly look = ""
	strong  look = "1"
	fine    look = "32"
	moving  look = "36"
	held    look = "33"
	wrong   look = "31"
)

// line is a line of a frame: the first columns in their look, the rest plain.
type line struct {
	mark string
	look look
	text string
}

// view is the window in which a frame is drawn.
type view struct {
	width, height int
	colour        bool
	now           time.Time
}

// paint is a line as bytes for the terminal, cut to the window.
func (v view) paint(l line) string {
	if !v.colour || l.look == plainly || l.mark == "" {
		return shorten(l.mark+l.text, v.width)
	}
	if columns(l.mark) > v.width {
		l.mark, l.text = shorten(l.mark, v.width), ""
	}
	return "\x1b[" + string(l.look) + "m" + l.mark + "\x1b[0m" + shorten(l.text, v.width-columns(l.mark))
}

// detail is how much a frame tells: less where it would not fit.
type detail int

const (
	everything detail = iota // all peers, some problems and conflicts with their cures
	shorter                  // fewer problems, peers in sync in one line
	headlines                // a line a folder
)

// frame is the status of the nodes in as much detail as the window has room for.
func (v view) frame(nodes []peer.Status) (lines []line) {
	for d := everything; d <= headlines; d++ {
		lines = nil
		for _, n := range nodes {
			lines = append(lines, v.node(n, d)...)
		}
		if len(lines) <= v.height {
			return lines
		}
	}
	if left := len(lines) - (v.height - 1); v.height > 1 {
		lines = append(lines[:v.height-1], line{text: fmt.Sprintf("… and %s: a larger window shows more, 'qsync status' all", plural(int64(left), "line", "lines"))})
	}
	return lines[:min(len(lines), v.height)]
}

func (v view) node(n peer.Status, d detail) []line {
	clock := v.now.Format("15:04:05")
	about := fmt.Sprintf("  up %s, process %d", span(time.Duration(n.Uptime)*time.Second), n.PID)
	name := shorten(quote(n.Name), max(v.width-columns(about)-len(clock)-8, 8))
	gap := max(v.width-6-columns(name)-columns(about)-len(clock), 1)
	lines := []line{{"qsync " + name, strong, about + strings.Repeat(" ", gap) + clock}}
	if d == everything && len(n.Listen) > 0 {
		text := strings.Join(n.Listen, "  ")
		lines = append(lines, line{text: shorten("listening on "+clean(text), v.width)})
	}
	for text := range strings.Lines(n.Config) {
		lines = append(lines, v.wrapped("config", held, "not in force: "+text)...)
	}
	for _, f := range n.Folders {
		if d < headlines {
			lines = append(lines, line{})
		}
		lines = append(lines, v.folder(f, d)...)
	}
	if len(n.Folders) == 0 {
		lines = append(lines, line{}, line{text: "no folder yet: 'qsync share DIR' or 'qsync join - DIR'"})
	}
	return lines
}

// labelled is a line that begins with a word in the first columns.
func labelled(word string, l look, text string) line {
	return line{fmt.Sprintf("%-9s ", shorten(word, 9)), l, text}
}

// wrapped is a labelled text on as many lines as it needs.
func (v view) wrapped(word string, l look, text string) (lines []line) {
	for _, part := range wrap(clean(text), max(v.width-10, 10)) {
		lines = append(lines, labelled(word, l, part))
		word = ""
	}
	return lines
}

// folder is a folder's block: how it is, what moves, its peers, what is stuck.
func (v view) folder(f peer.FolderStatus, d detail) []line {
	word, l := headline(f)
	holds := "  " + modeOf(f) + ", " + plural(f.Entries.Files, "file", "files") + ", " + size(f.Entries.Bytes)
	room := max(v.width-10-columns(holds), 12)
	lines := []line{labelled(word, l, shorten(quote(f.Path), room)+holds)}
	if d == headlines {
		return lines
	}
	if text := moves(f); text != "" {
		lines = append(lines, labelled("", plainly, text))
	}
	if f.Current != "" {
		lines = append(lines, labelled("now", moving, shorten(quote(f.Current), v.width-10)))
	}
	if f.Reason != "" {
		lines = append(lines, v.wrapped("why", l, f.Reason)...)
	}
	if f.Note != "" {
		lines = append(lines, v.wrapped("note", held, f.Note)...)
	}
	if text := apartText(f); text != "" {
		lines = append(lines, v.wrapped("differs", held, text)...)
	}
	if !f.NextScan.IsZero() && f.State == "idle" {
		lines = append(lines, labelled("next run", plainly, "in "+span(max(f.NextScan.Sub(v.now), 0))))
	}
	lines = append(lines, v.peers(f, d)...)
	return append(lines, v.stuck(f, d)...)
}

// headline is the word for how a folder is.
func headline(f peer.FolderStatus) (string, look) {
	connected, synced := 0, 0
	for _, p := range f.Peers {
		if p.Connected {
			connected++
			if p.InSync {
				synced++
			}
		}
	}
	switch {
	case f.State == "stopped":
		return f.State, wrong
	case f.State == "paused":
		return f.State, held
	case f.State != "idle":
		return f.State, moving
	case f.Want.Entries > 0:
		return "waiting", held
	case connected == 0:
		return "no peer", held
	case synced < connected:
		return "sending", moving
	}
	return "in sync", fine
}

// moves says what is to come and how fast, "" where nothing is.
func moves(f peer.FolderStatus) string {
	var parts []string
	if f.Want != (peer.Amount{}) {
		text := amount(f.Want) + " to come"
		if all := f.Entries.Bytes + f.Want.Bytes; f.Want.Bytes > 0 && all > 0 {
			text = fmt.Sprintf("%d%%, ", int(float64(f.Entries.Bytes)/float64(all)*100)) + text
		}
		parts = append(parts, text)
	}
	if f.Rate.In > 0 {
		parts = append(parts, "in "+size(f.Rate.In)+"/s")
	}
	if f.Rate.Out > 0 {
		parts = append(parts, "out "+size(f.Rate.Out)+"/s")
	}
	if f.ETA != nil {
		parts = append(parts, clock(time.Duration(*f.ETA)*time.Second)+" left")
	}
	return strings.Join(parts, "  ")
}
