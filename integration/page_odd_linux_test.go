package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A folder with very many entries, as many rows of history, and a text that no page
// can bear: all of it is shown a part at a time, soon, and costs the node no memory.
func TestPageVeryMuch(t *testing.T) {
	m := newMachine(t, "anna")
	d := dirs(t, "photos")
	entries := 8_000
	if long {
		entries = 300_000
	}
	for i := range entries {
		write(t, fmt.Sprintf("%s/all/%06d", d[0], i), "x")
	}
	const huge = 2 << 30
	write(t, filepath.Join(d[0], "huge.txt"), strings.Repeat("all work and no play\n", 1<<16))
	must(t, os.Truncate(filepath.Join(d[0], "huge.txt"), huge)) // the rest is a hole
	run := m.serves("folders:\n  - path: "+d[0]+"\nweb:\n  listen: 127.0.0.1:0\n", "--no-discovery", "--listen", "127.0.0.1:0")
	m.must(0, "wait", "--peers", "0", "--timeout", (4 * patience).String())
	began := time.Now()
	p := m.page()
	p.seesIn("article", "photos")
	pid := run.cmd.Process.Pid
	before := peakOf(t, pid)

	// soon waits for what pressing something shows, and says how long it took.
	soon := func(what string, do func()) {
		t.Helper()
		since := time.Now()
		do()
		took := time.Since(since)
		t.Logf("%s: %v", what, took.Round(time.Millisecond))
		if overdue(began, took, 2*time.Second) {
			t.Errorf("%s takes %v", what, took)
		}
	}
	view := func(part string) {
		ask[bool](p, "location.hash = '#/folder/' + encodeURIComponent("+quoted(d[0])+") + "+quoted("/"+part)+", true")
	}
	rows := func() int { return ask[int](p, "document.querySelectorAll('main table tbody tr').length") }

	view("versions")
	p.seesIn("table.tree", "huge.txt")
	soon("the large directory", func() { p.pressIn("table.tree", "all"); p.seesIn("table.tree", "000000", "000299") })
	soon("its second page", func() { p.pressIn("main", "On"); p.seesIn("table.tree", "000300") })
	if n := rows(); n != 300 {
		t.Errorf("%d rows of the directory", n)
	}

	view("history")
	soon("the history", func() { p.seesIn("table.log", "huge.txt") })
	for _, page := range []string{"second", "third"} {
		first := ask[string](p, "document.querySelector('table.log .wide-cell').innerText")
		soon("its "+page+" page", func() {
			p.pressIn("main", "Older")
			eventually(t, func() error {
				if now := ask[string](p, "document.querySelector('table.log .wide-cell')?.innerText"); now == first {
					return fmt.Errorf("still %s", now)
				}
				return nil
			})
		})
	}
	if n := rows(); n < 200 || n > 210 {
		t.Errorf("%d rows of the history", n)
	}
	p.types("Path or pattern", "/all/000007")
	soon("one row of all", func() { p.pressIn("main", "Filter"); p.until("count", "table.log tbody tr:not(.day-row)", 1) })

	view("versions")
	p.pressIn("table.tree", "huge.txt")
	soon("a text of 2 GB", func() { p.seesIn("dialog", "64 KiB of 2 GiB shown", "all work and no play") })
	p.picture("huge")
	for _, shown := range []string{"320 KiB", "576 KiB", "832 KiB", "1.1 MiB", "1.3 MiB", "1.6 MiB", "1.8 MiB", "2.1 MiB"} {
		soon("its next part", func() { p.pressIn("dialog", "Show more"); p.seesIn("dialog", shown+" of 2 GiB shown") })
	}
	p.misses("Show more")
	if n := ask[int](p, "document.querySelector('dialog pre.text').textContent.length"); n < 1<<20 || n > 3<<20 {
		t.Errorf("%d characters of it are shown", n)
	}
	if more := peakOf(t, pid) - before; more > 64<<10 {
		t.Errorf("looking at all this takes %d MiB of the node", more>>10)
	}
}

var peak = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// peakOf is the most memory that a process has had so far, in KiB.
func peakOf(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	must(t, err)
	n, err := strconv.Atoi(string(peak.FindSubmatch(b)[1]))
	must(t, err)
	return n
}

// The disk is full while settings are saved: they are as they were, the page says
// what to do, and the same button does it when there is room.
func TestPageFullDisk(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "anna")
	top := mounted(t, "size=24m")
	m.home = filepath.Join(top, "home")
	d := dirs(t, "photos")
	m.serves("# by hand\nfolders:\n  - path: "+d[0]+"\nweb:\n  listen: 127.0.0.1:0\n", "--no-discovery", "--listen", "127.0.0.1:0")
	m.must(0, "wait", "--peers", "0")
	p := m.page()
	p.pressIn("article", "Settings")
	p.seesIn("main", "Settings of this folder", "What these rules")
	config := filepath.Join(m.home, "config.yaml")
	before := read(t, config)
	ballast, err := os.Create(filepath.Join(top, "ballast"))
	must(t, err)
	for _, err = ballast.Write(make([]byte, 1<<20)); err == nil; _, err = ballast.Write(make([]byte, 4<<10)) {
	}
	p.types("Brake", "40%")
	p.press("Save")
	p.seesIn(".notes", "no space left on device", "config.yaml", "make room")
	p.seesIn("main", "1 change not saved")
	if now := read(t, config); now != before {
		t.Errorf("config.yaml is\n%s", now)
	}
	must(t, ballast.Truncate(0))
	p.press("Save")
	p.sees("Saved; it holds from now on")
	if now := read(t, config); !strings.Contains(now, "# by hand\n") || !strings.Contains(now, "max_delete: 40%") {
		t.Errorf("config.yaml is\n%s", now)
	}
	left, err := filepath.Glob(filepath.Join(m.home, "*config.yaml?*"))
	must(t, err)
	if len(left) > 0 {
		t.Errorf("left lying about: %q", left)
	}
}
