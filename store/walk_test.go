package store

import (
	"path/filepath"
	"slices"
	"testing"

	"qsync/folder"
)

func TestHolding(t *testing.T) {
	path := filepath.Join(fastDir(t), "map.db")
	s, err := Open(path, Options{})
	try(t, err)
	expect := func(when string, v folder.Value, want ...folder.Path) {
		t.Helper()
		held, err := s.Holding(v.Digest, 10)
		try(t, err)
		var got []folder.Path
		for _, r := range held {
			got = append(got, r.Path)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", when, got, want)
		}
	}
	write(t, s, file(1), "a", "b")
	expect("pending", file(1), "a", "b")
	if held, err := s.Holding(file(1).Digest, 1); err != nil || len(held) != 1 {
		t.Error(held, err)
	}
	if held, err := s.HoldingID(file(1).ContentID(), 9); err != nil || len(held) != 2 {
		t.Error(held, err)
	}
	if held, err := s.HoldingID(file(1).ContentID()+1, 9); err != nil || len(held) != 0 {
		t.Error(held, err)
	}
	write(t, s, file(2), "a")
	expect("replaced", file(1), "b")
	twin := file(2)
	twin.Digest[20] = 9 // the same prefix
	expect("another with the same prefix", twin)
	try(t, s.Close())
	s, err = Open(path, Options{})
	try(t, err)
	expect("reopened", file(1), "b")
	expect("reopened", file(2), "a")
	write(t, s, folder.Value{}, "b")
	expect("deleted, pending", file(1))
	write(t, s, file(1), "c")
	expect("moved, pending", file(1), "c")
	try(t, s.Close())
	s, err = Open(path, Options{})
	try(t, err)
	defer s.Close()
	expect("reopened again", file(1), "c")
	small := file(3)
	small.Size = minIndexed - 1
	write(t, s, small, "small")
	expect("small", small)
	try(t, s.Check())
}

func TestRecordsPages(t *testing.T) {
	s := newStore(t, Options{})
	paths := numbered(2*page + 7)
	write(t, s, file(1), paths...)
	write(t, s, folder.Value{Kind: folder.Dir}, "p00005-", "p00005/sub", "p00005", "p00005.x")
	var got []folder.Path
	for r, err := range s.Records("p00005") {
		try(t, err)
		got = append(got, r.Path)
	}
	if !slices.Equal(got, []folder.Path{"p00005", "p00005/sub"}) {
		t.Errorf("below: %q", got)
	}
	// The record at the end of a page, and those around it, vanish while the
	// page is being looked at; others appear.
	n := 0
	got = nil
	for r, err := range s.Records("") {
		try(t, err)
		if n++; n == page {
			var c []Change
			for _, p := range []folder.Path{r.Path, paths[n+100]} {
				was, err := s.Record(p)
				try(t, err)
				c = append(c, Change{Path: p, Before: was.Local})
			}
			_, err := s.Commit(c, true)
			try(t, err)
			if k, err := s.Collect(); k != 2 || err != nil {
				t.Fatal(k, err)
			}
			write(t, s, file(9), "a behind", r.Path+"!")
		}
		got = append(got, r.Path)
	}
	if !slices.IsSortedFunc(got, folder.Path.Compare) || len(slices.Compact(slices.Clone(got))) != len(got) {
		t.Error("not in order, or twice")
	}
	if want := len(paths) + 3 + 1 - 1; len(got) != want || slices.Contains(got, "a behind") {
		t.Errorf("%d records, want %d", len(got), want)
	}
	for range s.Records("") {
		break
	}
	for _, err := range s.Records("none") {
		t.Error("a record below nothing", err)
	}
}

func TestWantedPages(t *testing.T) {
	_, a, b := pair(t, 5)
	at := a.s.Identity().Seq
	write(t, a.s, file(1), numbered(10)...)
	batch, _, err := a.s.Since(b.id, at, wide)
	try(t, err)
	_, err = b.s.Accept(a.id, batch)
	try(t, err)
	if w := b.s.Want(); w != (Want{10, 10 * 8192}) {
		t.Errorf("%+v", w)
	}
	var got []folder.Path
	for after := folder.Path(""); ; {
		page, err := b.s.Wanted(after, 3)
		try(t, err)
		if len(page) == 0 {
			break
		}
		for _, r := range page {
			got = append(got, r.Path)
			if ok, n := r.Wanted(); !ok || n != 8192 || r.Have() {
				t.Errorf("%+v", r)
			}
		}
		after = got[len(got)-1]
	}
	if !slices.Equal(got, numbered(10)) {
		t.Errorf("%q", got)
	}
	r, err := b.s.Record("p00003")
	try(t, err)
	c := Change{Path: r.Path, Before: r.Local, Applied: true, After: folder.Local{Value: file(1), Dot: r.Register.Sibs[0].Dot}}
	for i := range 2 {
		out, err := b.s.Commit([]Change{c}, true)
		if err != nil || len(out.Stale) != i || out.Issued != 0 {
			t.Fatalf("%+v, %v", out, err)
		}
	}
	if w := b.s.Want(); w != (Want{9, 9 * 8192}) {
		t.Errorf("%+v", w)
	}
	// The content is here with other metadata: wanted, but nothing to fetch.
	touched := file(1)
	touched.MTime = 99
	r, err = b.s.Record("p00004")
	try(t, err)
	_, err = b.s.Commit([]Change{{Path: r.Path, Before: r.Local, After: folder.Local{Value: touched}}}, false)
	try(t, err)
	if w := b.s.Want(); w != (Want{9, 8 * 8192}) {
		t.Errorf("%+v", w)
	}
	if b.s.Totals().Bytes != 2*8192+totalOf(b.disk) {
		t.Errorf("%+v", b.s.Totals())
	}
	try(t, b.s.Check())
}

func totalOf(disk map[folder.Path]folder.Value) (n int64) {
	for _, v := range disk {
		n += v.Size
	}
	return n
}

func TestLiveBelow(t *testing.T) {
	s := newStore(t, Options{})
	write(t, s, folder.Value{Kind: folder.Dir}, "d", "d/e", "d-")
	for p, want := range map[folder.Path]bool{"d": true, "d/e": false, "d-": false, "none": false} {
		if live, err := s.LiveBelow(p); err != nil || live != want {
			t.Errorf("%q: %v, %v", p, live, err)
		}
	}
	write(t, s, folder.Value{}, "d/e")
	if live, err := s.LiveBelow("d"); err != nil || live {
		t.Error(live, err)
	}
}

// TestSetLaw: a replica that begins to announce announces what it kept to
// itself, once it looks again.
func TestSetLaw(t *testing.T) {
	s := newStore(t, Options{})
	try(t, s.SetLaw(Law{Mode: 2}))
	out, err := s.Commit([]Change{
		{Path: "mine", After: folder.Local{Value: file(1)}},
		{Path: "implicit", Applied: true, After: folder.Local{Value: folder.Value{Kind: folder.Dir}, Implicit: true}},
	}, false)
	if err != nil || out.Issued != 0 {
		t.Fatal(out, err)
	}
	if s.Identity().Seq != 0 || s.Totals().Files != 1 || s.Want().Entries != 1 {
		t.Errorf("%+v %+v %+v", s.Identity(), s.Totals(), s.Want())
	}
	if b, err := s.Snapshot("", 0, wide); err != nil || len(b.Entries) != 0 {
		t.Error("a deviation was told", b, err)
	}
	try(t, s.SetLaw(Law{Mode: 1, Announces: true}))
	if s.Mode() != 1 || s.Totals().Files != 0 || s.Totals().Dirs != 1 || s.Want().Entries != 0 {
		t.Errorf("%+v %+v", s.Totals(), s.Want())
	}
	try(t, s.Check())
	if out := write(t, s, file(1), "mine"); out.Added != 1 || out.Issued != 1 || s.Identity().Seq != 1 {
		t.Errorf("%+v", out)
	}
	try(t, s.SetLaw(Law{Mode: 1, Announces: true}))
	if r, err := s.Record("mine"); err != nil || r.Local.Dot.IsZero() {
		t.Error(r, err)
	}
}

// TestSupersedes: a user who turns what is there into what another write shows
// already has replaced it all the same.
func TestSupersedes(t *testing.T) {
	w, a, b := pair(t, 5)
	dir := folder.Value{Kind: folder.Dir, Mode: 0o755}
	a.overwrite("x", dir)
	b.overwrite("x", w.value())
	try(t, a.scan(true))
	try(t, b.scan(true))
	at := a.s.Identity().Seq - 1
	batch, _, err := a.s.Since(b.id, at, wide)
	try(t, err)
	_, err = b.s.Accept(a.id, batch)
	try(t, err)
	b.overwrite("x", dir)
	try(t, b.scan(true))
	if r, err := b.s.Record("x"); err != nil || len(r.Register.Sibs) != 1 || r.Local.Dot != r.Register.Sibs[0].Dot {
		t.Errorf("%+v, %v", r, err)
	}
	a.overwrite("x", folder.Value{})
	try(t, a.scan(true))
	try(t, w.settle())
	try(t, w.judge())
	if _, ok := a.disk["x"]; ok {
		t.Error("back again")
	}
}

func TestTombstoneAge(t *testing.T) {
	s := newStore(t, Options{TombstoneAge: 1 << 40})
	write(t, s, file(1), "a")
	write(t, s, folder.Value{}, "a")
	if n, err := s.Collect(); n != 0 || err != nil {
		t.Error(n, err)
	}
	s.opts.TombstoneAge = 0
	_, err := s.Greet(Peer{ID: NodeID{1}, Replica: 5, Epoch: 5})
	try(t, err)
	if n, err := s.Collect(); n != 0 || err != nil {
		t.Error("a peer has not confirmed", n, err)
	}
	s.Confirm(NodeID{1}, s.Identity().Epoch, s.Identity().Seq, Want{})
	if n, err := s.Collect(); n != 1 || err != nil {
		t.Error(n, err)
	}
	if r, err := s.Record("a"); err != nil || r.Known() {
		t.Error(r, err)
	}
}
