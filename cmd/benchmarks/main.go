// Command benchmarks draws docs/benchmarks.md from what was measured: tables and
// plots between the two marks in the page, of which the rest is written by hand.
//
//	go run ./cmd/benchmarks docs/benchmarks.md
//
// Beside the page lies a directory of its name with results.jsonl, a line a
// measurement, to which the plots are added. The fields of a line are those of
// [measurement]; others are left alone.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// measurement is one run of one tool.
type measurement struct {
	Workload string  `json:"workload"`
	Tool     string  `json:"peer"`
	Wall     float64 `json:"wall"` // seconds; the median of a run that measures many
	P95      float64 `json:"p95"`  // seconds, where a run measures many
	CPUA     float64 `json:"cpuA"` // seconds of the sender's processes
	CPUB     float64 `json:"cpuB"`
	MemoryA  float64 `json:"rssA"` // bytes at the peak
	MemoryB  float64 `json:"rssB"`
	Sent     float64 `json:"tx"` // bytes on the wire
	Received float64 `json:"rx"`
	Equal    bool    `json:"ok"` // both trees were compared after
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: benchmarks PAGE")
		os.Exit(2)
	}
	files, err := draw(os.Args[1])
	for name, text := range files {
		err = errors.Join(err, os.WriteFile(name, text, 0o644))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "benchmarks:", err)
		os.Exit(1)
	}
}

// The program's part of the page is between these lines.
const (
	begins = "<!-- drawn by cmd/benchmarks -->"
	ends   = "<!-- drawn until here -->"
)

// draw makes page anew, and the plots beside it. It returns the content of every
// file by name and writes none.
func draw(page string) (map[string][]byte, error) {
	text, err := os.ReadFile(page)
	if err != nil {
		return nil, err
	}
	before, rest, ok := strings.Cut(string(text), begins+"\n")
	_, after, ok2 := strings.Cut(rest, ends+"\n")
	if !ok || !ok2 {
		return nil, fmt.Errorf("%s has not both lines %q and %q", page, begins, ends)
	}
	beside := strings.TrimSuffix(page, filepath.Ext(page))
	lines, err := os.ReadFile(filepath.Join(beside, "results.jsonl"))
	if err != nil {
		return nil, err
	}
	all, err := read(lines)
	if err != nil {
		return nil, err
	}
	var out strings.Builder
	out.WriteString(promised(all))
	files := map[string][]byte{}
	for _, w := range workloads {
		tools := byTool(all, w.name)
		if len(tools) == 0 {
			continue
		}
		plot := w.name + ".svg"
		files[filepath.Join(beside, plot)] = bars(w, tools)
		fmt.Fprintf(&out, "\n### %s\n\n![%s](%s/%s)\n\n%s", w.title, w.title, filepath.Base(beside), plot, table(tools))
	}
	files[page] = []byte(before + begins + "\n" + out.String() + ends + "\n" + after)
	return files, nil
}

// read takes the lines of a result file apart.
func read(lines []byte) ([]measurement, error) {
	var all []measurement
	s := bufio.NewScanner(bytes.NewReader(lines))
	for n := 1; s.Scan(); n++ {
		if len(bytes.TrimSpace(s.Bytes())) == 0 {
			continue
		}
		var m measurement
		if err := json.Unmarshal(s.Bytes(), &m); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if m.Workload == "" || m.Tool == "" || m.Wall <= 0 {
			return nil, fmt.Errorf("line %d is no measurement: it needs workload, peer and wall", n)
		}
		all = append(all, m)
	}
	return all, s.Err()
}
