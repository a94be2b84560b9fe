//go:build unix

package integration

import (
	"bufio"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// breakable is a build of the program that can be made to crash or fail at any
// step, see package folder/fault.
func breakable(t *testing.T) string {
	t.Helper()
	exe, err := buildBreakable()
	must(t, err)
	return exe
}

var buildBreakable = sync.OnceValues(func() (string, error) {
	exe := filepath.Join(filepath.Dir(binary), "qsync-failpoint")
	return exe, build(exe, nil, "-tags", "failpoint")
})

// points are the names of all points at which the program can be made to crash,
// from its source.
func points(t *testing.T) (all []string) {
	t.Helper()
	call := regexp.MustCompile(`fault\.Point\("([a-z-]+)"\)`)
	for name, text := range texts(t) {
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		for _, m := range call.FindAllSubmatch(text, -1) {
			if p := string(m[1]); slices.Contains(all, p) {
				t.Errorf("two points are called %s", p)
			} else {
				all = append(all, p)
			}
		}
	}
	if len(all) < 25 {
		t.Fatalf("only %d points found", len(all))
	}
	slices.Sort(all)
	return all
}

// passes reads what a run has written down: how often it came by each point or call.
func passes(t *testing.T, log, kind string) map[string]int {
	t.Helper()
	f, err := os.Open(log)
	must(t, err)
	defer f.Close()
	count := map[string]int{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, ok := strings.CutPrefix(lines.Text(), kind+" "); ok {
			count[name]++
		}
	}
	return count
}

// The program that people get has nothing of this in it.
func TestNoFailpoints(t *testing.T) {
	t.Parallel()
	name := []byte("QSYNC_CRASH_AT")
	for exe, want := range map[string]bool{binary: false, breakable(t): true} {
		b, err := os.ReadFile(exe)
		must(t, err)
		if got := strings.Contains(string(b), string(name)); got != want {
			t.Errorf("%s has failpoints: %v, want %v", filepath.Base(exe), got, want)
		}
	}
}
