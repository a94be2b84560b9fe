package store

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"qsync/folder"
)

// TestCrash kills a process that commits in a loop, at random moments, and
// expects its map to be sound, to hold all that was said to be durable, and
// never to give one event two meanings.
func TestCrash(t *testing.T) {
	if file := os.Getenv("QSYNC_STORE_CRASH"); file != "" {
		commitForEver(t, file)
	}
	self, err := os.Executable()
	try(t, err)
	path := filepath.Join(fastDir(t), "map.db")
	meaning := make(map[folder.Dot]string)
	means := func(d folder.Dot, what string) {
		t.Helper()
		if was, ok := meaning[d]; ok && was != what {
			t.Fatalf("event %v was %s, now is %s", d, was, what)
		}
		meaning[d] = what
	}
	written := 0
	for range 20 {
		durable := killed(t, self, path, time.Duration(rand.IntN(60))*time.Millisecond)
		s, err := Open(path, Options{})
		try(t, err)
		if s.Note() != "" {
			t.Fatal(s.Note())
		}
		try(t, s.Check())
		for p, l := range durable {
			r, err := s.Record(p)
			try(t, err)
			if len(r.Register.Sibs) != 1 || r.Local.Dot.Counter < l.dot.Counter || r.Local.Dot != r.Register.Sibs[0].Dot {
				t.Fatalf("%q: %v was durable, there is %+v", p, l.dot, r)
			}
			written++
		}
		for _, l := range durable {
			means(l.dot, l.what)
		}
		for r, err := range s.Records("") {
			try(t, err)
			for _, sib := range r.Register.Sibs {
				means(sib.Dot, fmt.Sprintf("%s:%x", r.Path, sib.Value.Digest[:8]))
			}
		}
		try(t, s.db.Close()) // unclean once more
	}
	if written == 0 {
		t.Fatal("no round committed anything: nothing was tested")
	}
}

type line struct {
	dot  folder.Dot
	what string
}

// killed runs the child for so long after its first commit and returns what it
// said to be durable, the last of each path.
func killed(t *testing.T, self, path string, after time.Duration) map[folder.Path]line {
	t.Helper()
	cmd := exec.Command(self, "-test.run=^TestCrash$", "-test.timeout=60s")
	cmd.Env = append(os.Environ(), "QSYNC_STORE_CRASH="+path)
	out, err := cmd.StdoutPipe()
	try(t, err)
	try(t, cmd.Start())
	time.AfterFunc(30*time.Second, func() { cmd.Process.Kill() })
	said := make(map[folder.Path]line)
	r, killing := bufio.NewReader(out), false
	for {
		text, err := r.ReadString('\n')
		if err != nil {
			break
		}
		var l line
		var p string
		if _, err := fmt.Sscanf(text, "%d %d %s %s", &l.dot.Replica, &l.dot.Counter, &p, &l.what); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		said[folder.Path(p)] = l
		if !killing {
			killing = true
			time.AfterFunc(after, func() { cmd.Process.Kill() })
		}
	}
	cmd.Wait()
	return said
}

func commitForEver(t *testing.T, path string) {
	s, err := Open(path, Options{})
	try(t, err)
	for {
		var changes []Change
		for range 1 + rand.IntN(20) {
			p := folder.Path(fmt.Sprint("p", rand.IntN(300)))
			r, err := s.Record(p)
			try(t, err)
			v := file(int(rand.Int32()))
			changes = append(changes, Change{Path: p, Before: r.Local, After: folder.Local{Value: v}})
		}
		_, err := s.Commit(changes, true)
		try(t, err)
		var b bytes.Buffer
		for _, c := range changes {
			r, err := s.Record(c.Path)
			try(t, err)
			if d := r.Local.Dot; d.Counter != 0 {
				fmt.Fprintf(&b, "%d %d %s %s:%x\n", d.Replica, d.Counter, c.Path, c.Path, r.Local.Value.Digest[:8])
			}
		}
		os.Stdout.Write(b.Bytes())
	}
}
