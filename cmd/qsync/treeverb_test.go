package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"qsync/peer"
)

// post asks a folder of the session for what a verb does.
func post[A any](t *testing.T, h http.Handler, name, dir string, q any) (a A, missing string) {
	t.Helper()
	body, err := json.Marshal(verbRequest[any]{dir, q})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/v1/folder/"+name, bytes.NewReader(body)))
	if w.Code != http.StatusOK {
		t.Fatalf("%s: %d %s", name, w.Code, w.Body)
	}
	fitsDoc(t, http.MethodPost, "/v1/folder/"+name, w.Body.Bytes())
	var out verbAnswer[A]
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		t.Fatalf("%s: %v in %s", name, err, w.Body)
	}
	if (out.Code != 0) != (out.Missing != "") {
		t.Errorf("%s: code %d, %q", name, out.Code, out.Missing)
	}
	return out.Answer, out.Missing
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path, []byte(text), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// tree has the names of a directory with what there is to say about each.
func treeOf(t *testing.T, s *session, dir string, q treeQuery) (all []string) {
	t.Helper()
	for {
		a, missing := post[treeAnswer](t, s.windowAPI(), "tree", dir, q)
		if missing != "" {
			return append(all, "error: "+missing)
		}
		for _, e := range a.Entries {
			text := exact(e.Name, e.RawName) + " " + e.Kind
			if e.Kind == "file" && !e.Lost {
				text += fmt.Sprint(" ", e.Size)
			}
			for _, x := range []struct {
				is   bool
				word string
			}{{e.Deleted, "gone"}, {e.Lost, "lost"}, {e.Ignored, "ignored"}, {e.Moved != "", "now " + e.Moved}, {e.Version > 0, fmt.Sprint("version ", e.Version)}} {
				if x.is {
					text += ", " + x.word
				}
			}
			all = append(all, text)
		}
		if q.After = a.Next; !a.More {
			return all
		}
	}
}

// TestPathTricks: nothing that a page can ask for leads out of the folder, into
// what is qsync's own, or through a symlink.
func TestPathTricks(t *testing.T) {
	s, m := runningFolder(t, nil)
	dir := m.Dir()
	write(t, dir, "real/inside", "inside")
	write(t, filepath.Dir(dir), "outside", "outside")
	for name, to := range map[string]string{"etc": "/etc", "passwd": "/etc/passwd", "up": "..", "real/link": "../../outside", "own": ".qsync"} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Rescan(t.Context()); err != nil {
		t.Fatal(err)
	}
	write(t, dir, ".qsync/versions/secret", "secret")
	h := s.windowAPI()
	for _, p := range []string{
		"..", "../outside", "real/../../outside", "/etc/passwd", "real//inside", "./real", "real/", "real/\x00", "\x00", ".qsync", ".qsync/marker", ".QSYNC/marker",
		".qsync./marker", ".qsync/versions/secret", "etc/passwd", "up/outside", "own/marker", "passwd/x", strings.Repeat("a/", 3000), strings.Repeat("a", 300), "none",
	} {
		for _, at := range []time.Time{{}, time.Now()} {
			if a, missing := post[contentAnswer](t, h, "content", dir, contentQuery{contentState: contentState{Path: []byte(p), At: at}}); missing == "" {
				t.Errorf("%q at %v has content: %+v", p, at, a)
			}
			if a, missing := post[treeAnswer](t, h, "tree", dir, treeQuery{Path: []byte(p), At: at}); missing == "" {
				t.Errorf("%q at %v is a directory: %+v", p, at, a)
			}
		}
		for n, q := range map[string]any{
			"versions": versionsQuery{Path: []byte(p)}, "restore": restoreQuery{Path: []byte(p), Number: 1},
			"diff":    diffQuery{Path: []byte("real/inside"), B: contentState{Path: []byte(p)}},
			"content": contentQuery{contentState: contentState{Path: []byte(p), Version: 1}}, "conflict": resolveQuery{Path: []byte(p)},
		} {
			a, missing := post[any](t, h, n, dir, q)
			if text := fmt.Sprint(a); missing == "" && (strings.Contains(text, "outside") || strings.Contains(text, "secret") || strings.Contains(text, "root")) {
				t.Errorf("%s of %q: %v", n, p, a)
			}
			if odd := strings.ContainsAny(p, "\x00.") || strings.HasPrefix(p, "/"); odd && missing == "" {
				t.Errorf("%s of %q is answered: %v", n, p, a)
			}
		}
	}
	for _, link := range []string{"etc", "passwd", "real/link"} {
		a, missing := post[contentAnswer](t, h, "content", dir, contentQuery{contentState: contentState{Path: []byte(link)}})
		if missing != "" || a.Type != "symlink" || len(a.Data) > 0 || strings.Contains(a.Text, "root:") {
			t.Errorf("%s: %+v, %s", link, a, missing)
		}
	}
	for _, q := range []resolveQuery{{Path: []byte("real/inside"), To: "/tmp/x"}, {Path: []byte("real/inside"), How: peer.Resolution{Keep: peer.KeepMerged, From: "/etc/passwd"}}} {
		if _, missing := post[any](t, h, "resolve", dir, q); !strings.Contains(missing, "a page can") {
			t.Errorf("a file elsewhere was taken: %q", missing)
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/v1/folder/ancestor", strings.NewReader("{}")))
	if w.Code != http.StatusNotFound {
		t.Errorf("a page can have a file written: %d", w.Code)
	}
	if all := treeOf(t, s, dir, treeQuery{}); !slices.Equal(all, []string{"etc symlink", "own symlink", "passwd symlink", "real directory", "up symlink"}) &&
		!slices.Equal(all, []string{"etc symlink", "own symlink", "passwd symlink", "real directory", "secret file 6, gone, version 1", "up symlink"}) {
		t.Errorf("%q", all)
	}
}

func TestTreeOfOddNames(t *testing.T) {
	s, m := runningFolder(t, nil)
	dir := m.Dir()
	want := []string{}
	for _, name := range []string{"<script>alert(1)<b>", "a\x1b[31m\n", "bad\xff\xfe", "\u202egpj.exe", "  ", "\"'&", ".syncignore", "x.tmp"} {
		text := ""
		if name == ".syncignore" {
			text = "*.tmp\n"
		}
		write(t, dir, name, text)
		line := fmt.Sprintf("%s file %d", name, len(text))
		if name == "x.tmp" {
			line += ", ignored"
		}
		want = append(want, line)
	}
	slices.Sort(want)
	if err := m.Rescan(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := treeOf(t, s, dir, treeQuery{Limit: 2})
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// TestTreeOfManyEntries goes through a directory of many entries part by part.
func TestTreeOfManyEntries(t *testing.T) {
	s, m := runningFolder(t, nil)
	const n = 30_000
	for i := range n {
		if f, err := os.Create(filepath.Join(m.Dir(), fmt.Sprintf("%06d", i))); err != nil {
			t.Fatal(err)
		} else {
			f.Close()
		}
	}
	began := time.Now()
	a, missing := post[treeAnswer](t, s.windowAPI(), "tree", m.Dir(), treeQuery{After: []byte("012345"), Limit: 100_000})
	if missing != "" || len(a.Entries) != 5000 || a.Entries[0].Name != "012346" || !a.More || string(a.Next) != "017345" {
		t.Errorf("%d entries, next %s, %s", len(a.Entries), a.Next, missing)
	}
	if d := time.Since(began); d > 5*time.Second {
		t.Errorf("a part took %v", d)
	}
	if all := treeOf(t, s, m.Dir(), treeQuery{Limit: 4999}); len(all) != n || all[n-1] != "029999 file 0" {
		t.Errorf("%d entries", len(all))
	}
}
