package integration

import (
	"fmt"
	"image/color"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func quoted(s string) string { return strconv.Quote(s) }

// One node shares a folder on its page, the other joins it on its own with the
// words. While a large file comes over a slow line the card says how much of it is
// there, how fast and for how long, and afterwards what was done in all.
func TestPageShareAndJoin(t *testing.T) {
	t.Parallel()
	a, b := newMachine(t, "anna"), newMachine(t, "bert")
	at := [2]string{address(t), address(t)}
	line := newRelay(t, at[0], at[1])
	var runs [2]*process
	var args [2][]string
	for i, m := range []*machine{a, b} {
		args[i] = []string{"--no-discovery", "--name", m.name, "--listen", at[i]}
		runs[i] = m.serves("folders: []\ntransport: quic\nweb:\n  listen: "+address(t)+"\n", args[i]...)
	}
	d := dirs(t, "photos", "x")
	copied := filepath.Join(d[1], "copy")
	write(t, filepath.Join(d[0], "first.txt"), "first")
	write(t, filepath.Join(d[0], "old", "deep", "gone.txt"), "gone")

	pa := a.page()
	pa.sees("No folder yet")
	pa.press("Share a folder")
	pa.types("Directory on this machine", "photos")
	pa.press("Share")
	pa.seesIn("dialog .problem", "absolute")
	pa.types("Directory on this machine", d[0])
	pa.press("Share")
	pa.seesIn("dialog", "qsync join -")
	pa.until("sees", "dialog svg.qr", []string{})
	pa.pressIn("dialog .secret-box", "Show")
	pa.until("sees", "dialog .secret", []string{})
	words := ask[string](pa, "document.querySelector('dialog .secret').innerText.trim()")
	if n := len(strings.Fields(words)); n != 24 {
		t.Fatalf("%d words: %s", n, words)
	}
	pa.picture("share")
	pa.press("Done")
	pa.seesIn("article", "photos", "No peer yet")

	pb := b.page()
	pb.press("Join a folder")
	pb.types("Invitation", "zeb")
	pb.press("zebra")
	pb.seesIn("dialog", "1 word of 24")
	pb.types("Invitation", words)
	pb.seesIn("dialog", "All 24 words")
	pb.types("Directory on this machine", copied)
	pb.press("More")
	pb.types("Addresses of peers", line.seen(1))
	pb.press("Join")
	pb.seesIn("article", "copy", "In sync")
	holds(t, filepath.Join(copied, "first.txt"), "first")
	pa.seesIn("article", "In sync")

	// What is shown while it moves: the bar never goes back.
	ask[bool](pb, `window.seen = [], new MutationObserver(() => {
		const bar = document.querySelector('article .progress'), track = bar?.firstChild;
		if (!track?.checkVisibility()) return;
		const [left, right] = [...bar.querySelectorAll('p > span')].map(x => x.textContent.replace(/\s/g, ' '));
		const now = {At: Number(track.getAttribute('aria-valuenow')), Left: left, Right: right};
		if (JSON.stringify(now) !== JSON.stringify(seen.at(-1))) seen.push(now);
	}).observe(document.body, {subtree: true, childList: true, attributes: true, characterData: true}), true`)
	line.rate.Store(256 << 10)
	const size = 12 << 20
	large(t, filepath.Join(d[0], "large"), size)
	pb.seesIn("article .progress", "iB of 12 MiB", "%", "iB/s in", "left")
	pb.seesIn("article", "large") // what is on its way
	pa.seesIn("article .progress", "iB/s out")
	pa.seesIn("article .peers", "bert", "1 change queued,", "MiB")
	for _, width := range []int{360, 1600} {
		for who, p := range map[string]*tab{"receives": pb, "sends": pa} {
			p.size(width, 900, "light")
			p.picture(fmt.Sprintf("%s-%d", who, width))
		}
	}
	line.rate.Store(256 << 10) // it takes as long as somebody looks at the map
	onTheMap(pa, "bert", "QUIC · ", "iB/s out", "waits for 1 (")
	onTheMap(pb, "anna", "QUIC · ", "iB/s in", "bert", "waits for 1 (")
	pa.seesIn("main tbody", "bert", "QUIC", "iB/s out", "1 change queued,", "photos")
	pb.seesIn("main tbody", "anna", "QUIC", "iB/s in", "1 entry,", "copy")
	if ask[bool](pb, "document.querySelector('main').textContent.includes('in sync')") {
		t.Errorf("what waits is said to be in sync:\n%s", pb.shown())
	}
	if !ask[bool](pb, "getComputedStyle(document.querySelector('.map .edge-busy')).animationName === 'flow'") {
		t.Error("what moves does not look like it")
	}
	pb.calm(func() {
		if moving := ask[string](pb, call("moving")); moving != "" {
			t.Errorf("who wants less motion sees moving: %s", moving)
		}
	})
	for _, width := range []int{360, 1600} {
		for who, p := range map[string]*tab{"receives": pb, "sends": pa} {
			p.size(width, 900, "light")
			p.picture(fmt.Sprintf("map-%s-%d", who, width))
		}
	}
	for _, p := range []*tab{pa, pb} {
		p.pressIn("nav", "Folders")
		p.seesIn("article .progress", "iB")
	}
	line.rate.Store(32 << 10)
	late := b.page() // who comes late sees the same
	late.awayIsFine()
	late.seesIn("article .progress", "iB of 12 MiB", "%")
	if at := ask[int](late, "Number(document.querySelector('article .bar').getAttribute('aria-valuenow'))"); at == 0 {
		t.Errorf("a window that is opened late begins with\n%s", late.shown())
	}
	line.rate.Store(0)
	eventually(t, func() error {
		fi, err := os.Stat(filepath.Join(copied, "large"))
		if err == nil && fi.Size() != size {
			err = fmt.Errorf("%d bytes", fi.Size())
		}
		return err
	})
	pb.seesIn("article", "In sync", "3 files, 2 directories, 12 MiB")
	type progress struct {
		At          int
		Left, Right string
	}
	shown := ask[[]progress](pb, "seen")
	if !slices.IsSortedFunc(shown, func(a, b progress) int { return a.At - b.At }) ||
		!slices.ContainsFunc(shown, func(p progress) bool { return p.At > 0 && p.At < 100 && strings.Contains(p.Right, "left") }) {
		t.Errorf("the bar showed %v", shown)
	}
	for _, p := range shown {
		if !strings.HasSuffix(p.Left, fmt.Sprintf("of 12 MiB (%d%%)", p.At)) {
			t.Errorf("the bar says %q at %d", p.Left, p.At)
		}
	}

	// What this run did, and when it is over the last one, is on the card.
	write(t, filepath.Join(d[0], "first.txt"), "first, edited")
	must(t, os.RemoveAll(filepath.Join(d[0], "old")))
	holds(t, filepath.Join(copied, "first.txt"), "first, edited")
	gone(t, filepath.Join(copied, "old"))
	const did = "added 3 files, 2 directories · modified 1 file · deleted 1 file, 2 directories · 12 MiB placed"
	pb.seesIn("article", "This run, begun", did)
	pb.awayIsFine()
	runs[1].end(sigterm, 143)
	b.start(append([]string{"serve", "--json"}, args[1]...)...).ready()
	pb.seesIn("article", "Last run", did)
	write(t, filepath.Join(d[0], "second.txt"), "second")
	pb.seesIn("article", "This run, begun", "added 1 file · 6 bytes placed", "Last run", did)
	for _, width := range []int{360, 1600} {
		pb.size(width, 900, "dark")
		pb.picture(fmt.Sprintf("runs-%d", width))
	}
	pb.size(1280, 900, "auto")

	// What each of them changed is listed, from the folder's state and its history.
	pb.pressIn("article h2", "copy")
	pb.seesIn("dl.facts", "Last run", did, "This run", "added 1 file")
	pb.pressIn("dl.facts", "What the last run changed")
	pb.seesIn("main", "Only from", "large", "old/deep/gone.txt", "first.txt")
	if text := ask[string](pb, "document.querySelector('table.log').innerText"); strings.Contains(text, "second.txt") {
		t.Errorf("of this run is in the log of the last:\n%s", text)
	}
	pb.picture("last-log")
	pb.pressIn("main", "What this run changed so far")
	pb.until("count", "table.log tbody tr:not(.day-row)", 1)
	pb.seesIn("table.log", "second.txt")
}

// onTheMap goes there, and waits until all of these stand in the picture.
func onTheMap(p *tab, texts ...string) {
	p.t.Helper()
	p.pressIn("nav", "Map")
	p.seesIn(".map svg", texts...)
}

// large makes a file that holds no part twice.
func large(t *testing.T, path string, size int) {
	t.Helper()
	b := make([]byte, size)
	x := uint64(size)
	for i := 0; i+8 <= len(b); i += 8 {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		for j := range 8 {
			b[i+j] = byte(x >> (8 * j))
		}
	}
	must(t, os.WriteFile(path+".part~", b, 0o644))
	must(t, os.Rename(path+".part~", path))
}

// Two sides change a file without each other: the page shows both, and keeps what
// a person says.
func TestPageConflict(t *testing.T) {
	t.Parallel()
	w := newWindowed(t, "")
	for i := range 3 {
		write(t, w.in(0, fmt.Sprintf("note%d.txt", i)), "one\ntwo\nthree\n")
	}
	w.settled()
	w.runs[1].end(sigterm, 143)
	for i := range 3 {
		write(t, w.in(0, fmt.Sprintf("note%d.txt", i)), "one\ntwo of anna\nthree\n")
		write(t, w.in(1, fmt.Sprintf("note%d.txt", i)), "one\ntwo of bert, longer\nthree\n")
	}
	write(t, w.in(0, "sunset.png"), painted(t, 300, 200, color.RGBA{200, 40, 40, 255}))
	write(t, w.in(1, "sunset.png"), painted(t, 320, 240, color.RGBA{40, 40, 200, 255}))
	w.again(1)
	w.settled()
	p := w.nodes[0].page()
	p.seesIn("article", "4 conflicts")
	p.seesIn(".needs", "4 conflicts")
	p.pressIn("article", "4 conflicts")
	p.seesIn("details[open]", "note0.txt", "two of anna", "two of bert, longer", "anna", "bert")
	p.picture("conflicts")

	// One that is resolved elsewhere goes from the list, and what is open stays open.
	ask[bool](p, "window.reads = document.querySelector('details[open]'), true")
	found, err := filepath.Glob(w.in(0, "note1.conflict-*"))
	must(t, err)
	w.nodes[0].must(0, "conflicts", "resolve", found[0], "--keep", "this")
	p.until("sees", ".tab-count", []string{"3"})
	p.misses("note1.txt")
	if !ask[bool](p, "window.reads.isConnected && window.reads.open") {
		t.Error("what somebody reads is drawn anew")
	}

	now, other := sidesOf(t, w, 0)
	p.pressIn("details[open]", "Keep the other")
	holds(t, w.in(0, "note0.txt"), other)
	p.seesIn("details[open]", "note2.txt")
	holds(t, w.in(1, "note0.txt"), other)
	if now == other {
		t.Error("both sides are one")
	}
	now = read(t, w.in(0, "note1.txt"))
	p.pressIn("details[open]", "Keep both")

	// Pictures are side by side where there is room for two, else one below the other.
	p.seesIn("details[open]", "sunset.png", "anna", "bert")
	for _, width := range []int{360, 1600} {
		for _, seen := range p.seesPictures("details[open]", width, "200 40 40", "40 40 200") {
			if seen.Width == 300 != (seen.Colour == "200 40 40") || seen.Alt != "This" && seen.Alt != "The other" {
				t.Errorf("%+v", seen)
			}
		}
		p.picture(fmt.Sprintf("conflict-pictures-%d", width))
	}
	p.pressIn("details[open]", "Keep this")
	p.seesIn("main", "No conflicts")
	w.settled()
	holds(t, w.in(1, "sunset.png"), read(t, w.in(0, "sunset.png")))
	holds(t, w.in(1, "note1.txt"), now)
	for i, want := range []int{1, 1, 2} {
		found, err := filepath.Glob(w.in(1, fmt.Sprintf("note%d*", i)))
		must(t, err)
		if len(found) != want {
			t.Errorf("of note %d there is %v, want %d", i, found, want)
		}
	}
}

// sidesOf are what is under the plain name and under the conflict's.
func sidesOf(t *testing.T, w *windowed, i int) (now, other string) {
	t.Helper()
	b, err := os.ReadFile(w.in(0, fmt.Sprintf("note%d.txt", i)))
	must(t, err)
	found, err := filepath.Glob(w.in(0, fmt.Sprintf("note%d.conflict-*", i)))
	must(t, err)
	if len(found) != 1 {
		t.Fatalf("conflicts of note %d: %v", i, found)
	}
	c, err := os.ReadFile(found[0])
	must(t, err)
	return string(b), string(c)
}

// What is deleted is got back, a file and a directory as it was.
func TestPageRestore(t *testing.T) {
	t.Parallel()
	w := newWindowed(t, "")
	write(t, w.in(1, "plain.txt"), "plain\n")
	write(t, w.in(1, "trip/day1.txt"), "first day\nsun\n")
	write(t, w.in(1, "trip/deep/day2.txt"), "second day\n")
	write(t, w.in(1, "beach.png"), painted(t, 2400, 1600, color.RGBA{240, 200, 80, 255}))
	w.settled()
	write(t, w.in(1, "trip/day1.txt"), "first day\nrain\n")
	write(t, w.in(1, "beach.png"), painted(t, 60, 40, color.RGBA{20, 120, 60, 255}))
	w.settled()
	write(t, w.in(1, "beach.png"), painted(t, 60, 40, color.White)[:8]+"and no picture")
	w.settled()
	must(t, os.Remove(w.in(1, "plain.txt")))
	w.settled()
	time.Sleep(1100 * time.Millisecond) // the page asks for a time by the second
	before := time.Now()
	must(t, os.RemoveAll(w.in(1, "trip")))
	w.settled()
	gone(t, w.in(0, "trip"))

	p := w.nodes[0].page()
	p.seesIn("article", "photos")
	p.pressIn("article", "Versions")
	p.seesIn("table.tree", "plain.txt", "deleted", "trip")
	p.pressIn("table.tree", "plain.txt")
	p.seesIn("dialog pre.text", "plain")
	p.pressIn("dialog", "Restore this one")
	p.seesIn("dialog", "1 comes back")
	p.pressIn("dialog", "Restore")
	holds(t, w.in(0, "plain.txt"), "plain\n")
	p.sees("1 entry restored.")

	// A picture as it was, two of them, and one that was damaged.
	p.pressIn("table.tree", "beach.png")
	for _, width := range []int{360, 1600} {
		p.chooses("Look at", "v2")
		p.chooses("Compare with", "")
		if seen := p.seesPictures("dialog", width, "240 200 80")[0]; seen.Width != 2400 || seen.Height != 1600 {
			t.Errorf("it is %+v", seen)
		}
		p.picture(fmt.Sprintf("version-picture-%d", width))
		p.chooses("Compare with", "v1")
		p.seesPictures("dialog", width, "240 200 80", "20 120 60")
		p.picture(fmt.Sprintf("version-pictures-%d", width))
	}
	p.chooses("Look at", "now")
	p.chooses("Compare with", "")
	p.seesIn("dialog", "A picture that cannot be shown")
	p.seesPictures("dialog", 1280)
	p.pressIn("dialog", "Close")

	// The directory as it was, at a time that is in the address.
	ask[bool](p, "location.hash = '#/folder/' + encodeURIComponent("+quoted(w.dirs[0])+") + '/versions?at="+before.UTC().Format(time.RFC3339)+"', true")
	p.seesIn("main", "As it was on")
	p.pressIn("table.tree", "trip")
	p.seesIn("table.tree", "day1.txt", "deep")
	p.pressIn("table.tree", "day1.txt")
	p.seesIn("dialog", "rain")
	p.chooses("Compare with", "v2")
	p.seesIn("dialog table.diff", "sun", "rain")
	p.picture("versions")
	p.pressIn("dialog", "Close")
	p.press("Restore this directory")
	p.seesIn("dialog", "come back")
	p.pressIn("dialog", "Restore")
	holds(t, w.in(0, "trip/day1.txt"), "first day\nrain\n")
	holds(t, w.in(0, "trip/deep/day2.txt"), "second day\n")
	holds(t, w.in(1, "trip/deep/day2.txt"), "second day\n")
	p.pressIn("nav.tabs", "History")
	p.seesIn("main", "restored", "trip/deep/day2.txt")
	filtersHistory(w, p)
}

// The version that a person looks at is the one that comes back, though newer ones
// have shifted the numbers while the dialog was open.
func TestPageVersionSeen(t *testing.T) {
	t.Parallel()
	w := newWindowed(t, "")
	for _, text := range []string{"first\n", "second\n"} {
		write(t, w.in(1, "letter.txt"), text)
		holds(t, w.in(0, "letter.txt"), text)
		w.settled()
	}
	p := w.nodes[0].page()
	p.seesIn("article", "photos")
	p.pressIn("article", "Versions")
	p.pressIn("table.tree", "letter.txt")
	p.seesIn("dialog pre.text", "first")
	write(t, w.in(1, "letter.txt"), "third\n")
	holds(t, w.in(0, "letter.txt"), "third\n")
	w.settled()
	p.chooses("Look at", "now")
	p.seesIn("dialog pre.text", "third")
	p.chooses("Look at", "v1")
	p.seesIn("dialog pre.text", "first")
	p.pressIn("dialog", "Restore this one")
	p.seesIn("dialog", "1 replaced", "The version that was replaced on")
	p.misses("Version 1") // which is another one by now
	p.pressIn("dialog", "Restore")
	holds(t, w.in(0, "letter.txt"), "first\n")
	holds(t, w.in(1, "letter.txt"), "first\n")
}
