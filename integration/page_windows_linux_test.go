package integration

import (
	"fmt"
	"path/filepath"
	"testing"
)

// A person opens more windows than a browser has connections to one host: each of
// them tells what happens and does what is asked, also when the one that reads the
// stream for all is closed, and when the node goes away. After an upgrade each of
// them says that it is of another version, and is new when it is loaded again.
func TestPageManyWindows(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "anna")
	d := dirs(t, "photos")
	args := []string{"--no-discovery", "--listen", "127.0.0.1:0"}
	run := m.serves("folders:\n  - path: "+d[0]+"\nweb:\n  listen: "+address(t)+"\n", args...)
	first := m.page()
	url := ask[string](first, "location.href")
	windows := []*tab{first}
	for range 6 {
		w := first.another()
		w.goes(url)
		w.seesIn("article", "photos", "No peer")
		windows = append(windows, w)
	}
	windows[6].pressIn("article", "Pause")
	for _, w := range windows {
		w.seesIn("article", "Paused")
	}
	if n := ask[int](windows[3], "navigator.locks.query().then(l => l.held.length)"); n != 1 {
		t.Errorf("%d windows read the stream", n)
	}
	reads := ask[string](windows[3], "navigator.locks.query().then(l => l.held[0].clientId)")
	first.goes("about:blank") // it was the first, so it read
	windows = windows[1:]
	eventually(t, func() error {
		if id := ask[string](windows[3], "navigator.locks.query().then(l => l.held[0]?.clientId || '')"); id == "" || id == reads {
			return fmt.Errorf("%q reads the stream", id)
		}
		return nil
	})
	windows[0].pressIn("article", "Resume")
	for i, w := range windows {
		w.seesIn("article", "No peer", "Pause")
		write(t, filepath.Join(d[0], fmt.Sprint(i)), "x")
	}
	for _, w := range windows {
		w.seesIn("article", "6 files")
		w.awayIsFine()
	}

	// The node becomes another version.
	run.kill()
	for _, w := range windows {
		w.seesIn(".banners", "The node went away")
	}
	newer := filepath.Join(t.TempDir(), "qsync")
	must(t, build(newer, nil, "-ldflags", "-X main.version=7.7.7"))
	m.exe = newer
	m.start(append([]string{"serve", "--json"}, args...)...).ready()
	for _, w := range windows {
		w.seesIn(".banners", "The node is another version now")
		w.misses("The node went away")
	}
	p := windows[2]
	p.allow("404|dynamically imported")
	p.pressIn("nav", "Settings") // a part of the page that was not loaded yet
	p.seesIn("main", "The node is another version now")
	p.pressIn("main", "Load it again")
	p.seesIn("main", "Settings of the node", "7.7.7")
	p.misses("another version")
}
