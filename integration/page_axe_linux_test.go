package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// axeVersion is of axe-core, which finds what people who do not see the page, or
// use no mouse, would stumble over.
const axeVersion = "axe-core@4.14.1"

// axe is its source, from npm as the test of npm has it.
func axe(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "package.json"), `{"name":"axe","version":"1.0.0","private":true}`)
	npm(t, dir, "install", axeVersion)
	return read(t, filepath.Join(dir, "node_modules", "axe-core", "axe.min.js"))
}

// busyPair are two nodes whose folder has all that a page shows: versions, a
// conflict, a history, and in the end a brake that holds.
func busyPair(t *testing.T) *windowed {
	t.Helper()
	w := newWindowed(t, "    max_delete: 20\n    profile: work\n")
	for i := range 40 {
		write(t, w.in(0, fmt.Sprintf("album/%02d.txt", i)), fmt.Sprintf("first\npicture %d\n", i))
	}
	write(t, w.in(0, "note.txt"), "one\ntwo\nthree\n")
	w.settled()
	write(t, w.in(1, "album/00.txt"), "first\nanother\n")
	write(t, w.in(1, "letter.txt"), "dear\n")
	w.settled()
	must(t, os.Remove(w.in(1, "letter.txt")))
	w.settled()
	w.runs[1].end(sigterm, 143)
	write(t, w.in(0, "note.txt"), "one\ntwo of anna\nthree\n")
	write(t, w.in(1, "note.txt"), "one\ntwo of bert\nthree\n")
	w.again(1)
	w.settled()
	return w
}

// step is a view of the page, and how to get there.
type step struct {
	name string
	goes func(w *windowed, p *tab)
}

// steps go through every view; the brake comes last, for it needs files gone.
var steps = []step{
	{"overview", func(_ *windowed, p *tab) { p.pressIn("nav", "Folders"); p.seesIn("article", "photos") }},
	{"state", func(w *windowed, p *tab) { w.view(p, 0, ""); p.seesIn("main", "Invite a device", "bert") }},
	{"versions", func(w *windowed, p *tab) { w.view(p, 0, "versions"); p.seesIn("main", "letter.txt", "album") }},
	{"file", func(w *windowed, p *tab) {
		w.view(p, 0, "versions")
		p.pressIn("table.tree", "album")
		p.pressIn("table.tree", "00.txt")
		p.seesIn("dialog", "picture 0")
		p.chooses("Compare with", "now")
		p.seesIn("dialog table.diff", "another")
	}},
	{"history", func(w *windowed, p *tab) {
		w.view(p, 0, "history")
		p.seesIn("main", "letter.txt")
		p.until("sees", "svg.chart, .chart svg, main svg", []string{})
	}},
	{"conflicts", func(w *windowed, p *tab) { w.view(p, 0, "conflicts"); p.seesIn("main", "two of bert", "two of anna") }},
	{"folder-settings", func(w *windowed, p *tab) {
		w.view(p, 0, "settings")
		p.seesIn("main", "Settings of this folder", "What these rules")
	}},
	{"map", func(_ *windowed, p *tab) { p.pressIn("nav", "Map"); p.seesIn("main", "bert") }},
	{"profiles", func(_ *windowed, p *tab) { p.pressIn("nav", "Profiles"); p.seesIn("main", "work") }},
	{"settings", func(_ *windowed, p *tab) { p.pressIn("nav", "Settings"); p.seesIn("main", "Settings of the node") }},
	{"share", func(_ *windowed, p *tab) {
		p.pressIn("nav", "Folders")
		p.press("Share a folder")
		p.seesIn("dialog", "sync ID")
	}},
	{"join", func(_ *windowed, p *tab) {
		p.pressIn("nav", "Folders")
		p.press("Join a folder")
		p.seesIn("dialog", "Invitation")
	}},
	{"invite", func(w *windowed, p *tab) {
		w.view(p, 0, "")
		p.press("Invite a device")
		p.seesIn("dialog", "qsync join -")
	}},
	{"held", func(w *windowed, p *tab) { w.stopped(p, 0, "album") }},
	{"brake", func(w *windowed, p *tab) {
		p.size(360, 900, "light")
		w.view(p, 0, "brake")
		p.seesIn("main", "album/00.txt")
		p.until("inside", ".tabs [aria-current]", ".tabs")
	}},
}

// In every view axe-core finds nothing that is serious, on narrow dark pages and on
// wide light ones, and in long runs on all; nothing is wider than the window, and
// nothing moves for those who want less motion.
func TestPageForEveryone(t *testing.T) {
	t.Parallel()
	source := axe(t)
	w := busyPair(t)
	p := w.nodes[0].page()
	for _, s := range steps {
		s.goes(w, p)
		time.Sleep(100 * time.Millisecond) // what comes in softly is there
		p.calm(func() {
			if moving := ask[string](p, call("moving")); moving != "" {
				t.Errorf("%s: who wants less motion sees moving: %s", s.name, moving)
			}
		})
		for _, theme := range []string{"light", "dark"} {
			for _, width := range []int{360, 800, 1600} {
				if screenshots == "" && !long && (width == 800 || (width == 360) != (theme == "dark")) {
					continue
				}
				p.size(width, 900, theme)
				p.picture(fmt.Sprintf("%s-%d-%s", s.name, width, theme))
				for _, row := range []string{".tabs", ".top nav"} {
					p.until("inside", row+" [aria-current]", row)
				}
				if wide := ask[int](p, "document.documentElement.scrollWidth - innerWidth"); wide > 0 {
					t.Errorf("%s at %d: it is %d pixels wider than the window", s.name, width, wide)
				}
				if width == 800 {
					continue
				}
				ask[bool](p, source+"\n; true")
				for _, found := range ask[[]string](p, `axe.run(document, {resultTypes: ['violations']}).then(r => r.violations.filter(v => ['serious', 'critical'].includes(v.impact))
					.map(v => v.id + ': ' + v.help + ': ' + v.nodes.slice(0, 4).map(n => n.target.join(' ') + ' ' + n.html.slice(0, 160) + ' ' + (n.any[0] || n.all[0] || n.none[0] || {}).message).join('; ')))`) {
					t.Errorf("%s at %d, %s: %s", s.name, width, theme, found)
				}
			}
		}
		p.size(1280, 900, "auto")
		if ask[bool](p, "Boolean(document.querySelector('dialog[open]'))") {
			p.do(chromedp.KeyEvent(kb.Escape))
			p.until("none", "dialog[open]")
		}
	}
}

// tabs presses Tab until what has the focus has that name, and shows that it has it.
func (p *tab) tabs(name string) {
	p.t.Helper()
	var seen []string
	for range 80 {
		p.do(chromedp.KeyEvent(kb.Tab))
		at := ask[string](p, call("active"))
		if at == name {
			if !ask[bool](p, "(s => s.outlineStyle !== 'none' || s.boxShadow !== 'none')(getComputedStyle(document.activeElement))") {
				p.t.Errorf("nobody sees that %s has the focus", name)
			}
			return
		}
		seen = append(seen, at)
	}
	p.t.Fatalf("Tab does not come to %q but to %s", name, strings.Join(seen, " | "))
}

// hits presses a key.
func (p *tab) hits(key string) { p.t.Helper(); p.do(chromedp.KeyEvent(key)) }

// All that matters is done with the keyboard alone.
func TestPageByKeyboard(t *testing.T) {
	t.Parallel()
	w := newWindowed(t, "")
	write(t, w.in(0, "note.txt"), "note")
	w.settled()
	must(t, os.Remove(w.in(1, "note.txt")))
	w.settled()
	p := w.nodes[0].page()
	p.seesIn("article", "In sync")
	p.pressIn("nav", "Settings")
	p.seesIn("main", "Settings of the node")
	p.do(reload)
	p.seesIn("main", "Settings of the node")
	p.tabs("Skip to the content")
	p.hits(kb.Enter)
	p.tabs("Log out here")
	p.pressIn("nav", "Folders")
	p.seesIn("article", "In sync")
	p.tabs("Share a folder")
	p.hits(kb.Enter)
	p.seesIn("dialog", "sync ID")
	if at := ask[string](p, call("active")); at != "Directory on this machine" {
		t.Errorf("in the dialog the focus is on %q", at)
	}
	p.hits(kb.Escape)
	p.until("none", "dialog[open]")
	if at := ask[string](p, call("active")); at != "Share a folder" {
		t.Errorf("after the dialog the focus is on %q", at)
	}
	p.tabs("Pause")
	p.hits(" ")
	p.seesIn("article", "Paused")
	if at := ask[string](p, call("active")); at != "Resume" {
		t.Errorf("after pausing the focus is on %q", at)
	}
	p.hits(kb.Enter)
	p.seesIn("article", "In sync")
	p.tabs("Versions")
	p.hits(kb.Enter)
	p.seesIn("main", "note.txt")
	p.tabs("Choose note.txt")
	p.hits(" ")
	p.tabs("Restore 1 chosen")
	p.hits(kb.Enter)
	p.seesIn("dialog", "Restore 1 entry?")
	p.tabs("Restore")
	p.hits(kb.Enter)
	holds(t, w.in(1, "note.txt"), "note")
	w.view(p, 0, "settings")
	p.seesIn("main", "Settings of this folder")
	p.tabs("Leave out")
	p.do(insert("*.raw"))
	p.tabs("Save")
	p.hits(kb.Enter)
	p.sees("Saved")
	if at := ask[string](p, call("active")); at != "Save" {
		t.Errorf("after saving the focus is on %q", at)
	}
}
