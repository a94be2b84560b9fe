package integration

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// What is done to all folders at once, and to one of them for good.
func TestPageAllFolders(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "anna")
	d := dirs(t, "photos", "letters")
	config := "web:\n  listen: 127.0.0.1:0\nfolders:\n"
	for _, dir := range d {
		config += "  - path: " + dir + "\n    every: '0 0 29 feb *'\n" // nothing is looked at by itself
	}
	m.serves(config, "--no-discovery", "--listen", "127.0.0.1:0")
	m.must(0, "wait", "--peers", "0")
	file := filepath.Join(m.home, "config.yaml")
	p := m.page()
	p.until("count", "article", 2)
	for i, dir := range d {
		for n := range i + 1 {
			write(t, filepath.Join(dir, fmt.Sprint(n)), "x")
		}
	}
	p.press("Sync all now")
	p.seesIn(".grid", "1 file", "2 files")

	p.press("Pause all")
	p.until("count", ".state-paused", 2)
	if n := strings.Count(read(t, file), "paused: true"); n != 2 {
		t.Errorf("%d folders are paused in config.yaml", n)
	}
	p.press("Resume all")
	p.until("count", ".state-paused", 0)
	p.seesIn("main", "Pause all")

	ask[bool](p, "location.hash = '#/folder/' + encodeURIComponent("+quoted(d[1])+"), true")
	p.seesIn("h1", "letters")
	p.press("Forget")
	p.seesIn("dialog", "Forget letters?", "No file of it is touched")
	p.pressIn("dialog", "Cancel")
	p.until("none", "dialog[open]")
	if !strings.Contains(read(t, file), d[1]+"\n") {
		t.Error("it is forgotten unasked")
	}
	p.press("Forget")
	p.pressIn("dialog", "Forget")
	p.until("count", "article", 1)
	p.seesIn("article", "photos")
	if now := read(t, file); strings.Contains(now, d[1]) || !strings.Contains(now, d[0]) {
		t.Errorf("config.yaml is\n%s", now)
	}
	if out := m.must(0, "folders").out; strings.Contains(out, d[1]) {
		t.Errorf("the home knows it still:\n%s", out)
	}
	for n := range 2 {
		holds(t, filepath.Join(d[1], fmt.Sprint(n)), "x")
	}
}

// What is pressed stays under the pointer until it is let go: what is told meanwhile is
// drawn then. Else the click would be on nothing, for it is one only where it ends on what
// it began on.
func TestPagePressed(t *testing.T) {
	t.Parallel()
	w := newWindowed(t, "")
	p := w.nodes[0].page()
	p.seesIn("article", "In sync")
	press := func(where, name string) (up func()) {
		x, y := p.aims(where, name)
		left := func(e *input.DispatchMouseEventParams) { e.Button, e.ClickCount = input.MouseButtonLeft, 1 }
		p.do(chromedp.MouseEvent(chromedp.MousePressed, x, y, left))
		return func() { t.Helper(); p.do(chromedp.MouseEvent(chromedp.MouseReleased, x, y, left)) }
	}
	// A pipe cannot be synced: of that the card has a mark, and the page a box above it.
	told := func(n int) {
		must(t, syscall.Mkfifo(w.in(0, fmt.Sprint("pipe", n)), 0o644))
		eventually(t, func() error {
			if is := ask[int](p, "qsyncEyes.module('model.js').then(m => [...m.model.folders.values()][0].problems.length)"); is != n {
				return fmt.Errorf("%d problems are told", is)
			}
			return nil
		})
		time.Sleep(300 * time.Millisecond) // it would be drawn
	}
	up := press("article", "Settings")
	told(1)
	up()
	p.seesIn("main", "Settings of this folder")
	p.pressIn("nav", "Folders")
	p.seesIn(".needs", "1 entry cannot be synced")

	up = press("article", "Pause")
	told(2)
	p.misses("2 entries cannot be synced")
	up()
	p.seesIn(".needs", "2 entries cannot be synced")
	p.seesIn("article", "Paused", "Resume")
	p.pressIn("article", "Resume")
	p.seesIn("article", "Pause")

	press("article", "Pause") // and is never let go, as far as the page hears
	told(3)
	p.seesIn(".needs", "3 entries cannot be synced")
}

// Another mode and other bounds of the versions hold as soon as they are saved.
func TestPageModeAndVersions(t *testing.T) {
	t.Parallel()
	w := newWindowed(t, "")
	write(t, w.in(1, "shared.txt"), "first")
	w.settled()
	p := w.nodes[0].page()
	p.pressIn("article", "Settings")
	p.seesIn("main", "Settings of this folder")
	p.chooses("Mode", "receive")
	p.types("Versions kept", "2")
	p.types("How long versions are kept", "8w")
	p.types("Space for versions", "2GB")
	p.press("Save")
	p.sees("Saved; it holds from now on") // before that the page would ask whether to leave
	file := filepath.Join(w.nodes[0].home, "config.yaml")
	eventually(t, func() error {
		now := read(t, file)
		for _, want := range []string{"mode: receive\n", "versions: 2\n", "versions_age: 8w\n", "versions_space: 2GB\n", "# the best ones\n"} {
			if !strings.Contains(now, want) {
				return fmt.Errorf("config.yaml lacks %q:\n%s", want, now)
			}
		}
		return nil
	})
	w.settled()
	write(t, w.in(0, "own.txt"), "own")
	w.view(p, 0, "")
	p.seesIn("main", "Take back own changes")
	for _, text := range []string{"second", "third", "fourth"} { // two of those before are kept
		write(t, w.in(1, "shared.txt"), text)
		holds(t, w.in(0, "shared.txt"), text)
		w.settled()
	}
	gone(t, w.in(1, "own.txt"))
	eventually(t, func() error {
		var kept []string
		all, err := filepath.Glob(w.in(0, ".qsync/versions/*"))
		must(t, err)
		for _, path := range all {
			b, err := os.ReadFile(path)
			if err == nil && strings.Contains(filepath.Base(path), "shared") {
				kept = append(kept, string(b))
			}
		}
		if len(kept) != 2 || strings.Contains(strings.Join(kept, " "), "first") {
			return fmt.Errorf("kept are %v of %v", kept, all)
		}
		return nil
	})
}

// A picture of the code can be pasted where the invitation goes.
func TestPagePastedCode(t *testing.T) {
	t.Parallel()
	a, b := newMachine(t, "anna"), newMachine(t, "bert")
	at := address(t)
	d := dirs(t, "photos", "x")
	write(t, filepath.Join(d[0], "of.txt"), "photos")
	a.serves("folders:\n  - path: "+d[0]+"\n", "--no-discovery", "--listen", at)
	b.serves("folders: []\nweb:\n  listen: 127.0.0.1:0\n", "--no-discovery", "--listen", "127.0.0.1:0")
	code := filepath.Join(t.TempDir(), "code.png")
	a.must(0, "id", "qr", d[0], "--qr-file", code)
	p := b.page()
	p.press("Join a folder")
	p.seesIn("dialog", "Invitation")
	ask[bool](p, fmt.Sprintf(`(() => {
		const all = new DataTransfer(), field = document.querySelector('dialog textarea');
		all.items.add(new File([Uint8Array.from(atob(%q), c => c.charCodeAt(0))], 'image.png', {type: 'image/png'}));
		return !field.dispatchEvent(new ClipboardEvent('paste', {clipboardData: all, bubbles: true, cancelable: true}));
	})()`, base64.StdEncoding.EncodeToString([]byte(read(t, code)))))
	p.seesIn("dialog", "An ID or a link")
	if value := ask[string](p, "document.querySelector('dialog textarea').value"); !strings.HasPrefix(value, "qsync:join?id=") {
		t.Errorf("the invitation is %.20s", value)
	}
	p.types("Directory on this machine", filepath.Join(d[1], "copy"))
	p.press("More")
	p.types("Addresses of peers", at)
	p.pressIn("dialog", "Join")
	p.seesIn("article", "copy")
	holds(t, filepath.Join(d[1], "copy", "of.txt"), "photos")
}

// What peers removed is stopped here, and given back to them or let pass.
func TestPageBrakeIncoming(t *testing.T) {
	t.Parallel()
	w := newWindowed(t, "    max_delete: 20\n")
	for i := range 60 {
		write(t, w.in(0, fmt.Sprintf("album/%02d.jpg", i)), fmt.Sprint("picture ", i))
	}
	write(t, w.in(0, "stays.txt"), "stays")
	w.settled()
	p := w.nodes[0].page()
	p.seesIn("article", "In sync")
	stopped := func() {
		t.Helper()
		w.stopped(p, 1, "album")
		p.pressIn("article", "Look and decide")
		p.seesIn("main", "Peers removed or replaced", "None of it was done here", "album/00.jpg", "they get it back", "Exactly this is done here, once")
		if n := len(listed(t, w.in(0, "album"))); n != 60 {
			t.Errorf("%d files are left here", n)
		}
	}
	stopped()
	p.picture("brake-incoming")
	p.pressIn(".ways", "Bring them back")
	p.seesIn("main", "In sync")
	eventually(t, func() error {
		if n := len(listed(t, w.in(1, "album"))); n != 60 {
			return fmt.Errorf("%d files are back", n)
		}
		return nil
	})
	w.settled()
	stopped()
	p.pressIn(".ways", "Let it pass")
	p.seesIn("main", "In sync")
	gone(t, w.in(0, "album"))
	holds(t, w.in(0, "stays.txt"), "stays")
	w.settled()
}

// A folder of which nothing is left stops however little it was.
func TestPageBrakeEmptied(t *testing.T) {
	t.Parallel()
	w := newWindowed(t, "")
	for i := range 5 {
		write(t, w.in(0, fmt.Sprintf("album/%02d.jpg", i)), fmt.Sprint("picture ", i))
	}
	write(t, w.in(0, "last.txt"), "of two things in it")
	w.settled()
	p := w.nodes[0].page()
	p.seesIn("article", "In sync")
	p.pressIn("article", "Pause") // so that one look finds all of it gone
	p.seesIn("article", "Paused")
	must(t, os.RemoveAll(w.in(0, "album")))
	must(t, os.Remove(w.in(0, "last.txt")))
	p.pressIn("article", "Resume")
	p.pressIn("article", "Look and decide")
	p.seesIn("main", "The folder is empty", "album/04.jpg", "All of it comes back from the peers", "All of it is removed on the peers")
	p.picture("brake-emptied")
	if n := len(listed(t, w.in(1, "album"))); n != 5 {
		t.Errorf("the other side holds %d files", n)
	}
	p.pressIn(".ways", "Bring them back")
	p.seesIn("main", "In sync")
	holds(t, w.in(0, "last.txt"), "of two things in it")
	for i := range 5 {
		holds(t, w.in(0, fmt.Sprintf("album/%02d.jpg", i)), fmt.Sprint("picture ", i))
	}
	w.settled()
}
