package integration

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// eyes finds things on the page as a person does: by the words on them, if they
// can be seen.
const eyes = `addEventListener('DOMContentLoaded', () => {
  const seen = () => { // the first card is there
    if (!document.querySelector('article')) return;
    look.disconnect();
    performance.mark('usable');
  };
  const look = new MutationObserver(seen);
  look.observe(document, {subtree: true, childList: true});
  seen(); // it was quicker than the end of the document
});
window.qsyncEyes = (() => {
  const plain = s => (s || '').replace(/[\u2066-\u2069\u200e\u200f]/g, '').replace(/\s+/g, ' ').trim();
  const visible = el => el.checkVisibility({visibilityProperty: true, opacityProperty: true}) && el.getClientRects().length > 0;
  const top = () => [...document.querySelectorAll('dialog[open]')].at(-1) || document.body;
  const named = (el, name) => [el.getAttribute('aria-label'), el.innerText, ...[...(el.labels || [])].map(l => l.innerText)].some(w => plain(w) === name);
  const within = where => where ? [...document.querySelectorAll(where)].find(visible) : top();
  const field = label => {
    const root = top();
    for (const l of root.querySelectorAll('label')) if (visible(l) && plain(l.innerText) === label && l.control) return l.control;
    return [...root.querySelectorAll('input, textarea, select')].find(el => plain(el.getAttribute('aria-label')) === label);
  };
  // What place has found is what the next press is for. One that meets something else is
  // kept from the page altogether.
  let aim = null, beside = '';
  for (const what of ['pointerdown', 'mousedown', 'pointerup', 'mouseup', 'click']) addEventListener(what, e => {
    if (aim && what === 'pointerdown') {
      beside = aim === e.target || aim.contains(e.target) ? '' : e.target.outerHTML.slice(0, 200);
      aim = null;
    }
    if (!beside) return;
    e.preventDefault();
    e.stopImmediatePropagation();
  }, true);
  return {
    beside() { const was = beside; beside = ''; return was; },
    sees(where, texts) {
      const root = where === 'body' ? document.body : [...document.querySelectorAll(where)].find(visible);
      if (!root) return 'nothing to be seen is ' + where;
      const shown = plain(root.innerText || root.textContent);
      const missing = texts.filter(t => !shown.includes(plain(t)));
      return missing.length ? 'not to be seen: ' + missing.join(' | ') : '';
    },
    misses(text) { return plain(document.body.innerText).includes(plain(text)) ? 'still to be seen: ' + text : ''; },
    async place(where, name) {
      const root = within(where);
      if (!root) return {problem: 'nothing to be seen is ' + where};
      const all = [...root.querySelectorAll('button, a[href], summary, input[type=checkbox]')].filter(el => named(el, name) && visible(el));
      if (!all.length) return {problem: 'nothing to press says ' + name};
      const el = all[0];
      if (el.disabled || el.getAttribute('aria-disabled') === 'true') return {problem: name + ' is disabled'};
      el.scrollIntoView({block: 'center', behavior: 'instant'});
      const was = JSON.stringify(el.getClientRects()[0]);
      for (let i = 0; i < 3; i++) await new Promise(next => requestAnimationFrame(next));
      const r = el.getClientRects()[0];
      if (!el.isConnected || !r || JSON.stringify(r) !== was) return {problem: name + ' moves'};
      const x = r.x + r.width / 2, y = r.y + r.height / 2;
      const hit = document.elementFromPoint(x, y);
      if (!hit || !(el === hit || el.contains(hit) || hit.contains(el))) return {problem: name + ' is under ' + (hit ? hit.outerHTML.slice(0, 200) : 'nothing')};
      aim = el;
      return {x, y, problem: ''};
    },
    focus(label) {
      const el = field(label);
      if (!el || !visible(el)) return 'no field has the label ' + label;
      el.scrollIntoView({block: 'center', behavior: 'instant'});
      el.focus();
      el.select();
      return document.activeElement === el ? '' : label + ' takes no focus';
    },
    choose(label, value) {
      const el = field(label);
      if (!el || !visible(el)) return 'no list or day has the label ' + label;
      if (el.options && ![...el.options].some(o => o.value === value)) return 'there is no option ' + value;
      el.value = value;
      el.dispatchEvent(new Event('change', {bubbles: true}));
      return '';
    },
    count(where, n) { return document.querySelectorAll(where).length === n ? '' : document.querySelectorAll(where).length + ' of ' + where; },
    inside(one, other) {
      const el = document.querySelector(one), a = el?.getBoundingClientRect(), b = document.querySelector(other)?.getBoundingClientRect();
      return !el || a.left >= Math.max(b.left, 0) - 1 && a.right <= Math.min(b.right, innerWidth) + 1 ? '' : one + ' is out of sight';
    },
    // legible says of a text in a picture that it is shown too small.
    legible(where, least) {
      const el = document.querySelector(where), high = el && el.getScreenCTM().d * parseFloat(getComputedStyle(el).fontSize);
      return high >= least ? '' : where + ' is ' + high + ' pixels high';
    },
    // module is a module of the page itself.
    module(name) { return import(new URL(name, document.querySelector('script[type=module]').src)); },
    // pictures are those that are seen there, with the colour in their middle.
    async pictures(where) {
      const all = [...document.querySelectorAll(where + ' img')].filter(visible);
      await Promise.all(all.map(img => img.decode().catch(() => {})));
      return all.map(img => {
        const c = Object.assign(document.createElement('canvas'), {width: 1, height: 1}).getContext('2d');
        c.drawImage(img, img.naturalWidth / 2, img.naturalHeight / 2, 1, 1, 0, 0, 1, 1);
        const r = img.getBoundingClientRect();
        return {width: img.naturalWidth, height: img.naturalHeight, colour: [...c.getImageData(0, 0, 1, 1).data.slice(0, 3)].join(' '), left: r.left, top: r.top, right: r.right, bottom: r.bottom, alt: img.alt};
      });
    },
    // moving is what moves by itself, or does when it changes.
    moving() {
      const slow = list => list.split(',').some(d => parseFloat(d) > 0);
      const all = [...document.querySelectorAll('*')].filter(el => {
        const s = getComputedStyle(el);
        return s.animationName !== 'none' || slow(s.transitionDuration) || s.scrollBehavior === 'smooth';
      });
      return [...document.getAnimations().map(a => a.effect.target.outerHTML), ...all.map(el => el.outerHTML)].map(x => x.slice(0, 100)).join(' | ');
    },
    none(where) { return document.querySelector(where) ? 'still there: ' + where : ''; },
    // active says what has the focus.
    active() {
      const el = document.activeElement;
      return el && el !== document.body ? plain(el.getAttribute('aria-label') || (el.labels && el.labels[0] && el.labels[0].innerText) || el.innerText || el.tagName) : '';
    },
  };
})()`

// insert is what typing a text comes to.
func insert(text string) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, _ *chromedp.Target) (chromedp.Void, error) {
		_, err := chromedp.Call(ctx, input.InsertText, input.InsertTextParams{Text: text})
		return chromedp.Void{}, err
	}
}

// lets opens the page of a machine's node in a new browser, with a ticket.
func (m *machine) lets(p *tab) {
	m.t.Helper()
	p.goes(strings.TrimSpace(m.must(0, "open", "--url").out))
	p.seesIn("nav", "Folders")
}

// page opens a new browser with the page of a machine's node.
func (m *machine) page() *tab {
	m.t.Helper()
	p := newTab(m.t)
	m.lets(p)
	return p
}

// windowed are two nodes with a folder that both keep, and their pages.
type windowed struct {
	testing.TB
	nodes   [2]*machine
	runs    [2]*process
	configs [2]string
	args    [2][]string
	dirs    []string
}

// newWindowed starts two nodes; more lines of config.yaml belong to the folder of
// the first.
func newWindowed(t *testing.T, more string) *windowed {
	t.Helper()
	w := &windowed{TB: t, nodes: [2]*machine{newMachine(t, "anna"), newMachine(t, "bert")}, dirs: dirs(t, "photos", "copy")}
	id, at := newID(w.nodes[0]), [2]string{address(t), address(t)}
	for i := range w.nodes {
		if i > 0 {
			more = ""
		}
		w.configs[i] = "# by hand\nfolders:\n  - path: " + w.dirs[i] + "  # the best ones\n    id: " + id + "\n    remotes: [" + at[1-i] + "]\n" + more +
			"web:\n  listen: " + address(t) + "\n"
		w.args[i] = []string{"--no-discovery", "--listen", at[i], "--name", w.nodes[i].name}
		w.runs[i] = w.nodes[i].serves(w.configs[i], w.args[i]...)
	}
	w.settled()
	return w
}

// again starts a node that has ended.
func (w *windowed) again(i int) {
	w.Helper()
	w.runs[i] = w.nodes[i].start(append([]string{"serve", "--json"}, w.args[i]...)...)
	w.runs[i].ready()
}

// settled waits until both nodes have come to rest. One that is asked before its
// folders are open says that it does not hold them, and is asked again.
func (w *windowed) settled() {
	w.Helper()
	for range 2 {
		for _, m := range w.nodes {
			m.eventually(func() error { return m.rests(1) })
		}
	}
}

// stopped takes a directory of a node's folder out of it, all at once, and waits until the
// page shows that the brake has stopped the folder for it. It returns where it is now.
func (w *windowed) stopped(p *tab, i int, path string) (aside string) {
	w.Helper()
	aside = filepath.Join(w.TempDir(), filepath.Base(path))
	must(w, os.Rename(w.in(i, path), aside))
	p.pressIn("nav", "Folders")
	p.seesIn("article", "Stopped", "Look and decide")
	return aside
}

// view is the address within the page of a part of a node's folder.
func (w *windowed) view(p *tab, i int, part string) {
	w.Helper()
	ask[bool](p, "location.hash = '#/folder/' + encodeURIComponent("+quoted(w.dirs[i])+") + "+quoted("/"+part)+", true")
}

// in is a path in the folder of a node.
func (w *windowed) in(i int, path string) string { return filepath.Join(w.dirs[i], path) }

// reload loads the page again.
var reload = chromedp.Reload()
