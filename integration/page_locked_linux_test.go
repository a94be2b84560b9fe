package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/security"
	"github.com/chromedp/chromedp"
)

// Two directories of this machine that are kept alike have no page unless somebody asks for
// it, by 'qsync open' or by a flag.
func TestPageIsAskedFor(t *testing.T) {
	t.Parallel()
	m, d := newMachine(t, "anna"), dirs(t, "photos", "copy")
	write(t, filepath.Join(d[0], "one.txt"), "1")
	pair := []string{d[0], d[1], "-b", "--json", "--no-discovery", "--listen", "127.0.0.1:0"}
	run := m.start(pair...)
	holds(t, filepath.Join(d[1], "one.txt"), "1")
	if out := m.must(0, "status", "--json").out; strings.Contains(out, `"web"`) || !strings.Contains(out, d[0]) {
		t.Errorf("nobody asked for a page, and there is %s", out)
	}
	p := m.page()
	p.awayIsFine()
	p.seesIn("article", "photos", d[0], "two-way")
	p.seesIn(".grid", d[1])
	if out := m.must(0, "status", "--json").out; !strings.Contains(out, `"web":"http://127.0.0.1:`) {
		t.Errorf("the page is on, and status says %s", out)
	}
	p.goes("about:blank")
	run.end(sigterm, 143)

	at := address(t)
	run = m.start(append(pair, "--web="+at)...)
	run.says("page: http://" + at + "/")
	m.lets(p)
	if now := ask[string](p, "location.host"); now != at {
		t.Errorf("the page is at %s", now)
	}
	p.seesIn("article", "photos", d[0])
	p.pressIn("article", "Pause") // it is the command line's alone
	p.seesIn(".notes", "keeps "+d[0]+" in sync", "which is not paused but ended")
	p.seesIn("article", "In sync")
	p.goes("about:blank")
	run.end(sigterm, 143)
}

// Over TLS a password lets in whoever has no ticket. A wrong one does not, and may be
// followed by the right one.
func TestPagePassword(t *testing.T) {
	t.Parallel()
	m, d := newMachine(t, "nas"), dirs(t, "photos")
	at, cert, key := address(t), filepath.Join(m.home, "web.crt"), filepath.Join(m.home, "web.key")
	must(t, os.MkdirAll(m.home, 0o700))
	selfSigned(t, cert, key)
	config := filepath.Join(m.home, "config.yaml")
	write(t, config, "folders:\n  - path: "+d[0]+"\nweb:\n  listen: "+at+"\n  cert: "+cert+"\n  key: "+key+"\n")
	must(t, os.Chmod(config, 0o600))
	if r := m.feed("correct horse battery\n", "config", "password"); r.code != 0 {
		t.Fatalf("the password: %d %s", r.code, r.err)
	}
	m.serves(read(t, config), "--no-discovery", "--listen", "127.0.0.1:0")
	p := newTab(t)
	p.allow("401")
	_, err := chromedp.Call(p.ctx, security.SetIgnoreCertificateErrors, security.SetIgnoreCertificateErrorsParams{Ignore: true}) // a person would accept it
	must(t, err)
	p.goes("https://" + at + "/")
	p.seesIn("main", "Not let in yet", "Password")
	p.types("Password", "wrong horse battery")
	p.press("Enter")
	p.seesIn("main .problem", "password")
	p.picture("password")
	if n := ask[int](p, "document.querySelectorAll('article').length"); n != 0 {
		t.Error("who has a wrong password sees folders")
	}
	p.types("Password", "correct horse battery")
	p.press("Enter")
	p.seesIn("article", "photos", d[0])
	if seen := ask[string](p, "document.cookie + JSON.stringify({...localStorage})"); strings.Contains(seen, "battery") || strings.Contains(seen, "__Host-") {
		t.Errorf("scripts of the page can read %s", seen)
	}
	p.do(reload)
	p.seesIn("article", "photos")
}
