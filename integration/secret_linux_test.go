package integration

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// The sync ID is printed by share and kept in one file, and is nowhere else: no
// log at debug level, no status, no error, no process title, no other file of
// the home or the folder; and only the owner can open what qsync keeps. (F107)
func TestNoSecretAnywhere(t *testing.T) {
	t.Parallel()
	a, b := newMachine(t, "a"), newMachine(t, "b")
	d := dirs(t, "a", "b")
	richTree(t, d[0])
	id := newID(a)
	words := a.feed(id, "id", "check", "-")
	log := func(m *machine) []string {
		return []string{"--log-level", "debug", "--log-file", filepath.Join(filepath.Dir(m.home), "log"), "--json", "--listen", "127.0.0.1:0"}
	}
	file := filepath.Join(filepath.Dir(a.home), "id")
	must(t, os.WriteFile(file, []byte(id), 0o600))
	pa := a.start(append([]string{"share", d[0], "--id-file", file}, log(a)...)...)
	ready := pa.ready()
	pb := b.startFed(id, append([]string{"join", "-", d[1], "--remote", ready.Listen[0]}, log(b)...)...)
	a.settles(1)
	forms := formsOf(t, id, a.must(0, "id", "words", d[0]).out)
	if !strings.Contains(ready.ID, id) {
		t.Error("the ready line lacks the ID: scripts need it")
	}

	said := map[string]string{"id check": words.err + words.out}
	for name, m := range map[string]*machine{"a": a, "b": b} {
		for _, args := range [][]string{{"status"}, {"status", "--json"}, {"folders"}, {"folders", "--json"}, {"wait"}, {"version"}} {
			r := m.must(0, append(args, "-vv")...)
			said[name+" "+strings.Join(args, " ")] = r.out + r.err
		}
		r := m.run("share", d[0], "--id-file", file, "-vv") // it is running
		said[name+" share again"] = r.err
		r = m.feed(id+"ff", "join", "-", d[1], "-vv")
		said[name+" join with a bad ID"] = r.out + r.err
		r = m.run("jion", id, d[1])
		said[name+" a typo"] = r.out + r.err
	}
	for name, p := range map[string]*process{"a": pa, "b": pb} {
		for _, what := range []string{"cmdline", "environ", "comm"} {
			text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", p.cmd.Process.Pid, what))
			must(t, err)
			said[name+"'s "+what] = string(text)
		}
	}
	pb.end(syscall.SIGINT, 130)
	pa.end(syscall.SIGTERM, 143)
	for name, p := range map[string]*process{"a": pa, "b": pb} {
		said[name+"'s messages"] = p.err.String()
		_, rest, _ := strings.Cut(p.out.String(), "\n") // without the ready line
		said[name+"'s events"] = rest
	}
	for what, text := range said {
		forms.absent(t, what, []byte(text))
	}
	for _, m := range []*machine{a, b} {
		text, err := os.ReadFile(filepath.Join(filepath.Dir(m.home), "log"))
		must(t, err)
		if len(text) == 0 {
			t.Error("the log at debug level is empty")
		}
		forms.absent(t, m.name+"'s log", text)
		private(t, m.home, forms)
	}
	for _, dir := range d {
		private(t, filepath.Join(dir, ".qsync"), forms)
	}
}

// secretForms are the ways in which an ID can be written.
type secretForms [][]byte

func formsOf(t *testing.T, id, words string) (all secretForms) {
	t.Helper()
	raw, err := hex.DecodeString(id)
	must(t, err)
	if n := len(strings.Fields(words)); n != 24 {
		t.Fatalf("%d words", n)
	}
	some := strings.Join(strings.Fields(words)[:4], " ")
	for _, form := range []string{
		id[:20], strings.ToUpper(id[:20]), id[40:], some, strings.ReplaceAll(some, " ", "-"),
		base64.StdEncoding.EncodeToString(raw)[:20], base64.URLEncoding.EncodeToString(raw)[:20],
		string(raw[:8]), string(raw[20:]), fmt.Sprint(raw)[1:30],
	} {
		all = append(all, []byte(form))
	}
	return all
}

func (all secretForms) absent(t *testing.T, what string, text []byte) {
	t.Helper()
	for i, form := range all {
		if bytes.Contains(text, form) {
			t.Errorf("%s holds the sync ID (form %d)", what, i)
		}
	}
}

// private checks that only the owner can open what is in a directory, and that
// no file but folder.json holds the ID.
func private(t *testing.T, dir string, forms secretForms) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		versions := strings.Contains(p, "/versions/") // the user's own modes
		if fi.Mode().Perm()&0o077 != 0 && !versions {
			t.Errorf("%s has mode %v", p, fi.Mode())
		}
		if !d.Type().IsRegular() || d.Name() == "folder.json" {
			return nil
		}
		text, err := os.ReadFile(p)
		forms.absent(t, p, text)
		return err
	})
	must(t, err)
}
