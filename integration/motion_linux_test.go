package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// F40: a path that is a file, a directory, a link and nothing, fifty times a
// second, ends as what it is last.
func TestTypeFlips(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "a")
	d := dirs(t, "left", "right")
	m.start(d[0], d[1], "-b", "--max-delete", "100%")
	m.settles(1)
	flips := 50
	if long {
		flips = 3000
	}
	for i := range flips {
		for j := range 4 {
			p := filepath.Join(d[0], fmt.Sprint("p", j))
			must(t, os.RemoveAll(p))
			switch (i + j) % 4 {
			case 0:
				write(t, p, fmt.Sprint("file ", i))
			case 1:
				write(t, filepath.Join(p, "in", "it"), fmt.Sprint("below ", i))
			case 2:
				must(t, os.Symlink(fmt.Sprint("nowhere", i), p))
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	same(t, d...)
	m.settles(1)
	must(t, synced.unequal(d...))
	all := synced.must(t, d[0])
	for path := range all {
		if strings.Contains(path, ".conflict-") {
			t.Errorf("a conflict nobody made: %s", path)
		}
	}
	if len(all) != 5 { // a file, a link, and a directory with one that holds a file
		t.Errorf("%d entries in the end: %v", len(all), all)
	}
}

// F49: times far from now are kept, between a file system in memory and the one
// of the disk.
func TestStrangeTimes(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "a")
	d := dirs(t, "left")
	disk, err := os.MkdirTemp("/var/tmp", "qsync-times-")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(disk) })
	d = append(d, disk)
	times := map[string]time.Time{
		"1901": time.Date(1901, 12, 14, 0, 0, 0, 0, time.UTC), "negative": time.Unix(-1, 500), "zero": time.Unix(0, 0),
		"2038": time.Unix(1<<31, 7), "2106": time.Unix(1<<32+5, 9), "future": time.Now().AddDate(30, 0, 0), "far": time.Date(2200, 1, 1, 0, 0, 0, 1, time.UTC),
	}
	for i, from := range d {
		for name, at := range times {
			p := filepath.Join(from, fmt.Sprint(name, i))
			write(t, p, name)
			must(t, os.Chtimes(p, at, at))
		}
	}
	m.start(d[0], d[1], "-b")
	m.settles(1)
	same(t, d...)
	for i := range d {
		for name, at := range times {
			for _, dir := range d {
				fi, err := os.Stat(filepath.Join(dir, fmt.Sprint(name, i)))
				if must(t, err); !fi.ModTime().Equal(at) {
					t.Errorf("%s of %s is %v in %s", name, d[i], fi.ModTime(), dir)
				}
			}
		}
	}
	f, _ := m.folder()
	before := f.Totals["announced"]
	unchanged(t, func() { m.settles(1); m.settles(1) }, d...)
	if f, _ = m.folder(); f.Totals["announced"] != before {
		t.Error("a time that was kept is taken for a change")
	}
}

// F42: where the system lets us watch few directories, the rest is looked at now
// and then; it is said once, with the setting that helps.
func TestFewWatches(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "a")
	// The limits are those of the user namespace, so that nobody else feels them.
	m.wrap = []string{"unshare", "--user", "--map-root-user", "sh", "-c", `echo 50 > /proc/sys/user/max_inotify_watches && exec "$0" "$@"`}
	d := dirs(t, "left", "right")
	for i := range 200 {
		write(t, filepath.Join(d[0], fmt.Sprint("d", i), "f"), fmt.Sprint(i))
	}
	p := m.start(d[0], d[1])
	m.settles(1)
	same(t, d...)
	for i := range 200 {
		write(t, filepath.Join(d[0], fmt.Sprint("d", i), "f"), fmt.Sprint("changed ", i))
	}
	m.settles(1)
	same(t, d...)
	if n := strings.Count(p.err.String(), `msg="watching is limited" folder=`+d[0]+" "); n != 1 || !strings.Contains(p.err.String(), "fs.inotify.max_user_watches") {
		t.Errorf("said %d times:\n%s", n, p.err.String())
	}
}
