package integration

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// editor is a way to save a file: the system calls of a program, as strace shows
// them.
type editor struct {
	name string
	save func(d *desk, text string) error
}

// desk is where one editor saves one file again and again.
type desk struct {
	path  string
	mode  fs.FileMode
	save  int
	since time.Time // of the first name that is there only while it saves
	short []string  // what is part of such names in saves that took but a moment
}

// temp is a name that is gone after the save, with a part that is unique to that.
func (d *desk) temp(pattern string) string {
	if d.since.IsZero() {
		d.since = time.Now()
	}
	return filepath.Join(filepath.Dir(d.path), fmt.Sprintf(pattern, d.part()))
}

func (d *desk) part() string { return fmt.Sprintf("t%dx", d.save) }

// saved notes whether the save took less than hints wait for a change to settle.
func (d *desk) saved() {
	if !d.since.IsZero() && time.Since(d.since) < 8*time.Millisecond {
		d.short = append(d.short, d.part())
	}
	d.since = time.Time{}
}

// over writes a file as it is, after it was cut.
func (d *desk) over(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, d.mode)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return firstOf(err, f.Chmod(d.mode), f.Close())
}

// fresh writes a file that must not be there.
func (d *desk) fresh(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return firstOf(err, f.Chmod(d.mode), f.Sync(), f.Close())
}

func firstOf(all ...error) error {
	for _, err := range all {
		if err != nil {
			return err
		}
	}
	return nil
}

var editors = []editor{
	{"nano", func(d *desk, text string) error { return d.over(d.path, text) }},
	{"vscode", func(d *desk, text string) error { // two calls: it is empty for a moment
		if err := os.Truncate(d.path, 0); err != nil {
			return err
		}
		return d.over(d.path, text)
	}},
	{"vim backupcopy=yes", func(d *desk, text string) error {
		backup, old := d.temp("%s~"), ""
		if b, err := os.ReadFile(d.path); err == nil {
			old = string(b)
		}
		return firstOf(d.fresh(backup, old), d.over(d.path, text), os.Remove(backup))
	}},
	{"vim backupcopy=no", func(d *desk, text string) error {
		backup := d.temp("%s~")
		return firstOf(os.Rename(d.path, backup), d.fresh(d.path, text), os.Remove(backup))
	}},
	{"vim backupcopy=auto", func(d *desk, text string) error { // it tries out whether it may make files
		probe, backup := d.temp("4913%s"), d.temp("%s~")
		return firstOf(d.fresh(probe, ""), os.Remove(probe), os.Rename(d.path, backup), d.fresh(d.path, text), os.Remove(backup))
	}},
	{"emacs", func(d *desk, text string) error { // its backup is made once, and stays
		lock := d.temp(".#%s")
		if d.save == 0 {
			backup := d.path + ".orig~"
			if err := firstOf(os.Rename(d.path, backup), d.fresh(d.path, text)); err != nil {
				return err
			}
		}
		return firstOf(os.Symlink("user@host.1234", lock), d.over(d.path, text), os.Remove(lock))
	}},
	{"LibreOffice", func(d *desk, text string) error {
		lock, temp := d.temp(".~lock.%s#"), d.temp("lu%s.tmp")
		return firstOf(d.fresh(lock, ",user,host,;"), d.fresh(temp, text), os.Rename(temp, d.path), os.Remove(lock))
	}},
	{"git", func(d *desk, text string) error {
		lock := d.temp("%s.lock")
		return firstOf(d.fresh(lock, text), os.Rename(lock, d.path))
	}},
	{"gedit", func(d *desk, text string) error { // g_file_replace with a backup
		temp, backup := d.temp(".goutputstream-%s"), d.temp("%s~")
		return firstOf(d.fresh(temp, text), os.Link(d.path, backup), os.Rename(temp, d.path), os.Remove(backup))
	}},
	{"Word", func(d *desk, text string) error {
		temp, old := d.temp("~WRD%s.tmp"), d.temp("~WRL%s.tmp")
		return firstOf(d.fresh(temp, text), os.Rename(d.path, old), os.Rename(temp, d.path), os.Remove(old))
	}},
	{"Office, over a deleted file", func(d *desk, text string) error {
		return firstOf(os.Remove(d.path), d.fresh(d.path, text))
	}},
	{"exchange", func(d *desk, text string) error {
		temp := d.temp("%s.new")
		return firstOf(d.fresh(temp, text),
			unix.Renameat2(unix.AT_FDCWD, temp, unix.AT_FDCWD, d.path, unix.RENAME_EXCHANGE), os.Remove(temp))
	}},
}

// F39: however a program saves, what it saved last arrives, with its mode, without
// a conflict; and a name that is there for less than a moment arrives nowhere.
func TestEditors(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "a")
	d := dirs(t, "left", "right")
	desks := make([]*desk, len(editors))
	for i, e := range editors {
		dir := filepath.Join(d[0], strings.ReplaceAll(e.name, " ", "-"))
		desks[i] = &desk{path: filepath.Join(dir, "document.txt"), mode: []fs.FileMode{0o644, 0o600, 0o755}[i%3]}
		write(t, desks[i].path, "")
		must(t, os.Chmod(desks[i].path, desks[i].mode))
	}
	m.start(d[0], d[1], "-b", "--versions", "1000", "--no-default-ignores")
	m.settles(1)
	saves := 40
	if long {
		saves = 1000
	}
	var group sync.WaitGroup
	for i, e := range editors {
		group.Go(func() {
			random, desk := rand.New(rand.NewPCG(uint64(i), 1)), desks[i]
			for ; desk.save < saves; desk.save++ {
				if err := e.save(desk, fmt.Sprintln(e.name, "saved", desk.save)); err != nil {
					t.Errorf("%s: %v", e.name, err)
					return
				}
				desk.saved()
				time.Sleep([]time.Duration{0, time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond, 60 * time.Millisecond}[random.IntN(5)])
			}
		})
	}
	group.Wait()
	for i, e := range editors {
		last := fmt.Sprintln(e.name, "saved", saves-1)
		holds(t, desks[i].path, last)
		holds(t, filepath.Join(d[1], strings.TrimPrefix(desks[i].path, d[0])), last)
	}
	same(t, d...)
	for path, line := range synced.must(t, d[0]) {
		if strings.Contains(path, ".conflict-") {
			t.Errorf("a conflict nobody made: %s %s", path, line)
		}
	}
	for i, e := range editors {
		fi, err := os.Stat(desks[i].path)
		if must(t, err); fi.Mode() != desks[i].mode {
			t.Errorf("%s: the mode is %v in the end, not %v", e.name, fi.Mode(), desks[i].mode)
		}
		desks[i].stayedHere(t, e.name, d[1])
	}
}

// stayedHere checks that no name has been at the other side that was here for a
// moment only: sync would have kept a version of it there when it went. On a busy
// machine few saves take no longer than that.
func (d *desk) stayedHere(t *testing.T, editor, there string) {
	t.Helper()
	kept, err := os.ReadDir(filepath.Join(there, ".qsync", "versions", filepath.Base(filepath.Dir(d.path))))
	must(t, err)
	if len(kept) == 0 {
		t.Errorf("%s: no version is kept of what it saved", editor)
	}
	for _, part := range d.short {
		for _, v := range kept {
			if strings.Contains(v.Name(), part) {
				t.Errorf("%s: %s was here for a moment, and has come to the other side", editor, v.Name())
			}
		}
	}
	t.Logf("%s: %d of %d saves were short", editor, len(d.short), d.save)
}
