package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"qsync/folder"
)

// filled makes a store of a few thousand paths, with free pages in it, and
// returns its file's content, as it lies on the disk when closed or still open.
func filled(t *testing.T, closed bool) (file string, content []byte) {
	t.Helper()
	w := newWorld(1, fastDir(t))
	n := w.nodes[0]
	try(t, n.open())
	for round := range 3 {
		for i := range 2000 {
			n.overwrite(folder.Path(fmt.Sprintf("dir%d/file number %d", i%7, i)), w.value())
		}
		try(t, n.scan(round == 0))
	}
	if closed {
		try(t, n.close())
	} else {
		t.Cleanup(func() { n.s.Close() })
	}
	content, err := os.ReadFile(n.file)
	try(t, err)
	return n.file, content
}

// opens opens a file with the given content and expects a sound store, the old
// one or a new one beside the damaged file.
func opens(t *testing.T, name string, content []byte) (s *Store, fresh bool) {
	t.Helper()
	dir := fastDir(t)
	file := filepath.Join(dir, "map.db")
	try(t, os.WriteFile(file, content, 0o600))
	began := time.Now()
	s, err := Open(file, Options{})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if took := time.Since(began); took > time.Minute { // a loop that ends by chance
		t.Errorf("%s: took %v", name, took)
	}
	t.Cleanup(func() { s.Close() })
	if err := s.Check(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	aside, _ := filepath.Glob(file + ".damaged-*")
	fresh = s.Fresh()
	if fresh != (s.Note() != "") || fresh != (len(aside) == 1) {
		t.Fatalf("%s: fresh %v, note %q, aside %q", name, fresh, s.Note(), aside)
	}
	if fresh {
		if kept, err := os.ReadFile(aside[0]); err != nil || len(kept) != len(content) || !strings.Contains(s.Note(), filepath.Base(aside[0])) {
			t.Fatalf("%s: the damaged file was not kept: %v", name, err)
		}
		if s.Totals() != (Totals{}) || s.Identity().Seq != 0 || s.CaughtUp() {
			t.Fatalf("%s: a new map that knows something", name)
		}
	}
	if out, err := s.Commit([]Change{{Path: "new", After: folder.Local{Value: folder.Value{Kind: folder.Dir}}}}, true); err != nil || out.Added != 1 {
		t.Fatalf("%s: %+v, %v", name, out, err)
	}
	return s, fresh
}

// TestDamage does to a map what libraries.md lists and more: opening it neither
// panics nor hangs, and what it gives is sound.
func TestDamage(t *testing.T) {
	for _, closed := range []bool{true, false} {
		_, good := filled(t, closed)
		size := os.Getpagesize()
		branch := rootOf(t, good) * size
		free := int(newest(t, good)[4]) * size
		for _, c := range []struct {
			name  string
			fresh bool
			harm  func(b []byte) []byte
		}{
			{"nothing", false, func(b []byte) []byte { return b }},
			{"free list zeroed", true, func(b []byte) []byte { clear(b[free : free+size]); return b }},
			{"free list absurd", true, func(b []byte) []byte {
				copy(b[free+10:], "\xff\xff")
				copy(b[free+16:], "\xff\xff\xff\xff\xff\xff\xff\x0f")
				return b
			}},
			{"root zeroed", true, func(b []byte) []byte { r := int(newest(t, good)[2]) * size; clear(b[r : r+size]); return b }},
			{"truncated", true, func(b []byte) []byte { return b[:int(newest(t, good)[5])/2*size] }},
			{"truncated to a page", true, func(b []byte) []byte { return b[:size] }},
			{"truncated to a byte", true, func(b []byte) []byte { return b[:1] }},
			{"empty", true, func(b []byte) []byte { return b[:0] }},
			{"both metas", true, func(b []byte) []byte { clear(b[:2*size]); return b }},
			{"random bytes", true, func(b []byte) []byte {
				r := rand.New(rand.NewPCG(1, 1))
				for i := range b {
					b[i] = byte(r.Uint32())
				}
				return b
			}},
			{"first meta torn", false, func(b []byte) []byte { copy(b[40:], "torn torn torn"); return b }},
			{"second meta torn", false, func(b []byte) []byte { copy(b[size+40:], "torn torn torn"); return b }},
			{"branch to itself", true, func(b []byte) []byte {
				binary.NativeEndian.PutUint64(b[branch+pageHeader+8:], uint64(branch/size))
				return b
			}},
		} {
			t.Run(fmt.Sprintf("%s, closed %v", c.name, closed), func(t *testing.T) {
				// A torn meta takes bbolt back by one transaction, of which the
				// pages may be used again; only then either outcome is right.
				_, fresh := opens(t, c.name, c.harm(append([]byte(nil), good...)))
				if fresh != c.fresh && !strings.Contains(c.name, "torn") {
					t.Errorf("fresh %v", fresh)
				}
			})
		}
	}
}

// rootOf is the page where the records begin, a branch.
func rootOf(t *testing.T, content []byte) (page int) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "map.db")
	try(t, os.WriteFile(file, content, 0o600))
	db, err := bolt.Open(file, 0o600, &bolt.Options{ReadOnly: true})
	try(t, err)
	defer db.Close()
	try(t, db.View(func(tx *bolt.Tx) error {
		page = int(tx.Bucket(bucketRecords).Root())
		return nil
	}))
	if binary.NativeEndian.Uint16(content[page*os.Getpagesize()+8:]) != pageBranch {
		t.Fatal("too few records for a branch")
	}
	return page
}

// newest is the content of the meta by which bbolt opens the file, as numbers.
func newest(t *testing.T, content []byte) (out [8]uint64) {
	m, err := newestMeta(strings.NewReader(string(content)), int64(len(content)))
	try(t, err)
	for i := range out {
		out[i] = binary.NativeEndian.Uint64(m[8*i:])
	}
	return out
}

// TestDamageAnywhere zeroes pages and turns bytes at random.
func TestDamageAnywhere(t *testing.T) {
	_, good := filled(t, false)
	r := rand.New(rand.NewPCG(7, 7))
	size := os.Getpagesize()
	for i := range 60 {
		b := append([]byte(nil), good...)
		at := r.IntN(len(b)/size) * size
		name := fmt.Sprintf("%d: page %d zeroed", i, at/size)
		if i%3 == 0 {
			clear(b[at : at+size])
		} else {
			name = fmt.Sprintf("%d: page %d garbled", i, at/size)
			for range 1 + r.IntN(8) {
				b[at+r.IntN(64)] = byte(r.Uint32())
			}
		}
		dir := t.TempDir()
		file := filepath.Join(dir, "map.db")
		try(t, os.WriteFile(file, b, 0o600))
		s, err := Open(file, Options{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := s.walkPages(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, err := range s.Records("") {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		s.Close()
	}
}

// TestDamageMet: what was found unreadable while running is looked at when the
// map is opened again, though it was closed in order.
func TestDamageMet(t *testing.T) {
	w := newWorld(1, fastDir(t))
	n := w.nodes[0]
	try(t, n.open())
	n.overwrite("a", w.value())
	try(t, n.scan(true))
	try(t, n.s.db.Update(func(tx *bolt.Tx) error {
		return tx.Bucket(bucketRecords).Put([]byte("b"), []byte("no record"))
	}))
	for _, err := range n.s.Records("") {
		if err != nil && !errors.Is(err, errDamaged) {
			t.Fatal(err)
		}
	}
	try(t, n.s.Close())
	s, err := Open(n.file, Options{})
	try(t, err)
	defer s.Close()
	if !s.Fresh() || s.Note() == "" {
		t.Fatalf("fresh %v, note %q", s.Fresh(), s.Note())
	}
}

func TestNewer(t *testing.T) {
	for _, body := range []string{`{"Schema":2,"Replica":5}`, `{"Schema":3,"Replica":{"Node":"x"},"Counter":"many"}`} {
		file := filepath.Join(t.TempDir(), "map.db")
		s, err := Open(file, Options{})
		try(t, err)
		try(t, s.db.Update(func(tx *bolt.Tx) error { return tx.Bucket(bucketMeta).Put(keyMeta, []byte(body)) }))
		try(t, s.db.Close())
		before, err := os.ReadFile(file)
		try(t, err)
		if _, err := Open(file, Options{}); !errors.Is(err, ErrNewer) {
			t.Fatalf("%s: %v", body, err)
		}
		after, err := os.ReadFile(file)
		try(t, err)
		if string(before) != string(after) {
			t.Error("the file was touched")
		}
		if aside, _ := filepath.Glob(file + ".*"); len(aside) != 0 {
			t.Error(aside)
		}
	}
}

func TestBusy(t *testing.T) {
	file := filepath.Join(t.TempDir(), "map.db")
	s, err := Open(file, Options{})
	try(t, err)
	defer s.Close()
	began := time.Now()
	if _, err := Open(file, Options{}); !errors.Is(err, ErrBusy) {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 20*time.Second { // bbolt would wait for ever
		t.Errorf("took %v", took)
	}
	try(t, s.SetRoot("still here"))
}

// TestCopied: a file with another inode or machine is a copy and must not write
// under the original's name; an unclean copy is sound.
func TestCopied(t *testing.T) {
	w := newWorld(1, fastDir(t))
	n := w.nodes[0]
	try(t, n.open())
	n.overwrite("a", w.value())
	try(t, n.scan(true))
	was := n.s.Identity()
	other := n.file + ".copy"
	try(t, copyFile(n.file, other)) // while it is open
	for _, c := range []struct {
		file, machine string
		same          bool
	}{{other, "", fileID(other) == ""}, {other, "", true}, {other, "elsewhere", fileID(other) == ""}} {
		s, err := Open(c.file, Options{Machine: c.machine})
		try(t, err)
		try(t, s.Check())
		now := s.Identity()
		if (now.Replica == was.Replica) != c.same || (now.Epoch == was.Epoch) != c.same {
			t.Errorf("%+v: %+v was %+v", c, now, was)
		}
		if s.Fresh() || now.Seq != was.Seq || !now.Context.CoversAll(was.Context) || s.Totals().Files != 1 {
			t.Errorf("%+v: knows less", c)
		}
		was = now
		try(t, s.Close())
	}
	try(t, n.close())
}
