package disk

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"qsync/folder"
)

// TestScanRenamed: what a renamed directory brings along is read only where its
// stamps are not those that it had.
func TestScanRenamed(t *testing.T) {
	r, x := known(t, "a/same", "a/edited", "a/set back", "a/replaced", "a/deep/same")
	at := func(p string) string { return filepath.Join(r.Path(), p) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	digest := x["a/same"].Value.Digest
	must(os.Rename(at("a"), at("b")))
	must(os.WriteFile(at("b/edited"), []byte("edited"), 0o644))
	when := time.Unix(0, x["a/set back"].Value.MTime)
	content, err := os.ReadFile(at("b/set back"))
	must(err)
	must(os.WriteFile(at("b/set back"), []byte(strings.Repeat("?", len(content))), 0o644))
	must(os.Chtimes(at("b/set back"), when, when))
	must(os.Remove(at("b/replaced")))
	must(os.WriteFile(at("b/replaced"), []byte("another"), 0o644))
	time.Sleep(2 * fineTick)
	asked := 0
	l := look(t, r, x, ScanOptions{Renamed: func(p folder.Path) (folder.Local, bool) {
		asked++
		was, ok := x["a"+p[1:]]
		return was, ok && was.Value.Kind == folder.File
	}})
	if l.stats.Hashed != 3 || asked != 5 {
		t.Errorf("%d were read, %d asked about", l.stats.Hashed, asked)
	}
	for _, f := range l.found {
		if same := f.After.Value.Digest == x["a"+f.Path[1:]].Value.Digest; f.After.Value.Kind == folder.File && same != strings.HasSuffix(string(f.Path), "same") {
			t.Errorf("%s: %+v", f.Path, f.After)
		}
	}
	if b := found(l, "b/same"); b.After.Value.Digest != digest || b.After.Stat != x["a/same"].Stat {
		t.Errorf("%+v", b)
	}
}

func found(l looked, p folder.Path) (f Found) {
	for _, f = range l.found {
		if f.Path == p {
			return f
		}
	}
	return Found{}
}
