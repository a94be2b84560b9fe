package disk

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"qsync/folder"
	"qsync/folder/chunk"
)

// openRoot opens a fresh folder that is ready for changes.
func openRoot(t *testing.T) *Root {
	t.Helper()
	return openRootAt(t, t.TempDir())
}

func openRootAt(t *testing.T, path string) *Root {
	t.Helper()
	r, err := Open(path, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := r.PrepareReserved(); err != nil {
		t.Fatal(err)
	}
	return r
}

var stamp = time.Date(2026, 5, 4, 17, 3, 22, 123456789, time.UTC).UnixNano()

// fileValue is the value of a file with that content.
func fileValue(content string) folder.Value {
	h := chunk.New()
	h.Write([]byte(content))
	return folder.Value{Kind: folder.File, Mode: 0o640, MTime: stamp, Size: int64(len(content)), Digest: h.Sum()}
}

// stage stages content, finished.
func stage(t *testing.T, r *Root, content string) *Staged {
	t.Helper()
	s, err := r.Stage()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Discard)
	if _, err := s.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := s.Finish(fileValue(content)); err != nil {
		t.Fatal(err)
	}
	return s
}

// put puts content at p and returns what the index would record.
func put(t *testing.T, r *Root, p folder.Path, content string, before folder.Local) folder.Local {
	t.Helper()
	placed, err := r.Put(p, stage(t, r, content), before)
	if err != nil {
		t.Fatal(err)
	}
	if placed.Displaced != "" {
		t.Fatalf("displaced %q", placed.Displaced)
	}
	return placed.Local
}

// seen is what an index that has just scanned p holds.
func seen(t *testing.T, r *Root, p folder.Path) folder.Local {
	t.Helper()
	d, err := r.dir.walk(p.Dir())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	i, err := d.stat(p.Base())
	if err != nil {
		t.Fatal(err)
	}
	l := folder.Local{Value: contentOf(d, p.Base(), i), Stat: folder.Stat{Inode: i.Inode, CTime: i.CTime}}
	l.Value.Mode = i.Mode
	return l
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func wantFile(t *testing.T, path, content string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil || string(b) != content {
		t.Errorf("%s holds %q, %v; want %q", path, b, err, content)
	}
}

// names lists a directory, without the reserved one.
func names(t *testing.T, path string) []string {
	t.Helper()
	entries, err := os.ReadDir(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		if e.Name() != folder.Reserved {
			out = append(out, e.Name())
		}
	}
	return out
}

// wantClean checks that nothing is left in the staging directory.
func wantClean(t *testing.T, r *Root) {
	t.Helper()
	if left := names(t, filepath.Join(r.path, folder.Reserved, "tmp")); len(left) > 0 {
		t.Errorf("left in the staging directory: %q", left)
	}
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "file"), "x")
	for path, want := range map[string]error{"none": fs.ErrNotExist, "file": ErrNotDir, "file/below": ErrNotDir} {
		if _, err := Open(filepath.Join(dir, path), false); !errors.Is(err, want) {
			t.Errorf("Open(%s) = %v, want %v", path, err, want)
		}
	}
}

func TestOpenFollowsSymlinkOfRoot(t *testing.T) {
	dir := t.TempDir()
	real := filepath.Join(dir, "real")
	if err := errors.Join(os.Mkdir(real, 0o755), os.Symlink("real", filepath.Join(dir, "link"))); err != nil {
		t.Fatal(err)
	}
	r := openRootAt(t, filepath.Join(dir, "link"))
	q := openRootAt(t, real)
	want, err := filepath.EvalSymlinks(real)
	if err != nil || r.Path() != want {
		t.Errorf("Path() = %q, want %q (%v)", r.Path(), want, err)
	}
	a, err := r.ID()
	b, err2 := q.ID()
	if err != nil || err2 != nil || a != b || a == (RootID{}) {
		t.Errorf("IDs %v, %v differ or are empty (%v, %v)", a, b, err, err2)
	}
}

func TestLock(t *testing.T) {
	dir := t.TempDir()
	first := openRootAt(t, dir)
	if err := errors.Join(first.Lock("qsync serve"), first.Lock("again")); err != nil {
		t.Fatal(err)
	}
	second, err := Open(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	err = second.Lock("other")
	var busy *BusyError
	if !errors.As(err, &busy) || busy.PID != os.Getpid() || busy.Who != "qsync serve" {
		t.Fatalf("second lock: %v", err)
	}
	if !strings.Contains(err.Error(), "qsync serve") {
		t.Errorf("message %q does not say who", err)
	}
	reader, err := Open(dir, true)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if err := reader.Lock("reader"); err != nil {
		t.Errorf("a reader is kept out: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := second.Lock("other"); err != nil {
		t.Errorf("lock after release: %v", err)
	}
}

func TestMarker(t *testing.T) {
	r := openRoot(t)
	if _, err := r.Marker(); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("no marker: %v", err)
	}
	for _, m := range []Marker{{Share: "share one", Root: "root"}, {Share: "share \"two\"\n", Root: "other", Run: "7"}} {
		if err := r.WriteMarker(m); err != nil {
			t.Fatal(err)
		}
		if got, err := r.Marker(); err != nil || got != m {
			t.Fatalf("got %v, %v, want %v", got, err, m)
		}
	}
	wantClean(t, r)
	write(t, filepath.Join(r.path, folder.Reserved, markerName), "")
	if _, err := r.Marker(); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("empty marker: %v", err)
	}
}

func TestReservedIsPrivate(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, folder.Reserved), 0o755); err != nil {
		t.Fatal(err)
	}
	openRootAt(t, dir)
	for _, p := range []string{"", "tmp", "versions"} {
		fi, err := os.Stat(filepath.Join(dir, folder.Reserved, p))
		if err != nil || fi.Mode().Perm() != 0o700 {
			t.Errorf("%q: %v, %v", p, fi.Mode(), err)
		}
	}
}

func TestReservedSymlinkIsRefused(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(dir, folder.Reserved)); err != nil {
		t.Fatal(err)
	}
	r, err := Open(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.PrepareReserved(); err == nil {
		t.Error("worked through a symlink")
	}
	if got := names(t, outside); len(got) > 0 {
		t.Errorf("wrote outside: %q", got)
	}
}

func TestReservedRemovedWhileOpen(t *testing.T) {
	t.Run("here", reservedRemovedWhileOpen)
	if fi, err := os.Stat("/dev/shm"); err == nil && fi.IsDir() { // another file system, on Linux
		t.Setenv("TMPDIR", "/dev/shm")
		t.Run("in memory", reservedRemovedWhileOpen)
	}
}

func reservedRemovedWhileOpen(t *testing.T) {
	r := openRoot(t)
	before := put(t, r, "a", "one", folder.Local{})
	if err := os.RemoveAll(filepath.Join(r.path, folder.Reserved)); err != nil {
		t.Fatal(err)
	}
	put(t, r, "a", "two", before)
	wantFile(t, filepath.Join(r.path, "a"), "two")
	if v := names(t, filepath.Join(r.path, folder.Reserved, "versions")); len(v) != 1 {
		t.Errorf("versions: %q", v)
	}
}

// TestHiddenFromGit: git leaves out what is qsync's own in a folder, also one of
// before; what a user makes of that stays, and that it cannot be stops nothing.
func TestHiddenFromGit(t *testing.T) {
	r := openRoot(t)
	name := filepath.Join(r.Path(), folder.Reserved, ".gitignore")
	for range 2 {
		if err := r.PrepareReserved(); err != nil {
			t.Fatal(err)
		}
	}
	git := func(args ...string) string {
		out, err := exec.Command("git", append([]string{"-C", r.Path()}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	git("init", "-q")
	if out := git("status", "--porcelain", "--untracked-files=all"); out != "" {
		t.Error(out)
	}
	for was, want := range map[string]string{"": "*\n", "mine\n": "mine\n"} {
		if err := errors.Join(os.WriteFile(name, []byte(was), 0o600), r.PrepareReserved()); err != nil {
			t.Error(err)
		}
		if b, err := os.ReadFile(name); err != nil || string(b) != want {
			t.Errorf("%q became %q %v", was, b, err)
		}
	}
	if err := errors.Join(os.Remove(name), os.Mkdir(name, 0o700), r.PrepareReserved()); err != nil {
		t.Error(err)
	}
	left, err := os.ReadDir(filepath.Join(r.Path(), folder.Reserved, "tmp"))
	if err != nil || len(left) > 0 {
		t.Error(left, err)
	}
}

func TestPrepareReserved(t *testing.T) {
	r := openRoot(t)
	tmp := filepath.Join(r.path, folder.Reserved, "tmp")
	write(t, filepath.Join(tmp, "new-abc"), "junk")
	write(t, filepath.Join(tmp, "swap-abc"), "what the user had")
	write(t, filepath.Join(tmp, "00.part"), "resumable")
	write(t, filepath.Join(tmp, "01.part"), "given up")
	old := time.Now().Add(-partAge - time.Hour)
	err := errors.Join(os.Mkdir(filepath.Join(tmp, "new-dir"), 0o700), os.Chtimes(filepath.Join(tmp, "01.part"), old, old))
	if err := errors.Join(err, r.PrepareReserved()); err != nil {
		t.Fatal(err)
	}
	if got := names(t, tmp); len(got) != 1 || got[0] != "00.part" {
		t.Errorf("left: %q", got)
	}
	versions := filepath.Join(r.path, folder.Reserved, "versions")
	got := names(t, versions)
	if len(got) != 1 || !strings.HasPrefix(got[0], lostPrefix) {
		t.Fatalf("versions: %q", got)
	}
	wantFile(t, filepath.Join(versions, got[0]), "what the user had")
}

func TestReadOnlyRootIsNeverWritten(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a"), "content")
	other := openRoot(t)
	s := stage(t, other, "new")
	r, err := Open(dir, true)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	l := seen(t, r, "a")
	_, errStage := r.Stage()
	_, _, errPart := r.StagePart(folder.Digest{1}, 1)
	_, errPut := r.Put("a", s, l)
	_, errMkdir := r.Mkdir("d", folder.Value{Kind: folder.Dir, Mode: 0o755}, folder.Local{})
	_, errLink := r.Symlink("l", folder.Value{Kind: folder.Symlink, Target: "x"}, folder.Local{})
	_, errMeta := r.SetMeta("a", l.Value, l)
	_, errRename := r.Rename("a", "b", l)
	for i, err := range []error{errStage, errPart, errPut, errMkdir, errLink, errMeta, errRename,
		drop(r, "a", l), r.WriteMarker(Marker{}), r.PrepareReserved(), r.SyncAll()} {
		if !errors.Is(err, ErrReadOnly) {
			t.Errorf("mutator %d: %v", i, err)
		}
	}
	f, err := r.OpenFile("a", l)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write([]byte("x")); err == nil {
		t.Error("the file is open for writing")
	}
	if got, _ := os.ReadDir(dir); len(got) != 1 || seen(t, r, "a") != l {
		t.Errorf("the tree changed: %v", got)
	}
}

func TestFreeSpace(t *testing.T) {
	r := openRoot(t)
	free, total, err := r.FreeSpace()
	if err != nil || free <= 0 || total < free {
		t.Errorf("free %d of %d, %v", free, total, err)
	}
	if err := errors.Join(r.SyncAll(), r.SyncDir("")); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
	if err := r.SyncDir("none"); !errors.Is(err, ErrNoParent) {
		t.Errorf("SyncDir of nothing: %v", err)
	}
}

// drop is [Root.Remove] where it does not matter what is kept.
func drop(r *Root, p folder.Path, before folder.Local) error {
	_, err := r.Remove(p, before)
	return err
}
