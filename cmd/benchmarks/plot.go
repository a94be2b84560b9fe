package main

import (
	"bytes"
	"fmt"
	"html"
	"strings"
)

// Measures of a plot, in user units.
const (
	rowHeight = 26
	barHeight = 16
	nameWidth = 150
	barWidth  = 460
	textWidth = 110
)

// style makes a plot readable on light and dark pages alike.
const style = `<style>text{font:13px sans-serif;fill:#1f2328}.bar{fill:#8c959f}.ours{fill:#0969da}.range{stroke:#1f2328;stroke-width:1}` +
	`@media(prefers-color-scheme:dark){text{fill:#e6edf3}.bar{fill:#6e7681}.ours{fill:#4493f8}.range{stroke:#e6edf3}}</style>`

// bars draws the medians of a workload as bars, with the range of the runs as a
// line over each.
func bars(w workload, tools []*tool) []byte {
	longest := 0.0
	for _, t := range tools {
		longest = max(longest, t.median(wall))
	}
	var b bytes.Buffer
	height := rowHeight*len(tools) + 8
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="%s">`+"\n%s\n", nameWidth+barWidth+textWidth, height, html.EscapeString(w.title+", median of the runs, shorter is better"), style)
	for i, t := range tools {
		y := 4 + i*rowHeight
		median := t.median(wall)
		class := "bar"
		if strings.HasPrefix(t.name, "qsync") {
			class = "bar ours"
		}
		length := func(s float64) float64 { return min(s/longest, 1.02) * barWidth }
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">%s</text>`+"\n", nameWidth-8, y+17, html.EscapeString(t.name))
		fmt.Fprintf(&b, `<rect class="%s" x="%d" y="%d" width="%.1f" height="%d"/>`+"\n", class, nameWidth, y+4, max(length(median), 1), barHeight)
		least, most := median, median
		for _, m := range t.runs {
			least, most = min(least, m.Wall), max(most, m.Wall)
		}
		fmt.Fprintf(&b, `<line class="range" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/>`+"\n", nameWidth+length(least), nameWidth+length(most), y+12, y+12)
		fmt.Fprintf(&b, `<text x="%.1f" y="%d">%s</text>`+"\n", nameWidth+max(length(most), length(median))+6, y+17, figure(median, w.unit))
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// figure is a time in the unit of its plot.
func figure(s, unit float64) string {
	if unit == milliseconds {
		return fmt.Sprintf("%.1f ms", s*1000)
	}
	return fmt.Sprintf("%.2f s", s)
}
