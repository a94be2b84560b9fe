package integration

import (
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
