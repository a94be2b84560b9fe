package store

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
	"pgregory.net/rapid"

	"qsync/folder"
)

// logOf is the whole log, the latest first, without what tests cannot know.
func logOf(t *testing.T, s *Store) (all []Logged) {
	t.Helper()
	for e, err := range s.Log(LogSpan{}) {
		try(t, err)
		if time.Since(e.Time) > time.Hour || e.Row == 0 {
			t.Errorf("%+v", e)
		}
		e.Time, e.Row = time.Time{}, 0
		all = append(all, e)
	}
	return all
}

func openIn(t *testing.T, file string) *Store {
	t.Helper()
	s, err := Open(file, Options{})
	try(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

func fileOf(size int64, mode uint16) folder.Local {
	v := folder.Value{Kind: folder.File, Mode: mode, Size: size}
	v.Digest[0] = byte(size)
	return folder.Local{Value: v}
}

// TestLog: every change of the disk is there, with who made it and why.
func TestLog(t *testing.T) {
	file := filepath.Join(fastDir(t), "map.db")
	s := openIn(t, file)
	other := NodeID{7}
	_, err := s.Greet(Peer{ID: other, Name: "laptop", Replica: 9, Epoch: 1})
	try(t, err)
	commit := func(c Change) folder.Local {
		t.Helper()
		_, err := s.Commit([]Change{c}, true)
		try(t, err)
		r, err := s.Record(c.Path)
		try(t, err)
		return r.Local
	}
	one := commit(Change{Path: "a", After: fileOf(1, 0o644), Why: WhyFound})
	two := commit(Change{Path: "a", Before: one, After: fileOf(2, 0o644)})
	commit(Change{Path: "a", Before: two, After: fileOf(2, 0o600)})
	moved := fileOf(3, 0o644)
	moved.Value.Origin = "old"
	commit(Change{Path: "d/new", After: moved})

	dot := folder.Dot{Replica: 9, Counter: 1}
	stranger := folder.Dot{Replica: 10, Counter: 1}
	theirs, mode := fileOf(5, 0o644), folder.Value{Kind: folder.Dir, Mode: 0o755}
	_, err = s.Accept(other, Batch{Upto: 2, Entries: []Entry{
		{Path: "b", Register: folder.Register{}.Edit(folder.Local{}, dot, theirs.Value)},
		{Path: "e", Register: folder.Register{}.Edit(folder.Local{}, stranger, mode)},
	}})
	try(t, err)
	theirs.Dot = dot
	put := commit(Change{Path: "b", After: theirs, Applied: true})
	implicit := commit(Change{Path: "e", After: folder.Local{Value: mode, Implicit: true}, Applied: true})
	mode.MTime = 5
	commit(Change{Path: "e", Before: implicit, After: folder.Local{Value: mode, Dot: stranger}, Applied: true}) // its time alone
	commit(Change{Path: "b", Before: put, Applied: true, Kept: "b~20261129-120000.000", To: "c"})

	laptop := Author{Node: other, Name: "laptop"}
	via, own := laptop, Author{Own: true}
	via.Via = true
	want := []Logged{
		{Path: "b", Action: Deleted, Kind: folder.File, Why: WhyPeer, Author: laptop, Size: 5, Kept: "b~20261129-120000.000", To: "c"},
		{Path: "e", Action: Added, Kind: folder.Dir, Why: WhyPeer, Author: via},
		{Path: "b", Action: Added, Kind: folder.File, Why: WhyPeer, Author: laptop, Size: 5},
		{Path: "d/new", From: "old", Action: Added, Kind: folder.File, Author: own, Size: 3},
		{Path: "a", Action: Metadata, Kind: folder.File, Author: own, Size: 2},
		{Path: "a", Action: Modified, Kind: folder.File, Author: own, Size: 2},
		{Path: "a", Action: Added, Kind: folder.File, Why: WhyFound, Author: own, Size: 1},
	}
	if got := logOf(t, s); !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	days, err := s.Days()
	try(t, err)
	here := DayCount{Added: 2, Modified: 1, Bytes: 6}
	if len(days) == 0 || len(days) == 1 && days[0] != (Day{Day: days[0].Day, Here: here, Sync: DayCount{Added: 2, DeletedFiles: 1, Bytes: 5, AddedDirs: 1}}) {
		t.Errorf("%+v", days)
	}
	try(t, s.Check())
	try(t, s.Close())
	if got := logOf(t, openIn(t, file)); !slices.Equal(got, want) {
		t.Errorf("after a restart: %+v", got)
	}
}

// TestLogPages reads a log of more rows than one transaction does, and parts of
// it by time.
func TestLogPages(t *testing.T) {
	s := openIn(t, filepath.Join(fastDir(t), "map.db"))
	const n = 3*logPage + 1
	var middle time.Time
	for i := range n {
		_, err := s.Commit([]Change{{Path: folder.Path(fmt.Sprint(i)), After: fileOf(1, 0)}}, true)
		try(t, err)
		if i == n/2 {
			time.Sleep(2 * time.Millisecond)
			middle = time.Now()
			time.Sleep(2 * time.Millisecond)
		}
	}
	for i, e := range logOf(t, s) {
		if e.Path != folder.Path(fmt.Sprint(n-1-i)) {
			t.Fatalf("%d: %q", i, e.Path)
		}
	}
	count := func(since, until time.Time) (n int) {
		for _, err := range s.Log(LogSpan{Since: since, Until: until}) {
			try(t, err)
			n++
		}
		return n
	}
	if a, b := count(middle, time.Time{}), count(time.Time{}, middle); a != n-n/2-1 || b != n/2+1 {
		t.Errorf("%d since, %d until, of %d", a, b, n)
	}
}

// TestPurgeLog: what is old goes, and what is too much.
func TestPurgeLog(t *testing.T) {
	s := openIn(t, filepath.Join(fastDir(t), "map.db"))
	for i := range 5 {
		_, err := s.Commit([]Change{{Path: folder.Path(fmt.Sprint(i)), After: fileOf(1, 0)}}, true)
		try(t, err)
	}
	age := time.Duration(0)
	purge := func(at time.Time, want int) {
		t.Helper()
		if n, err := s.PurgeLog(at, age); err != nil || n != want {
			t.Errorf("%d rows went, %v", n, err)
		}
		try(t, s.Check())
	}
	now := time.Now()
	purge(now.Add(LogAge-time.Hour), 0)
	try(t, s.update(func(t *txn) error { // as if two rows were large
		t.meta.LogSize += LogSize
		return t.Bucket(bucketLog).Put(seqKey(1), append(t.Bucket(bucketLog).Get(seqKey(1)), make([]byte, LogSize)...))
	}))
	purge(now, 1)
	age = -1
	purge(now.AddDate(1, 0, 0), 0)
	age = 48 * time.Hour
	purge(now.Add(47*time.Hour), 0)
	age = LogAge + 48*time.Hour
	purge(now.Add(LogAge+47*time.Hour), 0)
	age = 0
	purge(now.Add(LogAge+time.Hour), 4)
	if days, _ := s.Days(); len(days) == 0 {
		t.Error("the days went with the changes")
	}
	purge(now.AddDate(0, 0, DaysAge+2), 0)
	if days, _ := s.Days(); len(days) != 0 {
		t.Error(days)
	}
}

// TestLogDamaged: a row that cannot be read is left out, and costs nothing else.
func TestLogDamaged(t *testing.T) {
	file := filepath.Join(fastDir(t), "map.db")
	s := openIn(t, file)
	for i := range 40 {
		_, err := s.Commit([]Change{{Path: folder.Path(fmt.Sprint(i)), After: fileOf(1, 0)}}, true)
		try(t, err)
	}
	try(t, s.db.Update(func(tx *bolt.Tx) error {
		b, r := tx.Bucket(bucketLog), rand.New(rand.NewPCG(3, 3))
		for i := range uint64(30) {
			row := slices.Clone(b.Get(seqKey(i + 1)))
			for range 1 + r.IntN(4) {
				row[r.IntN(len(row))] = byte(r.Uint32())
			}
			if err := b.Put(seqKey(i+1), row[:r.IntN(len(row)+1)]); err != nil {
				return err
			}
		}
		return tx.Bucket(bucketDays).Put([]byte("today"), []byte("\xff"))
	}))
	for _, err := range s.Log(LogSpan{}) {
		try(t, err)
	}
	try(t, s.Close())
	s = openIn(t, file)
	if s.Fresh() || s.Totals().Files != 40 {
		t.Error("the map went with its log")
	}
	if n, err := s.PurgeLog(time.Now().Add(LogAge+time.Hour), 0); err != nil || n < 10 {
		t.Error(n, err)
	}
}

// TestLogOfEarlierVersion: a map without a log opens and gets one.
func TestLogOfEarlierVersion(t *testing.T) {
	file := filepath.Join(fastDir(t), "map.db")
	s := openIn(t, file)
	try(t, s.db.Update(func(tx *bolt.Tx) error {
		try(t, tx.DeleteBucket(bucketDays))
		return tx.DeleteBucket(bucketLog)
	}))
	try(t, s.db.Close())
	if _, err := Examine(file); err != nil {
		t.Error(err)
	}
	s = openIn(t, file)
	_, err := s.Commit([]Change{{Path: "a", After: fileOf(1, 0)}}, true)
	try(t, err)
	if len(logOf(t, s)) != 1 || s.Note() != "" {
		t.Error(logOf(t, s), s.Note())
	}
	try(t, s.Check())
}

// TestLogIsSmall: the first sync of a big tree costs less than 25 bytes an entry.
func TestLogIsSmall(t *testing.T) {
	s := openIn(t, filepath.Join(fastDir(t), "map.db"))
	r := rand.New(rand.NewPCG(1, 2))
	const batches, each = 20, 2000
	for b := range batches {
		var changes []Change
		for i := range each {
			n := b*each + i
			p := folder.Path(fmt.Sprintf("src/module-%03d/internal/some file %05d.go", n/200, r.IntN(1<<20)*each+n%200))
			changes = append(changes, Change{Path: p, After: fileOf(r.Int64N(1<<20), 0o644), Why: WhyFound})
		}
		slices.SortFunc(changes, func(a, b Change) int { return a.Path.Compare(b.Path) })
		_, err := s.Commit(changes, true)
		try(t, err)
	}
	if n := float64(s.now().LogSize) / (batches * each); n > 25 {
		t.Errorf("%.1f bytes an entry", n)
	} else {
		t.Logf("%.1f bytes an entry", n)
	}
}

func TestRowsRoundTrip(t *testing.T) {
	text := func(label string) *rapid.Generator[string] { return rapid.StringMatching(`[a-c/]{1,12}`) }
	rapid.Check(t, func(t *rapid.T) {
		var want []Logged
		at := time.UnixMilli(rapid.Int64Range(-1e12, 1e13).Draw(t, "at"))
		for range rapid.IntRange(0, 60).Draw(t, "n") {
			e := Logged{
				Row: 3, Time: at, Path: folder.Path(text("p").Draw(t, "path")),
				Action: Action(rapid.IntRange(1, 4).Draw(t, "action")), Kind: folder.Kind(rapid.IntRange(1, 3).Draw(t, "kind")),
				Why: Why(rapid.IntRange(0, int(whyEnd)-1).Draw(t, "why")), Size: rapid.Int64Range(0, 1<<60).Draw(t, "size"),
				Author: Author{Own: true},
			}
			if rapid.Bool().Draw(t, "more") {
				e.From, e.Kept = folder.Path(text("f").Draw(t, "from")), folder.Path(text("k").Draw(t, "kept"))
				e.To = folder.Path(text("t").Draw(t, "to"))
				e.Author = Author{Node: NodeID{byte(rapid.IntRange(0, 3).Draw(t, "node"))}, Name: text("n").Draw(t, "name"), Via: rapid.Bool().Draw(t, "via")}
			}
			want = append(want, e)
		}
		w, r := rowWriter{}, rowReader{}
		defer r.close()
		row, err := w.pack(at, appendEntries(nil, want))
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.read(3, row, time.Time{}, time.Time{})
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("%v\n%+v\n%+v", err, got, want)
		}
		for range 10 { // no garbage is more than an error
			row[rapid.IntRange(0, len(row)-1).Draw(t, "where")] ^= byte(rapid.IntRange(1, 255).Draw(t, "by"))
			_, _ = r.read(3, row, time.Time{}, time.Time{})
		}
	})
}

// TestLogPagesDamaged: where pages of the log are damaged the map goes on
// without it, as the same replica.
func TestLogPagesDamaged(t *testing.T) {
	file := filepath.Join(fastDir(t), "map.db")
	s := openIn(t, file)
	for b := range 30 {
		var changes []Change
		for i := range 100 {
			changes = append(changes, Change{Path: folder.Path(fmt.Sprintf("%x", rand.Uint64())), After: fileOf(int64(b*100+i), 0)})
		}
		_, err := s.Commit(changes, true)
		try(t, err)
	}
	try(t, s.SetHold(Hold{Why: HoldVanished, Count: 1}, []folder.Path{"x"}))
	was, totals := s.Identity(), s.Totals()
	var page int64
	try(t, s.db.View(func(tx *bolt.Tx) error { page = int64(tx.Bucket(bucketLog).Root()); return nil }))
	try(t, s.Close())
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	try(t, err)
	_, err = f.WriteAt(make([]byte, os.Getpagesize()), page*int64(os.Getpagesize()))
	try(t, err)
	try(t, f.Close())
	s = openIn(t, file)
	if now := s.Identity(); page == 0 || s.Fresh() || now.Replica != was.Replica || now.Seq != was.Seq || s.Totals() != totals || s.Hold().Why != HoldVanished {
		t.Errorf("page %d, %q: %+v, %+v", page, s.Note(), now, s.Totals())
	}
	if aside, _ := filepath.Glob(file + ".damaged-*"); len(aside) != 1 || !strings.Contains(s.Note(), filepath.Base(aside[0])) || len(logOf(t, s)) != 0 {
		t.Error(aside, s.Note())
	}
	_, err = s.Commit([]Change{{Path: "after", After: fileOf(1, 0)}}, true)
	try(t, err)
	if len(logOf(t, s)) != 1 {
		t.Error("nothing is logged any more")
	}
	try(t, s.Check())
}
