package disk

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"qsync/folder"
)

// TestParentSwappedForSymlink works below a directory that a racer keeps
// swapping with a symlink to the outside: there nothing may ever change.
func TestParentSwappedForSymlink(t *testing.T) {
	r := openRoot(t)
	outside := t.TempDir()
	for _, p := range []string{"victim", "f0"} {
		write(t, filepath.Join(outside, p), "canary")
	}
	err := errors.Join(os.MkdirAll(r.full("d/sub"), 0o755), os.Symlink(outside, r.full("link")),
		os.Mkdir(filepath.Join(outside, "sub"), 0o755))
	if err != nil {
		t.Fatal(err)
	}
	canary := dirState(t, outside)
	stop, done := make(chan struct{}), make(chan error)
	go func() {
		for {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			if err := unix.Renameat2(r.dir.fd(), "d", r.dir.fd(), "link", unix.RENAME_EXCHANGE); err != nil {
				done <- err
				return
			}
		}
	}()
	won := 0
	for n, end := 0, time.Now().Add(1500*time.Millisecond); time.Now().Before(end); n++ {
		if attack(t, r, n) {
			won++
		}
	}
	close(stop)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if won == 0 {
		t.Error("nothing was ever written, so nothing was tested")
	}
	if now := dirState(t, outside); now != canary {
		t.Errorf("outside changed:\n%s\nwas\n%s", now, canary)
	}
}

// attack tries all mutators below d and reports whether a file was put.
func attack(t *testing.T, r *Root, n int) bool {
	s := stage(t, r, "attack")
	defer s.Discard()
	d := folder.Path("d")
	if n%2 == 1 {
		d = "d/sub"
	}
	victim := folder.Local{Value: folder.Value{Kind: folder.Dir, Mode: 0o700}}
	placed, err := r.Put(d.Join(fmt.Sprint("f", n%3)), s, nothing)
	_, errs := r.Mkdir(d.Join("m"), dirValue, nothing)
	_, errl := r.Symlink(d.Join("l"), linkValue, nothing)
	_, errm := r.SetMeta("d/sub", victim.Value, victim)
	_, errn := r.Rename(d.Join("m"), d.Join("victim"), victim)
	errr := drop(r, d.Join("victim"), victim)
	for _, err := range []error{err, errs, errl, errm, errn, errr} {
		if err != nil && !errors.Is(err, ErrChanged) && !errors.Is(err, ErrNoParent) {
			t.Errorf("unexpected: %v", err)
		}
	}
	if err == nil {
		_ = drop(r, d.Join(fmt.Sprint("f", n%3)), placed.Local)
	}
	return err == nil
}

// dirState describes all below path.
func dirState(t *testing.T, path string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.Walk(path, func(p string, fi os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		st := fi.Sys().(*syscall.Stat_t)
		fmt.Fprintln(&b, p, fi.Mode(), fi.Size(), st.Ino, st.Mtim, st.Ctim, st.Nlink)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestWriterRacesSwap lets a program save over and over while sync replaces the
// same file: each of its saves must be somewhere in the end.
func TestWriterRacesSwap(t *testing.T) {
	r := openRoot(t)
	r.SetVersions(1 << 20)
	write(t, r.full("f"), "start")
	saved := make(chan []string)
	end := time.Now().Add(700 * time.Millisecond)
	go func() {
		var all []string
		for n := 0; time.Now().Before(end); n++ {
			text := fmt.Sprint("user ", n)
			tmp := r.full("save")
			if os.WriteFile(tmp, []byte(text), 0o644) == nil && os.Rename(tmp, r.full("f")) == nil {
				all = append(all, text)
			}
			time.Sleep(200 * time.Microsecond)
		}
		saved <- all
	}()
	// What the user replaces themselves is theirs to lose: only what sync took
	// away must be kept, so every content that Put replaced is looked for.
	var took []string
	beside := 0
	for n := 0; time.Now().Before(end); n++ {
		l := seen(t, r, "f")
		b, err := os.ReadFile(r.full("f"))
		if err != nil {
			t.Fatal(err)
		}
		s := stage(t, r, fmt.Sprint("sync ", n))
		placed, err := r.Put("f", s, l)
		switch {
		case err != nil && !errors.Is(err, ErrChanged):
			t.Error(err)
		case err == nil && placed.Displaced != "":
			beside++
			wantUser(t, r.full(string(placed.Displaced)))
		case err == nil && l.Value.Digest == fileValue(string(b)).Digest:
			took = append(took, string(b))
		}
		s.Discard()
	}
	<-saved
	have := contents(t, r.full(""), r.full(".qsync/versions"))
	for _, text := range took {
		if !have[text] {
			t.Errorf("lost %q", text)
		}
	}
	if len(took) == 0 {
		t.Error("nothing was replaced, so nothing was tested")
	}
	t.Logf("%d replaced, %d kept beside", len(took), beside)
}

// contents returns what the files in some directories hold.
func contents(t *testing.T, dirs ...string) map[string]bool {
	t.Helper()
	have := map[string]bool{}
	for _, dir := range dirs {
		for _, name := range names(t, dir) {
			if b, err := os.ReadFile(filepath.Join(dir, name)); err == nil {
				have[string(b)] = true
			}
		}
	}
	return have
}

// wantUser checks that path holds one of the user's saves.
func wantUser(t *testing.T, path string) {
	t.Helper()
	if b, err := os.ReadFile(path); err != nil || !strings.HasPrefix(string(b), "user") {
		t.Errorf("%s holds %q, %v", path, b, err)
	}
}

// TestWithoutPermission works in directories that their owner may not write to.
// The superuser may, so there the test runs itself once more as nobody.
func TestWithoutPermission(t *testing.T) {
	const nobody = 65534
	if os.Getuid() == 0 {
		dir := t.TempDir()
		if err := errors.Join(os.Chmod(filepath.Dir(dir), 0o755), os.Chmod(dir, 0o777)); err != nil {
			t.Fatal(err)
		}
		exe := filepath.Join(dir, "test")
		self, err := os.ReadFile("/proc/self/exe")
		if err == nil {
			err = os.WriteFile(exe, self, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
		c := exec.CommandContext(t.Context(), exe, "-test.run=^TestWithoutPermission$", "-test.timeout=20s")
		c.Dir = dir
		c.Env = append(os.Environ(), "TMPDIR="+dir)
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("as nobody: %v\n%s", err, out)
		}
		return
	}
	for _, mode := range []os.FileMode{0o555, 0o500} {
		r := openRoot(t)
		if err := os.Mkdir(r.full("d"), 0o755); err != nil {
			t.Fatal(err)
		}
		l := put(t, r, "d/a", "one", nothing)
		if err := os.Chmod(r.full("d"), mode); err != nil {
			t.Fatal(err)
		}
		readOnlyDirectory(t, r, l)
		fi, err := os.Stat(r.full("d"))
		if err != nil || fi.Mode().Perm() != mode {
			t.Errorf("%v became %v (%v)", mode, fi.Mode(), err)
		}
		if err := os.Chmod(r.full("d"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func readOnlyDirectory(t *testing.T, r *Root, l folder.Local) {
	t.Helper()
	l = put(t, r, "d/a", "two", l)
	sub, err := r.Mkdir("d/sub", folder.Value{Kind: folder.Dir, Mode: 0o555, MTime: stamp}, nothing)
	if err != nil {
		t.Fatal(err)
	}
	link, err := r.Symlink("d/l", linkValue, nothing)
	if err != nil {
		t.Fatal(err)
	}
	moved, err := r.Rename("d/a", "d/sub/a", l)
	if err != nil {
		t.Fatal(err)
	}
	secret := moved.Local.Value
	secret.Mode = 0
	moved, err = r.SetMeta("d/sub/a", secret, moved.Local)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(drop(r, "d/sub/a", moved.Local), drop(r, "d/sub", sub.Local), drop(r, "d/l", link.Local)); err != nil {
		t.Error(err)
	}
	wantClean(t, r)
}
