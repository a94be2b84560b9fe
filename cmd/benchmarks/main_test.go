package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The page and its plots are what the program makes of the results beside it.
func TestPageIsDrawn(t *testing.T) {
	page := filepath.Join("..", "..", "docs", "benchmarks.md")
	files, err := draw(page)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 2 {
		t.Fatal("there is nothing in it")
	}
	for name, want := range files {
		if got, err := os.ReadFile(name); err != nil || string(got) != string(want) {
			t.Errorf("%s is not what the results make of it (%v): go run ./cmd/benchmarks docs/benchmarks.md", name, err)
		}
	}
	plots, err := filepath.Glob(strings.TrimSuffix(page, ".md") + "/*.svg")
	if err != nil || len(plots) != len(files)-1 {
		t.Errorf("%d plots lie there, %d are drawn: %v", len(plots), len(files)-1, err)
	}
}

const some = `{"workload":"W2","peer":"qsync","run":0,"wall":2.0,"cpuA":1,"cpuB":2,"rssA":1048576,"rssB":2097152,"tx":1e6,"rx":1e6,"ok":true}
{"workload":"W2","peer":"qsync","run":1,"wall":1.0,"cpuA":1,"cpuB":2,"rssA":1048576,"rssB":2097152,"tx":1e6,"rx":1e6,"ok":true}
{"workload":"W2","peer":"qsync","run":2,"wall":4.0,"cpuA":1,"cpuB":2,"rssA":1048576,"rssB":2097152,"tx":1e6,"rx":1e6,"ok":false}

{"workload":"W2","peer":"rsync-ssh","run":0,"wall":4.0,"ok":true}
{"workload":"W7","peer":"a<b>&","run":0,"wall":0.012,"p95":0.05,"ok":true}
`

func TestFigures(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.md")
	beside := strings.TrimSuffix(page, ".md")
	put := func(name, text string) {
		if err := errors.Join(os.MkdirAll(beside, 0o755), os.WriteFile(name, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	put(page, "# Mine\n"+begins+"\nOLD LINE\n"+ends+"\nthe end\n")
	put(filepath.Join(beside, "results.jsonl"), some)
	files, err := draw(page)
	if err != nil {
		t.Fatal(err)
	}
	text := string(files[page])
	for _, want := range []string{
		"# Mine\n", "\nthe end\n", "| 0.50 x rsync-ssh | 0.8 x | yes |",
		"| qsync | 3 | 2.00 s (1.00 s to 4.00 s) | 3.00 s | 2 MiB | 2.00 MB | **no** |", ", p95 50 ms", "](page/W7.svg)",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	if strings.Contains(text, "OLD LINE") {
		t.Error("what was drawn before is still there")
	}
	for _, name := range []string{"W2.svg", "W7.svg"} {
		d := xml.NewDecoder(strings.NewReader(string(files[filepath.Join(beside, name)])))
		n := 0
		for ; err == nil; n++ {
			_, err = d.Token()
		}
		if !errors.Is(err, io.EOF) || n < 10 {
			t.Errorf("%s: %v after %d tokens", name, err, n)
		}
		err = nil
	}
	for _, wrong := range []string{"{}", "no", `{"workload":"W2","peer":"x","wall":0}`} {
		if _, err := read([]byte(some + wrong)); err == nil || !strings.Contains(err.Error(), "line 7") {
			t.Errorf("%s: %v", wrong, err)
		}
	}
	put(page, "no marks")
	if _, err := draw(page); err == nil {
		t.Error("a page without marks")
	}
}
