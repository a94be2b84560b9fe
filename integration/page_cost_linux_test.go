package integration

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// interactive is how soon a page that is loaded again can be used.
const interactive = 200 * time.Millisecond

// The first load of the page is light, and it is soon there, in a browser that has
// run a while. Nothing of it is kept in a cache.
func TestPageWeight(t *testing.T) {
	m := newMachine(t, "anna")
	d := dirs(t, "photos")
	m.serves("folders:\n  - path: "+d[0]+"\nweb:\n  listen: 127.0.0.1:0\n", "--no-discovery", "--listen", "127.0.0.1:0")
	p := newTab(t)
	var mu sync.Mutex
	var bytes float64
	must(t, chromedp.Listen(p.ctx, func(e any) {
		if e, ok := e.(*network.EventLoadingFinished); ok {
			mu.Lock()
			defer mu.Unlock()
			bytes += e.EncodedDataLength
		}
	}))
	_, err := chromedp.Call(p.ctx, network.Enable, network.EnableParams{})
	must(t, err)
	m.lets(p)
	p.seesIn("article", "photos")
	mu.Lock()
	if bytes > 150<<10 || bytes < 10<<10 {
		t.Errorf("the first load takes %.0f bytes", bytes)
	}
	t.Logf("first load: %.1f KiB", bytes/1024)
	mu.Unlock()

	began, took := time.Now(), time.Hour
	for range 10 {
		p.do(reload)
		p.seesIn("article", "photos")
		// From the beginning of the navigation to the first card, whose buttons work.
		ms := ask[float64](p, "performance.getEntriesByName('usable')[0].startTime")
		if took = min(took, time.Duration(ms*float64(time.Millisecond))); took < interactive {
			break // a machine that has time for it needs no second try
		}
	}
	t.Logf("the first card after %v", took.Round(time.Millisecond))
	if overdue(began, took, interactive) {
		t.Errorf("the first card comes after %v", took)
	}
}

// A hundred folders take little memory in the tab.
func TestPageHundredFolders(t *testing.T) {
	m := newMachine(t, "anna")
	var config strings.Builder
	config.WriteString("folders:\n")
	top := t.TempDir()
	for i := range 100 {
		dir := fmt.Sprintf("%s/folder%03d", top, i)
		write(t, dir+"/f", fmt.Sprint(i))
		fmt.Fprintf(&config, "  - path: %s\n", dir)
	}
	config.WriteString("web:\n  listen: 127.0.0.1:0\n")
	m.serves(config.String(), "--no-discovery", "--listen", "127.0.0.1:0")
	p := m.page()
	p.seesIn("main", "folder000", "100 folders", "Find a folder")
	p.types("Find a folder", "folder07")
	p.until("count", "article", 10)
	p.types("Find a folder", "fold")
	p.until("count", "article", 100)
	for range 3 { // views come and go, and leave nothing
		p.pressIn("nav", "Map")
		p.seesIn("h1", "Map")
		p.pressIn("nav", "Folders")
		p.until("count", "article", 100)
	}
	_, err := chromedp.Call(p.ctx, heapprofiler.CollectGarbage, cdp.Empty{})
	must(t, err)
	heap, err := chromedp.Call(p.ctx, runtime.GetHeapUsage, cdp.Empty{})
	must(t, err)
	all := heap.UsedSize + heap.EmbedderHeapUsedSize + heap.BackingStorageSize
	t.Logf("heap of the tab: %.1f MiB of scripts, %.1f MiB in all", heap.UsedSize/(1<<20), all/(1<<20))
	if all > 60<<20 {
		t.Errorf("the tab takes %.1f MiB", all/(1<<20))
	}
}

// Thousands of changes do not make the page stop.
func TestPageManyEvents(t *testing.T) {
	w := newWindowed(t, "")
	p := w.nodes[0].page()
	p.seesIn("article", "In sync")
	ask[bool](p, `(() => {
		window.frames_ = {longest: 0, count: 0};
		let last = performance.now();
		const f = now => { frames_.longest = Math.max(frames_.longest, now - last); frames_.count++; last = now; requestAnimationFrame(f); };
		requestAnimationFrame(f);
		window.busy = 0;
		new PerformanceObserver(l => { for (const e of l.getEntries()) busy = Math.max(busy, e.duration); }).observe({type: 'longtask'});
		return true;
	})()`)
	// The same events as a node that has a thousand a second to tell.
	const events, seconds = 3000, 3
	began := time.Now()
	ask[int](p, fmt.Sprintf(`qsyncEyes.module('model.js').then(async ({take}) => {
		let n = 0;
		const began = performance.now(), folder = %s;
		while (n < %d) {
			const due = Math.min(%d, Math.floor((performance.now() - began) / %d * %d));
			const list = [];
			for (; n < due; n++) list.push({event: 'problem', time: new Date().toISOString(), folder, path: 'a/file' + n, text: 'because'});
			if (list.length) take('happened', list);
			await new Promise(next => setTimeout(next, 20));
		}
		return n;
	})`, quoted(w.dirs[0]), events, events, seconds*1000, events))
	for i := range 1000 {
		write(t, w.in(1, fmt.Sprintf("d%d/f%d", i%10, i)), fmt.Sprint(i))
	}
	w.settled()
	p.seesIn("article", "1,000 files")
	longest, busy := ask[float64](p, "frames_.longest"), ask[float64](p, "busy")
	t.Logf("longest time without a frame: %.0f ms, longest task %.0f ms, %d frames in %v", longest, busy, ask[int](p, "frames_.count"), time.Since(began))
	if overdue(began, time.Duration(busy*float64(time.Millisecond)), 500*time.Millisecond) {
		t.Errorf("the page was busy for %.0f ms in one go", busy)
	}
}

// While nothing happens an open page costs the node next to nothing.
func TestPageIdleCost(t *testing.T) {
	m := newMachine(t, "anna")
	d := dirs(t, "photos", "music")
	run := m.serves("folders:\n  - path: "+d[0]+"\n  - path: "+d[1]+"\nweb:\n  listen: 127.0.0.1:0\n", "--no-discovery", "--listen", "127.0.0.1:0")
	p := m.page()
	p.seesIn("main", "photos", "music")
	time.Sleep(2 * time.Second)
	span := 4 * time.Second
	if long {
		span = time.Minute
	}
	before := ticks(t, run.cmd.Process.Pid)
	time.Sleep(span)
	share := (ticks(t, run.cmd.Process.Pid) - before).Seconds() / span.Seconds()
	t.Logf("%.2f %% of a core", 100*share)
	if tick := 0.01 / span.Seconds(); share > 0.01+tick { // what began before may be counted
		t.Errorf("an idle node whose page is open takes %.2f %% of a core", 100*share)
	}
}

// ticks is the time that a process has had on processors.
func ticks(t *testing.T, pid int) time.Duration {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	must(t, err)
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	sum := 0
	for _, f := range fields[11:13] {
		n, err := strconv.Atoi(f)
		must(t, err)
		sum += n
	}
	return time.Duration(sum) * 10 * time.Millisecond
}
