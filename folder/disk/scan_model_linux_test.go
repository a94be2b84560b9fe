package disk

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"qsync/folder"
)

// The universe of the model is small, so that collisions are common. The names
// include those that sort between a directory and what is below it.
var modelNames = []string{"a", "a.txt", "a\x01", "b", "ab", "A"}

func modelPath() *rapid.Generator[folder.Path] {
	return rapid.Custom(func(t *rapid.T) folder.Path {
		parts := rapid.SliceOfN(rapid.SampledFrom(modelNames), 1, 3).Draw(t, "parts")
		return folder.Path(strings.Join(parts, "/"))
	})
}

// plant makes a random tree below root; what does not fit is left out.
func plant(t *rapid.T, root string) {
	past := time.Unix(1_700_000_000, 1234567)
	for _, p := range rapid.SliceOfN(modelPath(), 0, 12).Draw(t, "entries") {
		path := filepath.Join(root, string(p))
		if os.MkdirAll(filepath.Dir(path), 0o755) != nil {
			continue
		}
		if _, err := os.Lstat(path); err == nil {
			continue
		}
		switch rapid.IntRange(0, 3).Draw(t, "kind") {
		case 0:
			os.Mkdir(path, 0o755)
		case 1:
			os.Symlink("a/b", path)
		default:
			os.WriteFile(path, []byte(rapid.SampledFrom([]string{"", "one", "two"}).Draw(t, "content")), 0o644)
			os.Chtimes(path, past, past)
		}
	}
}

// truth reads the tree below root without any of the code under test.
func truth(t *rapid.T, root string) index {
	x := index{}
	err := filepath.WalkDir(root, func(path string, e os.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		fi, err := e.Info()
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		p := folder.Path(filepath.ToSlash(rel))
		l := folder.Local{Value: folder.Value{Mode: uint16(fi.Mode().Perm()), MTime: fi.ModTime().UnixNano()}, Stat: statOf(fi)}
		switch {
		case fi.IsDir():
			l.Value.Kind = folder.Dir
		case fi.Mode()&os.ModeSymlink != 0:
			l.Value.Kind, l.Value.Mode = folder.Symlink, 0
			l.Value.Target, err = os.Readlink(path)
		default:
			b, rerr := os.ReadFile(path)
			v := fileValue(string(b))
			l.Value.Kind, l.Value.Size, l.Value.Digest, err = folder.File, v.Size, v.Digest, rerr
		}
		x[p] = l
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// recall makes an index that is partly right about the disk.
func recall(t *rapid.T, disk index) index {
	x := index{}
	for _, k := range disk.sorted() {
		l := k.Local
		switch rapid.IntRange(0, 7).Draw(t, "known as") {
		case 0:
			continue
		case 1:
			l.Value.MTime++
		case 2:
			l.Stat.CTime++
		case 3:
			l.Stat.Racy = true
		case 4:
			l.Value.Mode ^= 0o100
		case 5:
			l.Ignored = true
		case 6:
			l = folder.Local{Value: folder.Value{Kind: folder.Dir, Mode: 0o755}}
		}
		x[k.Path] = l
	}
	for _, p := range rapid.SliceOfN(modelPath(), 0, 8).Draw(t, "also known") {
		if _, ok := x[p]; !ok {
			kind := rapid.SampledFrom([]folder.Kind{folder.Dir, folder.File}).Draw(t, "kind known")
			x[p] = folder.Local{Value: folder.Value{Kind: kind, Mode: 0o600}, Stat: folder.Stat{Inode: 1}}
		}
	}
	return x
}

// hiddenIn says whether p is ignored, given what the disk holds.
func hiddenIn(disk index, g *folder.Ignore, p folder.Path, l folder.Local) bool {
	gone := false
	for i := 0; i <= len(p); i++ {
		if i < len(p) && p[i] != '/' {
			continue
		}
		at := p[:i]
		isDir := i < len(p) || l.Value.Kind == folder.Dir
		if d, ok := disk[at]; ok && !gone {
			if isHere := d.Value.Kind == folder.Dir; !isHere || i == len(p) {
				if g.Match(at, isHere) {
					return true
				}
			}
			gone = d.Value.Kind != folder.Dir
			if i == len(p) {
				continue
			}
			isDir = true
		} else {
			gone = true
		}
		if g.Match(at, isDir) {
			return true
		}
	}
	return false
}

// expect is the specification of a scan: path by path, without order or merge.
func expect(disk, x index, g *folder.Ignore, under folder.Path) []Found {
	union := index{}
	for p, l := range x {
		union[p] = l
	}
	for p, l := range disk {
		union[p] = l
	}
	var out []Found
	for _, k := range union.sorted() {
		p, now, was := k.Path, disk[k.Path], x[k.Path]
		if under != "" && p != under && !p.Below(under) {
			continue
		}
		if hiddenIn(disk, g, p, union[p]) {
			if now = was; was.Value.Kind != folder.Absent && !was.Ignored {
				now.Ignored = true
				out = append(out, Found{Path: p, Before: was, After: now})
			}
			continue
		}
		same := now == was
		switch {
		case now.Value.Kind != was.Value.Kind:
		case now.Value.Kind == folder.Dir:
			same = now.Value == was.Value && !was.Ignored
		case now.Value.Kind == folder.Symlink:
			same = now.Stat == was.Stat && !was.Ignored
		}
		if !same {
			out = append(out, Found{Path: p, Before: was, After: now})
		}
	}
	return out
}

func TestScanAgainstModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		root, err := os.MkdirTemp(t.TempDir(), "root")
		if err != nil {
			rt.Fatal(err)
		}
		defer os.RemoveAll(root)
		r, err := Open(root, true)
		if err != nil {
			rt.Fatal(err)
		}
		defer r.Close()
		plant(rt, root)
		settleDown()
		disk := truth(rt, root)
		x := recall(rt, disk)
		patterns := rapid.SliceOfN(rapid.SampledFrom([]string{"a/", "b", "/a", "*.txt", "!a", "A/a"}), 0, 2).Draw(rt, "patterns")
		o := ScanOptions{Ignore: folder.NewIgnore(patterns)}
		if rapid.Bool().Draw(rt, "partial") {
			o.Under = modelPath().Draw(rt, "under")
		}
		want := expect(disk, x, o.Ignore, o.Under)
		got, err := tryLook(r, x, o)
		if err != nil || len(got.problems) > 0 {
			rt.Fatal(err, got.problems)
		}
		if !slices.EqualFunc(got.found, want, func(a, b Found) bool { return reflect.DeepEqual(a, b) }) {
			rt.Fatalf("under %q with %q\nfound %q\nwant  %q\n%+v\n%+v", o.Under, patterns, got.paths(), looked{found: want}.paths(), got.found, want)
		}
	})
}
