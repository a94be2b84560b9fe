package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
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
	p.seesIn("dialog", "1 comes back", `caf\xe9.txt`)
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

// What files hold is shown, and nothing of it runs: a page and a drawing with scripts are
// their text, and what is neither text nor a picture is not shown. Of two sides of
// such a one that conflict their size, time and peer are told.
func TestPageFilesThatAreNoText(t *testing.T) {
	t.Parallel()
	w := newWindowed(t, "")
	const script = "<script>parent.opener.top.ran()</script>"
	write(t, w.in(0, "page.html"), "<!doctype html><body onload=ran()>"+script)
	write(t, w.in(0, "drawing.svg"), `<svg xmlns="http://www.w3.org/2000/svg" onload="ran()">`+script+`</svg>`)
	write(t, w.in(0, "data.bin"), "one\x00\x01\xff")
	w.settled()
	w.runs[1].end(sigterm, 143)
	write(t, w.in(0, "data.bin"), "of anna\x00\x01\xff")
	write(t, w.in(1, "data.bin"), "of bert, longer\x00\x01\xff")
	w.again(1)
	w.settled()

	p := newTab(t)
	w.nodes[0].lets(p)
	ask[bool](p, "window.ran = () => { window.hasRun = true }, true")
	p.seesIn("article", "1 conflict")
	w.view(p, 0, "versions")
	for name, text := range map[string]string{"page.html": "<body onload=ran()>" + script, "drawing.svg": `onload="ran()">` + script} {
		p.pressIn("table.tree", name)
		p.seesIn("dialog pre.text", text)
		p.pressIn("dialog", "Close")
	}
	p.pressIn("table.tree", "data.bin")
	p.seesIn("dialog", "This is neither text nor a picture that can be shown")
	p.pressIn("dialog", "Close")
	if ask[bool](p, "Boolean(window.hasRun) || document.querySelectorAll('main iframe, main object, main embed, dialog iframe').length > 0") {
		t.Error("a file runs in the page")
	}

	w.view(p, 0, "conflicts")
	p.seesIn("details[open]", "data.bin", "anna", "bert", "10 bytes", "18 bytes", "This is neither text nor a picture that can be shown")
	for i, who := range []string{"anna", "bert"} {
		facts := ask[[]string](p, "[...document.querySelectorAll('details[open] .side')].map(s => s.innerText)")
		of := slices.IndexFunc(facts, func(s string) bool { return strings.Contains(s, who) })
		if len(facts) != 2 || of < 0 || !strings.Contains(facts[of], []string{"10 bytes", "18 bytes"}[i]) || !strings.Contains(facts[of], "ago") && !strings.Contains(facts[of], "now") {
			t.Errorf("of %s is told %q", who, facts)
		}
	}
	// Nothing is chosen for the person.
	if chosen := ask[int](p, "document.querySelectorAll('details[open] .ways :is(:checked, [aria-pressed=true], [aria-checked=true], .main)').length"); chosen != 0 {
		t.Error("one of the ways is chosen already")
	}
	p.picture("conflict-of-bytes")
}
