package disk

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
)

// F47: a directory with very many entries costs a scan its listing, and no more.
func TestScanWide(t *testing.T) {
	wide := 10_000
	if n, err := strconv.Atoi(os.Getenv("QSYNC_DISK_WIDE")); err == nil {
		wide = n
	}
	r := openRoot(t)
	for i := range wide {
		f, err := os.Create(filepath.Join(r.Path(), fmt.Sprintf("entry-%08d", i)))
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	runtime.GC()
	before, most, found := heap(), uint64(0), 0
	_, err := r.Scan(t.Context(), ScanOptions{Found: func(Found) error {
		if found++; found%4096 == 0 {
			runtime.GC()
			most = max(most, heap())
		}
		return nil
	}})
	if err != nil || found != wide {
		t.Fatalf("%d of %d found: %v", found, wide, err)
	}
	if bound := uint64(8<<20 + wide*128); most > before+bound {
		t.Errorf("the scan held %d bytes for %d entries, more than %d", most-before, wide, bound)
	}
}
