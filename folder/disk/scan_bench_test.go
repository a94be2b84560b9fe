package disk

import (
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"testing"

	"qsync/folder"
)

// settledTree makes dirs*files files and returns the root and its index in
// order.
func settledTree(tb testing.TB, dirs, files int) (*Root, []Known) {
	tb.Helper()
	root := tb.TempDir()
	for i := range dirs {
		d := filepath.Join(root, fmt.Sprintf("d%04d", i))
		if err := os.Mkdir(d, 0o755); err != nil {
			tb.Fatal(err)
		}
		for j := range files {
			if err := os.WriteFile(filepath.Join(d, fmt.Sprintf("file%04d.txt", j)), nil, 0o644); err != nil {
				tb.Fatal(err)
			}
		}
	}
	settleDown()
	r, err := Open(root, true)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { r.Close() })
	var out []Known
	if _, err := r.Scan(tb.Context(), ScanOptions{Found: func(f Found) error {
		out = append(out, Known{f.Path, f.After})
		return nil
	}}); err != nil {
		tb.Fatal(err)
	}
	return r, out
}

func seqOf(all []Known) iter.Seq2[Known, error] {
	return func(yield func(Known, error) bool) {
		for _, k := range all {
			if !yield(k, nil) {
				return
			}
		}
	}
}

// An entry that did not change costs its lstat and two names: that from the
// listing, and that for the system call.
func TestScanUnchangedAllocates(t *testing.T) {
	r, all := settledTree(t, 4, 500)
	n := testing.AllocsPerRun(3, func() {
		st, err := r.Scan(t.Context(), ScanOptions{Known: seqOf(all), Found: func(f Found) error {
			return fmt.Errorf("found %s", f.Path)
		}})
		if err != nil || st.Hashed != 0 {
			t.Fatal(st, err)
		}
	})
	if per := n / float64(len(all)); per > 2.2 {
		t.Errorf("%.2f allocations an entry", per)
	}
}

func BenchmarkScanUnchanged(b *testing.B) {
	r, all := settledTree(b, 200, 100)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Scan(b.Context(), ScanOptions{Known: seqOf(all)}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(all)), "ns/entry")
}

// BenchmarkScanHint is the cost of one live change, without its content.
func BenchmarkScanHint(b *testing.B) {
	r, all := settledTree(b, 200, 100)
	p := folder.Path("d0100/file0050.txt")
	var k []Known
	for _, e := range all {
		if e.Path == p {
			k = append(k, e)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Scan(b.Context(), ScanOptions{Under: p, Shallow: true, Known: seqOf(k)}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkScanFirst(b *testing.B) {
	r, all := settledTree(b, 200, 100)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Scan(b.Context(), ScanOptions{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(all)), "ns/entry")
}
