package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Names that are no UTF-8 are bytes all the way: such a file is looked at, compared,
// brought back and decided about as any other, in a directory of such a name too, and
// is told from one whose name looks the same.
func TestPageNamesThatAreBytes(t *testing.T) {
	t.Parallel()
	w := newWindowed(t, "")
	const file, twin, dir = "caf\xe9.txt", "caf\xe8.txt", "d\xe9p\xf4t"
	write(t, w.in(0, file), "one\ntwo\n")
	write(t, w.in(0, twin), "twin\n")
	write(t, w.in(0, dir+"/d\xe9ep/"+file), "in the deep\n")
	w.settled()
	write(t, w.in(1, file), "one\nthree\n")
	w.settled()
	must(t, os.Remove(w.in(1, file)))
	must(t, os.RemoveAll(w.in(1, dir)))
	w.settled()
	gone(t, w.in(0, dir))

	p := w.nodes[0].page()
	p.seesIn("article", "photos")
	w.view(p, 0, "versions")
	p.seesIn("table.tree", `caf\xe9.txt`, `caf\xe8.txt`, `d\xe9p\xf4t`)
	p.pressIn("table.tree", `caf\xe9.txt`)
	p.seesIn("dialog h2", `caf\xe9.txt`)
	p.seesIn("dialog pre.text", "three")
	p.chooses("Compare with", "v2")
	p.seesIn("dialog table.diff", "two", "three")
	p.pressIn("dialog", "Restore this one")
	p.seesIn("dialog", "1 come back", `caf\xe9.txt`)
	p.pressIn("dialog", "Restore")
	holds(t, w.in(0, file), "one\nthree\n")
	p.until("none", "dialog[open]")
	p.pressIn("table.tree", `d\xe9p\xf4t`)
	p.seesIn("nav.crumbs", `d\xe9p\xf4t`)
	p.pressIn("table.tree", `d\xe9ep`)
	p.seesIn("nav.crumbs", `d\xe9p\xf4t`, `d\xe9ep`)
	p.pressIn("table.tree", `Choose caf\xe9.txt`)
	p.pressIn("main", "Restore 1 chosen")
	p.seesIn("dialog", "Restore 1 entry?", `d\xe9p\xf4t/d\xe9ep/caf\xe9.txt`)
	p.pressIn("dialog", "Restore")
	holds(t, w.in(0, dir+"/d\xe9ep/"+file), "in the deep\n")
	holds(t, w.in(0, twin), "twin\n")
	w.view(p, 0, "history")
	p.seesIn("main", `d\xe9p\xf4t/d\xe9ep/caf\xe9.txt`, "restored")
	w.settled()

	w.runs[1].end(sigterm, 143)
	for i := range 2 {
		write(t, w.in(i, file), fmt.Sprintf("side %d\n", i))
		write(t, w.in(i, twin), fmt.Sprintf("twin %d\n", i))
		time.Sleep(10 * time.Millisecond)
	}
	w.again(1)
	w.settled()
	w.view(p, 0, "conflicts")
	p.seesIn("main", `caf\xe9.txt`, `caf\xe8.txt`)
	p.seesIn("details[open]", "twin 0", "twin 1")
	for _, name := range []string{twin, file} { // in the order of their bytes
		p.pressIn("details[open]", "Keep the other")
		eventually(t, func() error {
			if left, err := filepath.Glob(w.in(0, name[:4]+".conflict-*")); err != nil || len(left) > 0 {
				return fmt.Errorf("%q, %v", left, err)
			}
			return nil
		})
	}
	p.seesIn("main", "No conflicts")
	w.settled()
	for _, name := range []string{file, twin} {
		b, err := os.ReadFile(w.in(0, name))
		must(t, err)
		holds(t, w.in(1, name), string(b))
	}
}
