package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Who would close the page by its own settings is asked before, and told where it is
// afterwards.
func TestPageIsMoved(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "anna")
	d := dirs(t, "photos")
	at, next := address(t), address(t)
	m.serves("folders:\n  - path: "+d[0]+"\nweb:\n  listen: "+at+"\n", "--no-discovery", "--listen", "127.0.0.1:0")
	file := filepath.Join(m.home, "config.yaml")
	p := m.page()
	p.awayIsFine()
	set := func(p *tab, value string) {
		t.Helper()
		p.pressIn("nav", "Settings")
		p.seesIn("main", "Settings of the node")
		p.types("This page, at", value)
		p.press("Save")
	}
	set(p, "off")
	p.seesIn("dialog", "Switch this page off?", "listen: off", "config.yaml", "qsync open", "Sync goes on")
	p.picture("page-off")
	p.pressIn("dialog", "Cancel")
	p.until("none", "dialog[open]")
	p.seesIn("main", "1 change not saved")
	if now := read(t, file); !strings.Contains(now, at) {
		t.Errorf("config.yaml is\n%s", now)
	}
	p.types("This page, at", next[strings.LastIndex(next, ":")+1:]) // of this machine
	p.press("Save")
	p.seesIn("dialog", "Move this page?", "http://"+next)
	p.pressIn("dialog", "Cancel")
	p.until("none", "dialog[open]")
	for typed, at := range map[string]string{
		"7600": "127.0.0.1 7600", "192.168.0.10": "192.168.0.10 7555", "nas.lan:7600": "nas.lan 7600", ":7600": "* 7600", "127.0.0.1:0": "127.0.0.1 0",
		"::1": "[::1] 7555", "[::1]": "[::1] 7555", "[::1]:7600": "[::1] 7600",
	} {
		if got := ask[string](p, call("module", "settings.js")+".then(m => m.pageAt("+quoted(typed)+").join(' '))"); got != at {
			t.Errorf("%s would be at %s, not %s", typed, got, at)
		}
	}
	p.types("This page, at", next)
	p.press("Save")
	p.seesIn("dialog", "Move this page?", "http://"+next, "qsync open")
	p.pressIn("dialog", "Move it")
	p.seesIn("main", "The page has moved", "http://"+next, "qsync open")
	p.misses("The node went away")
	p.picture("page-moved")

	there := newTab(t)
	there.awayIsFine()
	eventually(t, func() error { // the node begins anew
		r := m.run("open", "--url")
		if !strings.HasPrefix(r.out, "http://"+next+"/") {
			return fmt.Errorf("%d: %s%s", r.code, r.out, r.err)
		}
		there.goes(strings.TrimSpace(r.out))
		return nil
	})
	there.seesIn("article", "photos")
	set(there, "off")
	there.pressIn("dialog", "Switch it off")
	there.seesIn("main", "The page is off", "listen: off", "qsync open")
	eventually(t, func() error {
		if r := m.run("open", "--url"); r.code == 0 || !strings.Contains(r.err, "the page is off") {
			return fmt.Errorf("%d: %s%s", r.code, r.out, r.err)
		}
		return nil
	})
}

// A folder that only sends cannot bring back what vanished from it, nor one that only
// receives give back what its source removed: neither is offered. What can be done is
// said, and the folder looks again when it was.
func TestPageBrakeOneWay(t *testing.T) {
	t.Parallel()
	w := newWindowed(t, "    max_delete: 20\n    mode: send\n")
	for i := range 60 {
		write(t, w.in(0, fmt.Sprintf("album/%02d.jpg", i)), fmt.Sprint("picture ", i))
	}
	w.settled()
	p := w.nodes[0].page()
	p.seesIn("article", "In sync")
	aside := w.stopped(p, 0, "album")
	p.pressIn("article", "Look and decide")
	p.seesIn(".ways", "Put it right elsewhere", "This folder only sends", "copy back from them", "Let it pass")
	p.misses("Bring them back")
	p.picture("brake-one-way")
	p.pressIn(".ways", "Look again") // nothing has changed: it stops again
	p.seesIn("main", "The brake stopped it")
	p.pressIn("main", "Look and decide")
	p.seesIn(".ways", "Put it right elsewhere")
	must(t, os.Rename(aside, w.in(0, "album")))
	p.pressIn(".ways", "Look again")
	p.seesIn("main", "In sync")
	w.settled()
	if n := len(listed(t, w.in(1, "album"))); n != 60 {
		t.Errorf("the other side holds %d files", n)
	}
}

// The history can be asked for what somebody did who is no peer any more, and an
// address may say who. A rule is saved as it was typed, blanks that count included.
func TestPageKeepsWhatWasMeant(t *testing.T) {
	t.Parallel()
	w := newWindowed(t, "")
	write(t, w.in(1, "from-bert.txt"), "1")
	write(t, w.in(0, "from-anna.txt"), "1")
	w.settled()
	p := w.nodes[0].page()
	p.seesIn("article", "In sync")
	ask[bool](p, call("module", "model.js")+".then(m => { for (const f of m.model.folders.values()) f.peers = []; return true; })")
	w.view(p, 0, "history")
	p.seesIn("table.log", "from-bert.txt", "from-anna.txt")
	p.chooses("By whom", "bert")
	p.until("count", "table.log tbody tr:not(.day-row)", 1)
	p.seesIn("table.log", "from-bert.txt")
	w.view(p, 0, "history?peer=carl")
	p.seesIn("main", "No such change is logged")
	if who := ask[string](p, "document.querySelector('.filters select').value"); who != "carl" {
		t.Errorf("it is asked for changes by %q", who)
	}

	rules := "end\\ \n front\nplain"
	w.view(p, 0, "settings")
	p.seesIn("main", "Settings of this folder")
	p.types("Leave out", rules)
	p.press("Save")
	p.sees("Saved; it holds from now on")
	if now := read(t, filepath.Join(w.nodes[0].home, "config.yaml")); !strings.Contains(now, `'end\ '`) || !strings.Contains(now, `' front'`) {
		t.Errorf("config.yaml is\n%s", now)
	}
	p.do(reload)
	p.seesIn("main", "Settings of this folder")
	if now := ask[string](p, "[...document.querySelectorAll('label')].find(l => l.innerText === 'Leave out').control.value"); now != rules {
		t.Errorf("the rules are shown as %q", now)
	}
}
