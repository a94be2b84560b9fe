package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The brake: the page says what would have gone, and a click brings it back, or
// lets it go.
func TestPageBrake(t *testing.T) {
	t.Parallel()
	w := newWindowed(t, "    max_delete: 20\n    profile: work\n")
	for i := range 60 {
		write(t, w.in(0, fmt.Sprintf("album/%02d.jpg", i)), fmt.Sprint("picture ", i))
	}
	w.settled()
	p := w.nodes[0].page()
	p.seesIn("article", "In sync")
	stopped := func(rest string) {
		t.Helper()
		w.stopped(p, 0, "album")
		p.seesIn("article", "entries would go", "None of that has been done", "work")
		p.seesIn("article .peers", "bert", "away")
		p.seesIn(".needs", "the brake stopped")
		p.pressIn("article", "Look and decide")
		p.seesIn("main", "album/00.jpg", "album/59.jpg", rest)
		// Sixty files, of "picture 0" and so on, and their directory.
		p.seesIn("dl.facts", "Entries", "61 / 61", "Size", "590 bytes")
	}
	stopped("Bring them back")
	p.picture("brake")
	if n := len(listed(t, w.in(1, "album"))); n != 60 {
		t.Errorf("the other side holds %d files", n)
	}
	p.pressIn(".ways", "Bring them back")
	p.seesIn("main", "In sync")
	eventually(t, func() error {
		if n := len(listed(t, w.in(0, "album"))); n != 60 {
			return fmt.Errorf("%d files are back", n)
		}
		return nil
	})
	w.settled()
	stopped("Let it pass")
	p.pressIn(".ways", "Let it pass")
	p.seesIn("main", "In sync")
	gone(t, w.in(1, "album"))
	w.settled()
}

// listed are the names in a directory, none if it is not there.
func listed(t *testing.T, dir string) []os.DirEntry {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return all
}

// Pausing, resuming, other rules with a look at what they do, and the other node's
// end on the card. What a person wrote beside the settings stays.
func TestPageSettings(t *testing.T) {
	t.Parallel()
	w := newWindowed(t, "")
	write(t, w.in(0, "keep.txt"), "keep")
	for i := range 3 {
		write(t, w.in(0, fmt.Sprintf("raw/%d.raw", i)), "raw")
	}
	w.settled()
	p := w.nodes[0].page()
	p.pressIn("article", "Pause")
	p.seesIn("article", "Paused", "Resume")
	second := p.another() // another tab of the same person needs no ticket, and sees the same
	second.goes(ask[string](p, "location.href"))
	second.seesIn("article", "Paused")
	write(t, w.in(0, "later.txt"), "later")
	second.pressIn("article", "Resume")
	p.seesIn("article", "In sync", "Pause")
	holds(t, w.in(1, "later.txt"), "later")

	p.pressIn("article", "Settings")
	p.seesIn("main", "What these rules would leave out", "Nothing that is synced now.")
	p.types("Leave out", "*.raw\nnothing-such")
	p.seesIn("main", "3 entries that are synced now", "raw/2.raw", "1 change not saved")
	p.types("Brake", "many")
	p.press("Save")
	p.until("sees", "#main [aria-invalid=true]", []string{})
	p.types("Brake", "40%")
	p.press("Save")
	p.sees("Saved; it holds from now on")
	config := read(t, filepath.Join(w.nodes[0].home, "config.yaml"))
	for _, want := range []string{"# by hand\n", "# the best ones\n", "max_delete: 40%", "*.raw", "nothing-such"} {
		if !strings.Contains(config, want) {
			t.Errorf("config.yaml lacks %q:\n%s", want, config)
		}
	}
	p.types("Name", "half typed")
	p.pressIn("nav", "Map")
	p.seesIn("dialog", "Leave without saving?")
	p.pressIn("dialog", "Cancel")
	p.seesIn("main", "1 change not saved")
	p.pressIn("main", "Discard")
	p.pressIn("nav", "Map")
	p.seesIn("main", "bert")

	p.pressIn("nav", "Folders")
	p.seesIn("article", "bert", "in sync")
	w.runs[1].kill()
	p.seesIn("article", "bert", "away")
	write(t, w.in(0, "waits.txt"), "waits")
	p.seesIn("article", "1 change queued")
	onTheMap(p, "bert", "away, seen", "waits for 1 (5 bytes)")
	p.pressIn("nav", "Folders")
	w.again(1)
	p.seesIn("article", "In sync")
	p.seesIn("article .peers", "bert", "in sync")
	holds(t, w.in(1, "waits.txt"), "waits")
	worksByTheClock(w, p)
}

// worksByTheClock gives the folder a schedule on its page, and has it synced without
// waiting for that.
func worksByTheClock(w *windowed, p *tab) {
	w.Helper()
	t, config := w.TB.(*testing.T), filepath.Join(w.nodes[0].home, "config.yaml")
	p.pressIn("article", "Settings")
	p.seesIn("main", "Settings of this folder", "What these rules would leave out")
	before := read(t, config)
	for wrong, why := range map[string]string{"0 25 * * *": "the hour must be *, or of 0 to 23", "tomorrow": "give live, a time such as 10s", "0 3 * *": "has five fields", "0 0 30 2 *": "none of these months has such a day"} {
		p.types("Schedule", wrong)
		p.press("Save")
		p.seesIn(".notes", "Nothing was saved")
		p.seesIn(".field:has([aria-invalid=true])", "Schedule", why)
	}
	p.picture("schedule-refused")
	if now := read(t, config); now != before {
		t.Errorf("config.yaml is\n%s", now)
	}
	p.types("Schedule", "0 0 29 feb *")
	p.types("Versions kept", "1e") // which is no number, and not taken for none
	p.press("Save")
	p.seesIn(".field:has([aria-invalid=true])", "Versions kept", "give a whole number")
	if now := read(t, config); now != before {
		t.Errorf("config.yaml is\n%s", now)
	}
	p.types("Versions kept", "7")
	p.press("Save")
	p.sees("Saved; it holds from now on")
	p.until("none", "[aria-invalid]")
	now := read(t, config)
	for _, want := range []string{"# by hand\n", "  # the best ones\n", "    every: '0 0 29 feb *'\n", "    versions: 7\n", "max_delete: 40%"} {
		if !strings.Contains(now, want) {
			t.Errorf("config.yaml lacks %q:\n%s", want, now)
		}
	}
	w.settled() // the looks of the beginning are over

	p.pressIn("nav", "Folders")
	p.seesIn("article", "In sync", "Next run: Feb 29, ", "12:00")
	write(t, w.in(0, "by-the-clock.txt"), "not watched")
	time.Sleep(500 * time.Millisecond)
	gone(t, w.in(1, "by-the-clock.txt"))
	for _, width := range []int{360, 1600} {
		p.size(width, 900, "light")
		p.picture(fmt.Sprintf("schedule-%d", width))
	}
	p.size(1280, 900, "auto")
	p.pressIn("article", "Sync now")
	p.sees("The disk is looked at afresh")
	holds(t, w.in(1, "by-the-clock.txt"), "not watched")
	p.seesIn("article", "In sync")
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	return string(b)
}

// The node of the page goes away and comes back; so does the page, by itself.
func TestPageOwnNodeGoes(t *testing.T) {
	t.Parallel()
	w := newWindowed(t, "")
	p := w.nodes[0].page()
	p.seesIn("article", "In sync")
	p.awayIsFine()
	w.runs[0].kill()
	p.seesIn(".banners", "The node went away")
	eventually(t, func() error { // who does not see it hears it
		if said, err := tryAsk[string](p, "document.querySelector('[aria-live=polite]#live').textContent"); err != nil || !strings.Contains(said, "The node does not answer") {
			return fmt.Errorf("said is %q (%v)", said, err)
		}
		return nil
	})
	p.pressIn("article", "Pause")
	p.seesIn(".notes", "The node does not answer")
	write(t, w.in(0, "meanwhile.txt"), "meanwhile")
	w.again(0)
	p.seesIn("article", "In sync", "1 file")
	p.misses("The node went away")
	write(t, w.in(1, "after.txt"), "after")
	p.seesIn("article", "2 files")
}

// Who has no ticket is told how to be let in; a ticket lets in once. The page
// speaks French to those who do.
func TestPageDoor(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "anna")
	d := dirs(t, "photos")
	m.serves("folders:\n  - path: "+d[0]+"\nweb:\n  listen: 127.0.0.1:0\n", "--no-discovery", "--listen", "127.0.0.1:0")
	url := strings.TrimSpace(m.must(0, "open", "--url").out)
	plain, _, _ := strings.Cut(url, "#")
	p := newTab(t)
	p.goes(plain)
	p.sees("Not let in yet", "qsync open")
	p.picture("door")
	p.goes(url)
	p.seesIn("article", "photos")
	if at := ask[string](p, "location.href"); strings.Contains(at, "ticket") {
		t.Errorf("the ticket stays in the address: %s", at)
	}
	other := newTab(t)
	other.allow("401")
	other.goes(url)
	other.sees("Not let in yet", "qsync open")
	if n := ask[int](other, "document.querySelectorAll('article').length"); n != 0 {
		t.Error("who is not let in sees folders")
	}

	p.press("Français")
	p.sees("Dossiers", "Partager un dossier", "Aucun pair encore")
	p.do(reload)
	p.seesIn("article", "Historique", "Réglages")
	p.size(360, 900, "light") // its words are longer
	for _, part := range []string{"Carte", "Profils", "Réglages", "Dossiers"} {
		p.pressIn("nav", part)
		p.seesIn("h1", part)
		p.picture("fr-" + part)
		if wide := ask[int](p, "document.documentElement.scrollWidth - innerWidth"); wide > 0 {
			t.Errorf("%s is %d pixels wider than the window", part, wide)
		}
	}
	p.size(1280, 900, "auto")
	if lang := ask[string](p, "document.documentElement.lang"); lang != "fr" {
		t.Errorf("the page says that it is %q", lang)
	}
	p.pressIn("article", "Réglages")
	p.seesIn("main", "Réglages de ce dossier")
	p.press("English")
	p.seesIn("main", "Settings of this folder")
	// Who logs out is out here; who logs out everywhere is out there, too, at once.
	third := p.another()
	third.goes(plain)
	third.seesIn("article", "photos")
	elsewhere := m.page()
	for _, x := range []*tab{p, third, elsewhere} {
		x.allow("401|net::ERR_INCOMPLETE") // the stream of who is out is cut off
	}
	p.pressIn("nav", "Settings")
	p.press("Log out here")
	p.sees("Not let in yet")
	third.sees("Not let in yet")
	elsewhere.pressIn("nav", "Settings")
	elsewhere.seesIn("main", "Settings of the node")
	m.lets(p)
	elsewhere.press("Log out everywhere")
	elsewhere.seesIn("dialog", "Log out everywhere?", "Scripts")
	elsewhere.picture("log-out")
	elsewhere.pressIn("dialog", "Log out everywhere")
	elsewhere.sees("Not let in yet")
	p.sees("Not let in yet")
	m.lets(p)
}

// Names that are markup, or turn and hide text, are shown as text. Nothing of them
// runs, wherever they are shown.
func TestPageHostileNames(t *testing.T) {
	t.Parallel()
	const label = `<img src=x onerror=ran()>`
	w := newWindowed(t, "    label: '"+label+"'\n")
	evil := []string{
		`<script>ran()<` + "\u2215" + `script>`, `"><svg onload=ran()>`, `<b>bold`, "line\nbreak\ttab", "esc\x1b[31mred", "gnp\u202eexe.txt",
		"zero\u200bwidth", "broken\xff\xfe", `javascript:ran()`, "&lt;amp&gt;", `{{ran()}}`, "' or 1=1", strings.Repeat("W", 200),
	}
	for _, name := range evil {
		write(t, w.in(0, name), "<script>ran()</script><img src=x onerror=ran()>\u202e\x1b[2J\n")
		write(t, w.in(0, filepath.Join("in", name, name)), name)
	}
	w.settled()
	w.runs[1].end(sigterm, 143)
	for i := range 2 { // they are in conflict, too
		for _, name := range evil {
			write(t, w.in(i, name), fmt.Sprintf("<script>ran()</script>%d\n", i))
		}
	}
	w.again(1)
	w.settled()
	must(t, os.RemoveAll(w.in(0, "in")))
	p := newTab(t)
	p.goes("about:blank")
	w.nodes[0].lets(p)
	ask[bool](p, "window.ran = () => { window.hasRun = true }, true")
	p.seesIn("article", label, fmt.Sprint(len(evil), " conflicts"))
	for part, want := range map[string][]string{
		"": {label}, "versions": {"<b>bold", `gnp\u202eexe.txt`, `line\u000abreak\u0009tab`, `esc\u001b[31mred`, `zero\u200bwidth`, `broken\xff\xfe`},
		"history": {"<b>bold", `gnp\u202eexe.txt`}, "conflicts": {"<script>ran()", "<b>bold"}, "settings": {"Settings of this folder"},
	} {
		w.view(p, 0, part)
		p.seesIn("main", want...)
	}
	w.view(p, 0, "versions")
	for _, name := range []string{"<b>bold", `broken\xff\xfe`, `gnp\u202eexe.txt`} {
		p.pressIn("table.tree", name)
		p.seesIn("dialog pre", "<script>ran()</script>")
		p.pressIn("dialog", "Close")
	}
	p.pressIn("nav", "Profiles")
	p.press("New profile")
	p.seesIn("dialog", label)
	p.pressIn("dialog", "Cancel")
	p.pressIn("nav", "Map")
	p.seesIn("main", "bert")
	time.Sleep(200 * time.Millisecond)
	if ask[bool](p, "Boolean(window.hasRun) || document.querySelectorAll('main img[src=x], main svg[onload], main b').length > 0") {
		t.Error("a name is markup")
	}
	if n := ask[int](p, "performance.getEntriesByType('resource').filter(r => !r.name.startsWith(location.origin + '/') && !r.name.startsWith('blob:')).length"); n != 0 {
		t.Errorf("%d requests left the node", n)
	}
}
