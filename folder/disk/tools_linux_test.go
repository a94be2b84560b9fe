package disk

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"qsync/folder"
)

// F33: programs that set a file's time back to what it was, after they gave it
// another content of the same length: the size and the time say nothing then.
func TestToolsSetTimesBack(t *testing.T) {
	for name, script := range map[string]string{
		"cp -p":    `cp -p "$1/new" "$1/new.copy" && cp -p "$1/new.copy" "$2/f"`,
		"tar":      `tar -C "$1" --format=posix -cf "$1/a.tar" --transform s/new/f/ new && tar -C "$2" -xpf "$1/a.tar"`,
		"rsync -t": `rsync -t --checksum "$1/new" "$2/f"`,
		"touch -r": `cat "$1/new" > "$2/f" && touch -r "$1/new" "$2/f"`,
	} {
		t.Run(name, func(t *testing.T) {
			r, x := known(t, "f", "g")
			aside := t.TempDir()
			write(t, filepath.Join(aside, "new"), "F") // as long as what is there
			fi, err := os.Stat(filepath.Join(r.Path(), "f"))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(filepath.Join(aside, "new"), fi.ModTime(), fi.ModTime()); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command("sh", "-ec", script, "sh", aside, r.Path()).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			now, err := os.Stat(filepath.Join(r.Path(), "f"))
			if err != nil || !now.ModTime().Equal(fi.ModTime()) || now.Size() != fi.Size() {
				t.Fatalf("%v, and not %v: %v", now, fi, err)
			}
			wantPaths(t, look(t, r, x, ScanOptions{}), "f:file>file")
		})
	}
}

// A database is known by its first bytes, and so is what stands beside one.
func TestSQLiteFiles(t *testing.T) {
	r := openRoot(t)
	for name, c := range map[string]struct {
		text string
		is   SQLite
	}{
		"db": {"SQLite format 3\x00and more", Database}, "short": {"SQLite format", NotSQLite}, "empty": {"", NotSQLite},
		"log": {"\x37\x7f\x06\x83", WriteLog}, "hot": {"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7", HotJournal}, "cold": {"\x00\x00\x00\x00\x00\x00\x00\x00", NotSQLite},
	} {
		write(t, filepath.Join(r.Path(), name), c.text)
		if got := r.SQLite(folder.Path(name)); got != c.is {
			t.Errorf("%s: %v", name, got)
		}
	}
	if r.SQLite("nothing") != NotSQLite || (r.Glimpse("nothing") != Glimpse{}) {
		t.Error("what is not there")
	}
	for _, f := range look(t, r, index{}, ScanOptions{}).found {
		if f.Database != (f.Path == "db") {
			t.Errorf("%s: %v", f.Path, f.Database)
		}
		if g := r.Glimpse(f.Path); !g.Shows(f.After) {
			t.Errorf("%s: %+v is not %+v", f.Path, g, f.After)
		}
	}
}
