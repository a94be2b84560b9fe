package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// workload is something that was measured, in the order of the page.
type workload struct {
	name, title string
	unit        float64 // seconds of one unit of the plot
}

const (
	seconds      = 1.0
	milliseconds = 0.001
)

var workloads = []workload{
	{"W1", "One file of 4 GiB to an empty folder, over the network", seconds},
	{"W2", "50 000 small files (430 MB) to an empty folder, over the network", seconds},
	{"W3", "The source tree of Go to an empty folder, over the network", seconds},
	{"W1-local", "One file of 4 GiB, two directories of one machine", seconds},
	{"W2-local", "50 000 small files, two directories of one machine", seconds},
	{"W3-local", "The source tree of Go, two directories of one machine", seconds},
	{"W4a", "1 MiB overwritten in 1 GiB", seconds},
	{"W4b", "10 bytes inserted in front of 1 GiB", seconds},
	{"W4c", "10 MiB appended to 1 GiB", seconds},
	{"W5", "A directory of 1 GiB renamed", seconds},
	{"W6-W2", "Nothing changed in 50 000 files", seconds},
	{"W7", "A file of 1 KiB, from close to complete on the other side", milliseconds},
	{"W8", "10 000 changes made while the other side was away", seconds},
	{"W9", "500 000 tiny files to an empty folder", seconds},
	{"W9-noop", "Nothing changed in 500 000 files", seconds},
	{"W10-small-cubic", "10 000 small files over 40 ms with 0.1 % loss", seconds},
	{"W10-file-cubic", "One file of 128 MiB over 40 ms with 0.1 % loss", seconds},
}

// promise is a ratio of times that qsync is to stay below.
type promise struct {
	workload, mine, theirs string
	most                   float64
}

var promises = []promise{
	{"W1", "qsync", "rsync-ssh", 0.45},
	{"W1", "qsync", "rsync-ssh-aes", 0.65},
	{"W2", "qsync", "rsync-ssh", 0.8},
	{"W3", "qsync", "rsync-ssh", 0.8},
	{"W1-local", "qsync-local", "rsync-local", 1},
	{"W2-local", "qsync-local", "rsync-local", 1},
	{"W3-local", "qsync-local", "rsync-local", 1},
	{"W4a", "qsync", "rsync-ssh", 0.5},
	{"W4b", "qsync", "rsync-ssh", 0.5},
	{"W4c", "qsync", "rsync-ssh", 0.5},
	{"W5", "qsync", "rsync-ssh", 0.1},
	{"W6-W2", "qsync-local", "rsync-local", 0.8},
	{"W8", "qsync", "rsync-ssh", 0.8},
	{"W9", "qsync", "rsync-ssh", 1},
	{"W9-noop", "qsync", "rsync-ssh", 1},
	{"W10-small-cubic", "qsync", "rsync-ssh", 0.3},
	{"W10-file-cubic", "qsync", "rsync-ssh", 0.2},
}

// bound is a figure of qsync's own that is to stay below a limit.
type bound struct {
	workload, what string
	of             func(measurement) float64
	most           float64
	say            func(float64) string
}

func onWire(m measurement) float64 { return m.Sent + m.Received }
func p95(m measurement) float64    { return m.P95 }

// changed is what may go over the wire where so many bytes have changed.
func changed(bytes float64) float64 { return 1.15*bytes + 200<<10 }

var bounds = []bound{
	{"W4a", "on the wire", onWire, changed(1 << 20), megabytes},
	{"W4b", "on the wire", onWire, changed(10), megabytes},
	{"W4c", "on the wire", onWire, changed(10 << 20), megabytes},
	{"W5", "on the wire", onWire, 64 << 10, megabytes},
	{"W7", "median", wall, 0.025, duration},
	{"W7", "p95", p95, 0.060, duration},
}

// tool is what was measured of one tool at one workload.
type tool struct {
	name string
	runs []measurement
}

func (t *tool) median(of func(measurement) float64) float64 {
	var all []float64
	for _, m := range t.runs {
		all = append(all, of(m))
	}
	slices.Sort(all)
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
}

func wall(m measurement) float64 { return m.Wall }

// byTool gathers the runs of a workload, the fastest tool first.
func byTool(all []measurement, name string) []*tool {
	tools := map[string]*tool{}
	for _, m := range all {
		if m.Workload != name {
			continue
		}
		if tools[m.Tool] == nil {
			tools[m.Tool] = &tool{name: m.Tool}
		}
		tools[m.Tool].runs = append(tools[m.Tool].runs, m)
	}
	return slices.SortedFunc(maps.Values(tools), func(a, b *tool) int {
		return cmp.Or(cmp.Compare(a.median(wall), b.median(wall)), strings.Compare(a.name, b.name))
	})
}

// promised is the table of promises of which both sides were measured.
func promised(all []measurement) string {
	var b strings.Builder
	b.WriteString("\n| work | measured | promise | kept |\n|---|---|---|---|\n")
	for _, p := range promises {
		var mine, theirs *tool
		for _, t := range byTool(all, p.workload) {
			switch t.name {
			case p.mine:
				mine = t
			case p.theirs:
				theirs = t
			}
		}
		if mine == nil || theirs == nil {
			continue
		}
		ratio := mine.median(wall) / theirs.median(wall)
		fmt.Fprintf(&b, "| %s | %.2f x %s | %g x | %s |\n", titleOf(p.workload), ratio, p.theirs, p.most, kept(ratio, p.most))
	}
	for _, p := range bounds {
		for _, t := range byTool(all, p.workload) {
			if t.name == "qsync" {
				is := t.median(p.of)
				fmt.Fprintf(&b, "| %s | %s %s | %s | %s |\n", titleOf(p.workload), p.what, p.say(is), p.say(p.most), kept(is, p.most))
			}
		}
	}
	return b.String()
}

func kept(is, most float64) string {
	if is > most {
		return "no"
	}
	return "yes"
}

func titleOf(name string) string {
	at := slices.IndexFunc(workloads, func(w workload) bool { return w.name == name })
	return workloads[at].title
}

// table lists the tools of one workload.
func table(tools []*tool) string {
	var b strings.Builder
	b.WriteString("| tool | runs | time, median (range) | CPU of both sides | peak memory, larger side | on the wire | trees equal |\n|---|---|---|---|---|---|---|\n")
	for _, t := range tools {
		least, most := t.runs[0].Wall, t.runs[0].Wall
		equal := "yes"
		for _, m := range t.runs {
			least, most = min(least, m.Wall), max(most, m.Wall)
			if !m.Equal {
				equal = "**no**"
			}
		}
		tail := ""
		if v := t.median(p95); v > 0 {
			tail = ", p95 " + duration(v)
		}
		cpu := t.median(func(m measurement) float64 { return m.CPUA + m.CPUB })
		memory := t.median(func(m measurement) float64 { return max(m.MemoryA, m.MemoryB) })
		fmt.Fprintf(&b, "| %s | %d | %s (%s to %s)%s | %s | %.0f MiB | %s | %s |\n", t.name, len(t.runs), duration(t.median(wall)), duration(least), duration(most), tail, duration(cpu), memory/(1<<20), megabytes(t.median(onWire)), equal)
	}
	return b.String()
}

func duration(s float64) string {
	if s < 1 {
		return fmt.Sprintf("%.0f ms", s*1000)
	}
	return fmt.Sprintf("%.2f s", s)
}

func megabytes(n float64) string { return fmt.Sprintf("%.2f MB", n/1e6) }
