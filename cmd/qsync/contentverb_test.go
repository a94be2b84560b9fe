package main

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"qsync/peer"
)

func pngOf(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 3, 2))); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestContent(t *testing.T) {
	s, m := runningFolder(t, nil)
	dir := m.Dir()
	picture := pngOf(t)
	for _, c := range []struct{ name, content, kind, text string }{
		{"empty", "", "text", ""},
		{"text.txt", "hällo\n", "text", "hällo\n"},
		{"page.html", "<html><script>alert(1)</script>", "text", "<html><script>alert(1)</script>"},
		{"drawing.svg", `<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`, "text", `<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`},
		{"picture.txt", picture, "image/png", ""},
		{"not a picture.png", "just text", "text", "just text"},
		{"latin1", "caf\xe9 and more of it", "text", "caf\uFFFD and more of it"},
		{"wide", "\xff\xfeh\x00i\x00", "text", "hi"},
		{"binary", "\x7fELF\x02\x01\x00\x00", "binary", ""},
		{"noise", strings.Repeat("\x01\x02\xfe\x80", 50), "binary", ""},
		{"photo.jpg", "\xff\xd8\xff\xe0" + strings.Repeat("x", 100), "image/jpeg", ""},
		{"pdf", "%PDF-1.4\n\x00", "binary", ""},
	} {
		write(t, dir, c.name, c.content)
		a, missing := post[contentAnswer](t, s.windowAPI(), "content", dir, contentQuery{contentState: contentState{Path: []byte(c.name)}})
		if missing != "" || a.Type != c.kind || a.Text != c.text || a.Size != int64(len(c.content)) || a.Truncated {
			t.Errorf("%s: %+v, %s", c.name, a, missing)
		}
		if image := strings.HasPrefix(c.kind, "image/"); image && string(a.Data) != c.content || !image && len(a.Data) > 0 {
			t.Errorf("%s: data of %d bytes", c.name, len(a.Data))
		}
	}
}

// TestContentOfAHugeFile: of 2 GB only the part that is asked for is read.
func TestContentOfAHugeFile(t *testing.T) {
	s, m := runningFolder(t, nil)
	text := strings.Repeat("zeilenweise für alle\n", 200_000)
	for name, begin := range map[string]string{"text": text, "picture": pngOf(t)} {
		write(t, m.Dir(), name, begin)
		if err := os.Truncate(filepath.Join(m.Dir(), name), 2<<30); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	ask := func(name string, offset int64, limit int) contentAnswer {
		a, missing := post[contentAnswer](t, s.windowAPI(), "content", m.Dir(), contentQuery{contentState{Path: []byte(name)}, offset, limit})
		if missing != "" {
			t.Fatal(missing)
		}
		return a
	}
	if a := ask("picture", 0, 0); a.Type != "binary" || len(a.Data) > 0 {
		t.Errorf("%s with %d bytes", a.Type, len(a.Data))
	}
	var got strings.Builder
	for next := int64(0); got.Len() < len(text)/2; {
		a := ask("text", next, 1000)
		if !a.Truncated || a.Lossy || a.Next <= next || !utf8.ValidString(a.Text) {
			t.Fatalf("at %d: %+v", next, a)
		}
		got.WriteString(a.Text)
		if next = a.Next; next == 10*1000 {
			break
		}
		if next > 100_000 {
			break
		}
	}
	if !strings.HasPrefix(text, got.String()) {
		t.Error("the parts are not the text")
	}
	if a := ask("text", 0, 1<<30); len(a.Text) > maxPart || len(a.Text) < maxPart-4 || !a.Truncated {
		t.Errorf("%d bytes", len(a.Text))
	}
	if a := ask("text", 1<<40, 10); a.Text != "" || a.Truncated {
		t.Errorf("behind the end: %+v", a)
	}
	if d := time.Since(began); d > 5*time.Second {
		t.Errorf("it took %v", d)
	}
}

func TestDiff(t *testing.T) {
	s, m := runningFolder(t, nil)
	dir := m.Dir()
	numbers := func(n int, without, with string) string {
		var b strings.Builder
		for i := range n {
			if line := fmt.Sprint("line ", i); line == without {
				b.WriteString(with)
			} else {
				b.WriteString(line + "\n")
			}
		}
		return b.String()
	}
	write(t, dir, "a", numbers(100, "", ""))
	write(t, dir, "b", numbers(100, "line 50", "<b>\x1b[31m\n"))
	write(t, dir, "c", strings.TrimSuffix(numbers(100, "", ""), "\n"))
	write(t, dir, "long", strings.Repeat("ü", 10_000))
	write(t, dir, "many", numbers(60_000, "line 3", "x\n"))
	write(t, dir, "many too", numbers(60_000, "line 4", "x\n"))
	write(t, dir, "binary", "\x00")
	diff := func(a, b string) diffAnswer {
		t.Helper()
		d, missing := post[diffAnswer](t, s.windowAPI(), "diff", dir, diffQuery{Path: []byte(a), B: contentState{Path: []byte(b)}})
		if missing != "" {
			t.Fatal(missing)
		}
		return d
	}
	d := diff("a", "b")
	var text []string
	for _, l := range d.Lines {
		text = append(text, fmt.Sprintf("%s%d,%d %q", l.Op, l.A, l.B, l.Text))
	}
	want := ` 48,48 "line 47"; 49,49 "line 48"; 50,50 "line 49";-51,0 "line 50";+0,51 "<b>\x1b[31m"; 52,52 "line 51"; 53,53 "line 52"; 54,54 "line 53"`
	if strings.Join(text, ";") != want || d.Binary || d.Truncated || d.Same {
		t.Errorf("%s\nwant\n%s", strings.Join(text, ";"), want)
	}
	if d = diff("a", "a"); !d.Same || len(d.Lines) > 0 {
		t.Errorf("%+v", d)
	}
	if d = diff("a", "c"); d.Same || len(d.Lines) != 5 || !d.Lines[4].NoEnd || d.Lines[3].NoEnd {
		t.Errorf("%+v", d)
	}
	if d = diff("long", "a"); len(d.Lines) == 0 || !d.Lines[0].Cut || len(d.Lines[0].Text) > diffWidth || !utf8.ValidString(d.Lines[0].Text) {
		t.Errorf("%+v", d)
	}
	if d = diff("binary", "a"); !d.Binary || len(d.Lines) > 0 {
		t.Errorf("%+v", d)
	}
	began := time.Now()
	if d = diff("many", "many too"); !d.Truncated || len(d.Lines) == 0 || len(d.Lines) > 20 {
		t.Errorf("%d lines, truncated %v", len(d.Lines), d.Truncated)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

// TestWindowOfAStoppedFolder: what the brake has stopped can be looked at, and
// decided about, where the node runs.
func TestWindowOfAStoppedFolder(t *testing.T) {
	s, m := runningFolder(t, func(fc *peer.FolderConfig) { fc.MaxDelete = peer.Brake{Entries: 2} })
	dir := m.Dir()
	for i := range 9 {
		write(t, dir, fmt.Sprint("f", i), fmt.Sprint("content ", i))
	}
	if err := m.Rescan(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range 8 {
		if err := os.Remove(filepath.Join(dir, fmt.Sprint("f", i))); err != nil {
			t.Fatal(err)
		}
	}
	_ = m.Rescan(t.Context()) // the folder stops in it
	untilSeen(t, s, func(f folderView) bool { return f.Held != nil && len(f.Held.Paths) == 8 })
	h := s.windowAPI()
	if a, missing := post[treeAnswer](t, h, "tree", dir, treeQuery{}); missing != "" || len(a.Entries) != 1 {
		t.Errorf("%+v, %s", a, missing)
	}
	page, missing := post[peer.LogPage](t, h, "log", dir, peer.LogQuery{})
	logged := map[string]bool{} // one that was seen while it was written is there twice
	for _, c := range page.Changes {
		logged[c.Path] = true
	}
	if missing != "" || len(logged) != 9 {
		t.Errorf("%+v, %s", page, missing)
	}
	if held, missing := post[peer.Held](t, h, "confirm", dir, struct{}{}); missing != "" || held.Answer != "confirmed" {
		t.Errorf("%+v, %s", held, missing)
	}
	s.folders.resume(applyRequest{Folder: dir, Resume: true, Answered: true})
	f := untilSeen(t, s, func(f folderView) bool { return f.State == "idle" && f.Entries.Files == 1 })
	if f.Held != nil {
		t.Errorf("%+v", f.Held)
	}
}

// TestUndoWithoutAStop: who answers a stop that was answered already, in a second
// window, does not undo all that sync ever did; nor does who says nothing at all.
func TestUndoWithoutAStop(t *testing.T) {
	s, m := runningFolder(t, nil)
	for _, c := range []struct {
		q    undoing
		want string
	}{
		{undoing{Held: true}, "nothing was undone"},
		{undoing{Held: true, UndoQuery: peer.UndoQuery{Dry: true}}, "nothing was undone"},
		{undoing{}, "say what"},
		{undoing{UndoQuery: peer.UndoQuery{Dry: true}}, "say what"},
		{undoing{Held: true, UndoQuery: peer.UndoQuery{Batch: 1}}, ""}, // as 'qsync undo' asks
		{undoing{UndoQuery: peer.UndoQuery{Batch: 1}}, ""},
		{undoing{UndoQuery: peer.UndoQuery{Since: time.Now().Add(-time.Hour)}}, ""},
	} {
		if a, missing := post[undone](t, s.windowAPI(), "undo", m.Dir(), c.q); (missing == "") != (c.want == "") || !strings.Contains(missing, c.want) || len(a.Items) > 0 {
			t.Errorf("%+v: %+v, %q", c.q, a, missing)
		}
	}
}

func TestPreviewOfRules(t *testing.T) {
	s, m := runningFolder(t, nil)
	for _, name := range []string{"a.iso", "b/c.iso", "x~", "plain"} {
		write(t, m.Dir(), name, "12345")
	}
	a, missing := post[previewAnswer](t, s.windowAPI(), "preview", m.Dir(), map[string]any{"exclude": []string{"*.iso"}, "default_ignores": false})
	if missing != "" || a.Entries != 2 || a.Bytes != 10 || len(a.Paths) != 2 || string(a.Paths[1]) != "b/c.iso" || a.Back != 1 || string(a.BackPaths[0]) != "x~" {
		t.Errorf("%+v, %s", a, missing)
	}
}

// TestWindowOfAFolderThatCloses: a request about a folder waits while it closes, and
// not for ever.
func TestWindowOfAFolderThatCloses(t *testing.T) {
	s, m := runningFolder(t, nil)
	u := s.folders.all()[0]
	for name, held := range map[string]time.Duration{"for a moment": 300 * time.Millisecond, "for ever": time.Hour} {
		u.work.Lock()
		release := time.AfterFunc(held, u.work.Unlock)
		began := time.Now()
		err := s.folders.borrow(m.Dir(), func(*peer.Folder) error { return nil })
		if stuck := held > borrowTime; (err != nil) != stuck || stuck && (time.Since(began) > 2*borrowTime || !strings.Contains(err.Error(), "try again")) {
			t.Errorf("%s: %v after %v", name, err, time.Since(began))
		}
		if release.Stop() {
			u.work.Unlock()
		}
	}
}
