package integration

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// A node that is there and does not tell a page what happens is not said to be away:
// the page says what is wrong, and goes on by itself when it is over.
func TestPageRefused(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "anna")
	d := dirs(t, "photos")
	m.serves("folders:\n  - path: "+d[0]+"\nweb:\n  listen: "+address(t)+"\n", "--no-discovery", "--listen", "127.0.0.1:0")
	p := m.page()
	p.seesIn("article", "photos")
	node := ask[string](p, "location.origin")

	// A window that begins to read anew finds another answer to that.
	answers := func(status int, headers, text string) {
		t.Helper()
		ask[bool](p, fmt.Sprintf(`(() => {
			window.asked ||= window.fetch;
			window.fetch = (path, how) => path === '/api/v1/events' ? Promise.resolve(new Response(%q, {status: %d, headers: %s})) : window.asked(path, how);
			dispatchEvent(new Event('pagehide'));
			dispatchEvent(new Event('pageshow'));
			return true;
		})()`, text, status, headers))
	}
	const ours = `{'X-Qsync-Page': document.querySelector('script[type=module]').src.split('/').at(-2)}`
	answers(403, ours, "the request comes from another page\n")
	p.seesIn(".banners", "does not take this page for its own", "qsync open", "the request comes from another page", "What you see is from")
	answers(421, ours, "this name is not this node's")
	p.seesIn(".banners", "does not take this page for its own", "this name is not this node's")
	answers(500, ours, "the disk is on fire")
	p.seesIn(".banners", "does not tell this page what happens", "the disk is on fire")
	p.misses("The node went away")
	answers(503, "{}", "<h1>Bad gateway</h1>") // of a proxy, behind which the node is away
	p.seesIn(".banners", "The node went away")
	p.misses("Bad gateway")
	ask[bool](p, "window.fetch = window.asked, true")
	p.until("count", ".banners > :not([hidden])", 0)

	// Very many read along.
	p.goes("about:blank")
	var all []io.Closer
	end := func() {
		for _, x := range all {
			x.Close()
		}
		all = nil
	}
	defer end()
	secret := strings.TrimSpace(read(t, filepath.Join(m.home, "web.token")))
	eventually(t, func() error { // the page that has just gone may be counted for a moment
		for len(all) < 32 {
			r, err := http.NewRequest("GET", node+"/api/v1/events", nil)
			must(t, err)
			r.Header.Set("Authorization", "Bearer "+secret)
			a, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				return err
			}
			if a.StatusCode != 200 {
				a.Body.Close()
				return fmt.Errorf("%d streams, and then %s", len(all), a.Status)
			}
			all = append(all, a.Body)
		}
		return nil
	})
	p.allow("503")
	p.goes(node)
	p.seesIn("article", "photos")
	p.seesIn(".banners", "Too many pages of this node are open", "Close others")
	p.picture("refused")
	p.misses("went away")
	end()
	p.until("count", ".banners > :not([hidden])", 0)
	write(t, filepath.Join(d[0], "one.txt"), "1")
	p.seesIn("article", "1 file")

	// A session that ends elsewhere.
	p.allow("401|net::ERR_INCOMPLETE")
	ask[bool](p, "fetch('/sessions', {method: 'DELETE', headers: {'X-Qsync-Token': localStorage.getItem('qsync-token')}}).then(r => r.ok)")
	p.seesIn("main", "Not let in yet", "The session is over", "qsync open")
}

// Where a window reads on for another one, it asks for what that one may have told
// already: no window shows anything twice, and what is new is shown.
func TestPageTellsOnce(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "anna")
	d := dirs(t, "photos")
	m.serves("folders:\n  - path: "+d[0]+"\nweb:\n  listen: 127.0.0.1:0\n", "--no-discovery", "--listen", "127.0.0.1:0")
	p := m.page()
	p.seesIn("article", "photos")
	ask[bool](p, `(() => {
		const other = new BroadcastChannel('qsync-stream');
		const tell = (n, ...paths) => other.postMessage({kind: 'happened', id: 'life-' + n, data: paths.map(path => ({event: 'problem', time: '2026-11-20T12:00:00Z', folder: `+quoted(d[0])+`, path, text: ''}))});
		tell(8, 'eight', 'beside');
		tell(9, 'nine');
		tell(8, 'eight', 'beside'); // of the window that takes over
		tell(9, 'nine');
		tell(10, 'ten');
		return true;
	})()`)
	p.seesIn(".events", "ten")
	if got := ask[string](p, `[...document.querySelectorAll('.events .path')].map(x => x.innerText).sort().join(' ')`); got != "beside eight nine ten" {
		t.Errorf("shown are %s", got)
	}
}
