package disk

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"qsync/folder"
)

// statOf is what the kernel says, past the code under test.
func statOf(fi fs.FileInfo) folder.Stat {
	st := fi.Sys().(*syscall.Stat_t)
	return folder.Stat{Inode: st.Ino, CTime: syscall.TimespecToNsec(st.Ctim)}
}

// asNobody runs the calling test again as an unprivileged user, if it is root,
// and reports whether it did.
func asNobody(t *testing.T) bool {
	t.Helper()
	if os.Getuid() != 0 {
		return false
	}
	// The test binary may lie where nobody else can go.
	dir, err := os.MkdirTemp("", "nobody")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	bin := filepath.Join(dir, "test")
	out, err := os.OpenFile(bin, os.O_WRONLY|os.O_CREATE, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin, "-test.run=^"+t.Name()+"$", "-test.timeout=20s")
	cmd.Env = []string{"TMPDIR=" + dir, "HOME=" + dir}
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if b, err := cmd.CombinedOutput(); err != nil || !bytes.Contains(b, []byte("PASS")) {
		t.Errorf("%v\n%s", err, b)
	}
	return true
}

// F11, F28: what cannot be read is a problem, and nothing below it vanished.
func TestScanUnreadable(t *testing.T) {
	if asNobody(t) {
		return
	}
	r, x := known(t, "a", "d/e/f", "d/g", "h", "i/j")
	root := r.Path()
	write(t, filepath.Join(root, "h"), "changed")
	for path, mode := range map[string]fs.FileMode{"d": 0, "h": 0, "i": 0o400} {
		if err := os.Chmod(filepath.Join(root, path), mode); err != nil {
			t.Fatal(err)
		}
		defer os.Chmod(filepath.Join(root, path), 0o700)
	}
	l := look(t, r, x, ScanOptions{})
	wantPaths(t, l, "i:directory>directory") // its new mode; it can still be listed
	var got []string
	for _, p := range l.problems {
		if !errors.Is(p.Err, fs.ErrPermission) {
			t.Error(p)
		}
		got = append(got, string(p.Path))
	}
	if s := strings.Join(got, " "); s != "d h i/j" {
		t.Errorf("problems with %q", got)
	}
	wantPaths(t, look(t, r, x, ScanOptions{Under: "d/e/f"}))
	wantPaths(t, look(t, r, x, ScanOptions{Under: "d/e/f", Shallow: true}))
}

// F63: a fifo is said once and never opened, which would hang.
func TestScanSpecial(t *testing.T) {
	r, x := known(t, "a", "b/c")
	root := r.Path()
	remove(t, root, "b")
	for _, name := range []string{"b", "pipe"} {
		if err := unix.Mkfifo(filepath.Join(root, name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	l := look(t, r, x, ScanOptions{})
	wantPaths(t, l)
	if s := fmt.Sprint(l.problems); len(l.problems) != 2 || !errors.Is(l.problems[0].Err, ErrSpecial) || !strings.Contains(s, "{pipe ") {
		t.Error(s)
	}
	wantProblem(t, look(t, r, x, ScanOptions{Under: "b/c"}), "b", ErrSpecial)
}

// F58: a path too long or too deep is a problem and ends nothing.
func TestScanTooDeep(t *testing.T) {
	r := openRoot(t)
	at, err := r.dir.walk("")
	if err != nil {
		t.Fatal(err)
	}
	for range folder.MaxDepth + 3 {
		if err := at.mkdir("d", 0o755); err != nil {
			t.Fatal(err)
		}
		next, err := at.sub("d")
		if err != nil {
			t.Fatal(err)
		}
		at.Close()
		at = next
	}
	at.Close()
	grow(t, r.Path(), "e")
	l := look(t, r, index{}, ScanOptions{})
	if len(l.found) != folder.MaxDepth+1 || len(l.problems) != 1 || !errors.Is(l.problems[0].Err, folder.ErrPath) {
		t.Errorf("%d found, %v", len(l.found), l.problems)
	}
}

// F27: the scan stays on one file system, and what was below a mount point did
// not vanish. The mount is told from its device, so the test pretends.
func TestScanOtherDevice(t *testing.T) {
	r, x := known(t, "a/x", "b")
	s := newScanner(t.Context(), &ScanOptions{Known: x.under("")}, info{Dev: 1})
	var l looked
	s.o.Found = func(f Found) error { l.found = append(l.found, f); return nil }
	s.o.Problem = func(p Problem) { l.problems = append(l.problems, p) }
	if err := errors.Join(s.run(r), s.close()); err != nil {
		t.Fatal(err)
	}
	wantPaths(t, l)
	wantProblem(t, l, "a", ErrMount)
}

// F29: a directory that goes while it is walked is neither an error nor more
// than what vanished.
func TestScanStorm(t *testing.T) {
	r, x := known(t, "keep/a", "keep/b", "storm/x")
	root := r.Path()
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			d := filepath.Join(root, "storm", fmt.Sprintf("d%d", i%7))
			os.MkdirAll(filepath.Join(d, "e"), 0o755)
			os.WriteFile(filepath.Join(d, "e", "f"), []byte("x"), 0o644)
			os.RemoveAll(filepath.Join(root, "storm", fmt.Sprintf("d%d", (i+3)%7)))
		}
	}()
	for range 100 {
		l := look(t, r, x, ScanOptions{})
		for _, f := range l.found {
			if f.Path != "storm" && !f.Path.Below("storm") || f.Path == "storm/x" {
				t.Fatalf("%s: %v to %v", f.Path, f.Before.Value.Kind, f.After.Value.Kind)
			}
		}
		for _, p := range l.problems {
			if !errors.Is(p.Err, ErrChanging) {
				t.Fatal(p)
			}
		}
		x.adopt(l.found)
	}
	close(stop)
	<-done
	settleDown()
	x.adopt(look(t, r, x, ScanOptions{}).found)
	wantPaths(t, look(t, r, x, ScanOptions{}))
}
