package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Several entries are chosen, by their names, and come back at once: removed files, one
// that was changed, and a whole directory. What was not chosen stays as it is.
func TestPageRestoreMany(t *testing.T) {
	t.Parallel()
	w := newWindowed(t, "")
	was := map[string]string{"a.txt": "first a\n", "b.txt": "first b\n", "c.txt": "first c\n", "trip/day1.txt": "sun\n", "trip/deep/day2.txt": "rain\n"}
	for path, text := range was {
		write(t, w.in(1, path), text)
	}
	write(t, w.in(1, "d.txt"), "first d\n")
	w.settled()
	for _, path := range []string{"a.txt", "d.txt", "trip"} {
		must(t, os.RemoveAll(w.in(1, path)))
	}
	must(t, os.Remove(w.in(1, "b.txt")))
	write(t, w.in(1, "c.txt"), "second c\n")
	w.settled()
	gone(t, w.in(0, "trip"))

	p := w.nodes[0].page()
	p.seesIn("article", "photos")
	p.pressIn("article", "Versions")
	p.seesIn("table.tree", "a.txt", "b.txt", "c.txt", "d.txt", "trip")
	for _, name := range []string{"a.txt", "b.txt", "c.txt", "d.txt", "trip"} {
		p.pressIn("table.tree", "Choose "+name)
	}
	p.seesIn(".save-bar", "Restore 5 chosen")
	p.pressIn("table.tree", "Choose d.txt")
	p.seesIn(".save-bar", "Restore 4 chosen")
	p.picture("restore-many")
	p.press("Restore 4 chosen")
	p.seesIn("dialog", "Restore 7 entries?", "6 come back", "1 replaced", "a.txt", "b.txt", "c.txt", "trip/day1.txt", "trip/deep/day2.txt")
	p.pressIn("dialog", "Restore")
	p.sees("7 entries restored.")
	p.misses("chosen")
	for i := range w.nodes {
		for path, text := range was {
			holds(t, w.in(i, path), text)
		}
		gone(t, w.in(i, "d.txt"))
	}
	w.settled()
	if all, err := filepath.Glob(w.in(1, "*.conflict-*")); err != nil || len(all) > 0 {
		t.Errorf("conflicts: %v, %v", all, err)
	}
}

// Where no versions are kept, nothing on the page promises that something goes to them:
// what is missing comes back, what is there is not replaced, and of what peers removed it
// is said that it goes for good.
func TestPageWithoutVersions(t *testing.T) {
	t.Parallel()
	w := newWindowed(t, "    max_delete: 20\n")
	for i := range 60 {
		write(t, w.in(1, fmt.Sprintf("album/%02d.jpg", i)), fmt.Sprint("picture ", i))
	}
	write(t, w.in(1, "gone.txt"), "first\n")
	write(t, w.in(1, "there.txt"), "first\n")
	w.settled()
	must(t, os.Remove(w.in(1, "gone.txt")))
	write(t, w.in(1, "there.txt"), "second\n")
	w.settled()
	p := w.nodes[0].page()
	p.pressIn("article", "Settings")
	p.types("Versions kept", "0")
	p.press("Save")
	p.sees("Saved; it holds from now on")
	w.settled()

	p.pressIn("nav.tabs", "Versions")
	p.pressIn("table.tree", "there.txt")
	p.seesIn("dialog pre.text", "first")
	p.pressIn("dialog", "Restore this one")
	p.seesIn(".notes", "1 could not be: what is there now would be lost, for no versions are kept here")
	p.pressIn("table.tree", "Choose there.txt")
	p.pressIn("table.tree", "Choose gone.txt")
	p.press("Restore 2 chosen")
	p.seesIn("dialog", "Restore 1 entry?", "1 comes back · 1 cannot", "what is there now would be lost", "an edit like any other")
	p.misses("goes to the versions")
	p.picture("restore-without-versions")
	p.pressIn("dialog", "Restore")
	p.seesIn(".notes", "1 entry restored. 1 could not be")
	for i := range w.nodes {
		holds(t, w.in(i, "gone.txt"), "first\n")
		holds(t, w.in(i, "there.txt"), "second\n")
	}
	w.settled()
	p.do(reload) // without the notes of before

	removed := func() {
		t.Helper()
		w.stopped(p, 1, "album")
		p.pressIn("article", "Look and decide")
		p.seesIn(".ways", "they get it back", "Exactly this is done here, once. No versions are kept here: what goes is gone for good.")
		p.misses("kept among the versions")
	}
	removed()
	p.picture("brake-without-versions")
	p.pressIn(".ways", "Bring them back")
	p.seesIn("main", "In sync")
	for i := range 60 {
		for n := range w.nodes {
			holds(t, w.in(n, fmt.Sprintf("album/%02d.jpg", i)), fmt.Sprint("picture ", i))
		}
	}
	w.settled()
	removed()
	p.pressIn(".ways", "Let it pass")
	p.seesIn("main", "In sync")
	gone(t, w.in(0, "album"))
	w.settled()
	p.pressIn("nav.tabs", "Versions")
	p.seesIn("table.tree", "there.txt")
	p.misses("album")

	w.runs[1].end(sigterm, 143)
	for i := range w.nodes {
		write(t, w.in(i, "there.txt"), fmt.Sprintf("of %d\n", i))
	}
	w.again(1)
	w.settled()
	w.view(p, 0, "conflicts") // whose tab may have a number by now
	p.seesIn(".conflict", "No versions are kept here: what goes would be gone for good", "Keep both")
	p.misses("goes to the versions")
	p.misses("Keep this")
	p.pressIn(".conflict", "Keep both")
	p.seesIn("main", "No conflicts")
}
