package integration

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/chromedp/chromedp"
)

// logRow is a row of the history.
type logRow struct{ Change, Path, By string }

// logged waits until the history shows rows of which each is as it should be.
func (p *tab) logged(what string, right func(logRow) bool) []logRow {
	p.t.Helper()
	var rows []logRow
	eventually(p.t, func() (err error) {
		rows, err = tryAsk[[]logRow](p, `document.querySelector('[aria-busy=true]') ? [] : [...document.querySelectorAll('table.log tbody tr:not(.day-row)')].map(r => ({
			Change: r.querySelector('.tag').innerText, Path: r.querySelector('.wide-cell .name').innerText, By: r.lastChild.innerText}))`)
		if err != nil {
			return err
		}
		if i := slices.IndexFunc(rows, func(r logRow) bool { return !right(r) }); i >= 0 || len(rows) == 0 {
			return fmt.Errorf("%s: %d rows, the wrong one is %d of %v", what, len(rows), i, rows)
		}
		return nil
	})
	return rows
}

// filtersHistory looks at the history that TestPageRestore leaves: by path, by who it
// was, by kind and by day, and at the charts.
func filtersHistory(w *windowed, p *tab) {
	t := w.TB
	t.Helper()
	all := len(p.logged("all", func(logRow) bool { return true }))
	clear := func() {
		t.Helper()
		p.pressIn("form", "Clear")
		p.until("count", "table.log tbody tr:not(.day-row)", all)
	}
	some := func(what string, right func(logRow) bool) []logRow {
		t.Helper()
		rows := p.logged(what, right)
		if len(rows) == all {
			t.Errorf("%s leaves out nothing of %v", what, rows)
		}
		return rows
	}
	p.types("Path or pattern", "/trip/day1.txt")
	p.pressIn("form", "Filter")
	some("a path", func(r logRow) bool { return r.Path == "trip/day1.txt" })
	p.types("Path or pattern", "*2.txt")
	p.pressIn("form", "Filter")
	some("a pattern", func(r logRow) bool { return r.Path == "trip/deep/day2.txt" })
	clear()
	p.chooses("By whom", "here")
	some("here", func(r logRow) bool { // a directory that came back gets its time when all is in it, which may be seen by itself
		return r.By == "here" && (r.Change == "restored" || r.Change == "added" || r.Change == "permissions or time" && strings.HasPrefix(r.Path, "trip"))
	})
	p.chooses("By whom", "bert")
	some("a peer", func(r logRow) bool { return strings.Contains(r.By, "bert") && r.Change != "restored" })
	clear()
	p.chooses("Kind", "dir")
	some("directories", func(r logRow) bool { return r.Path == "trip" || r.Path == "trip/deep" })
	p.chooses("Change", "deleted")
	if rows := some("directories that went", func(r logRow) bool { return r.Change == "deleted" && !strings.Contains(r.Path, ".txt") }); len(rows) != 2 {
		t.Errorf("directories that went: %v", rows)
	}
	clear()
	p.chooses("Kind", "file")
	some("files", func(r logRow) bool { return strings.HasSuffix(r.Path, ".txt") || r.Path == "beach.png" })
	clear()
	p.chooses("Day", "2020-02-29")
	p.seesIn("main", "No such change is logged")
	clear()
	charted(w, p)
}

// counted is what the node counted of a day, here and by sync.
type counted struct {
	Day        string
	Here, Sync struct {
		Added, Modified, Bytes int
		Files                  int `json:"deleted_files"`
		Dirs                   int `json:"deleted_dirs"`
	}
}

// charted compares the charts with what the node has counted, and has one show the
// day's log.
func charted(w *windowed, p *tab) {
	t := w.TB
	t.Helper()
	var days []counted // the latest first
	for _, line := range strings.Split(strings.TrimSpace(w.nodes[0].must(0, "log", w.dirs[0], "--days", "--json").out), "\n") {
		var d counted
		must(t, json.Unmarshal([]byte(line), &d))
		days = append(days, d)
	}
	w.view(p, 0, "")
	p.seesIn("main", "About it")
	w.view(p, 0, "history")
	p.until("count", "figure.chart", 2)
	heights := ask[[][]float64](p, `[...document.querySelectorAll('figure.chart')].map(f => [0, 1, 2].map(k => Number([...f.querySelectorAll('g.day')].at(-1).querySelector('.fill-' + k)?.getAttribute('height') || 0)))`)
	last := days[0]
	for i, want := range [][]int{
		{last.Here.Added + last.Sync.Added, last.Here.Modified + last.Sync.Modified, last.Here.Files + last.Here.Dirs + last.Sync.Files + last.Sync.Dirs},
		{last.Sync.Bytes, last.Here.Bytes, 0},
	} {
		sum := want[0] + want[1] + want[2]
		for k := range want {
			drawn := heights[i][k] / (heights[i][0] + heights[i][1] + heights[i][2])
			if sum == 0 || math.Abs(drawn-float64(want[k])/float64(sum)) > 0.01 {
				t.Errorf("chart %d draws %v of %v", i, heights[i], want)
			}
		}
	}
	p.pressIn("figure.chart", "As a table")
	row := ask[string](p, "document.querySelector('figure.chart tbody tr').innerText")
	fields := strings.Fields(row[strings.LastIndex(row, "20"):]) // after the year: files and directories added, modified, deleted
	var n []int
	for _, f := range fields[1:] {
		v, err := strconv.Atoi(f)
		must(t, err)
		n = append(n, v)
	}
	if len(n) != 6 || n[0]+n[1] != last.Here.Added+last.Sync.Added || n[2]+n[3] != last.Here.Modified+last.Sync.Modified ||
		n[4] != last.Here.Files+last.Sync.Files || n[5] != last.Here.Dirs+last.Sync.Dirs || n[1] == 0 || n[5] == 0 {
		t.Errorf("the table says %v of %+v", n, last)
	}
	for _, width := range []int{360, 1600} {
		p.size(width, 900, "light")
		p.until("legible", "figure.chart .axis", 8)
		p.picture(fmt.Sprintf("charts-%d", width))
	}
	p.size(1280, 900, "auto")

	at := ask[struct{ X, Y float64 }](p, `(() => {
		const bar = [...document.querySelectorAll('figure.chart g.day')].at(-1).querySelector('.fill-0');
		bar.scrollIntoView({block: 'center', behavior: 'instant'});
		const r = bar.getBoundingClientRect();
		return {X: r.x + r.width / 2, Y: r.y + r.height / 2};
	})()`)
	p.do(chromedp.MouseClickXY(at.X, at.Y))
	eventually(t, func() error {
		if day, err := tryAsk[string](p, "document.querySelector('input[type=date]').value"); err != nil || day != last.Day {
			return fmt.Errorf("the day is %q, want %s: %w", day, last.Day, err)
		}
		return nil
	})
	p.logged("the day of the bar", func(logRow) bool { return true })
}
