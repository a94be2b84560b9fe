package store

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	bolt "go.etcd.io/bbolt"
	"pgregory.net/rapid"
)

func at(t testing.TB, s string) netip.AddrPort {
	t.Helper()
	a, err := netip.ParseAddrPort(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func met(t testing.TB, s *Store, id NodeID, addrs ...Addr) {
	t.Helper()
	if _, err := s.Greet(Peer{ID: id, Replica: 7, Epoch: 1, Addrs: addrs}); err != nil {
		t.Fatal(err)
	}
}

// TestAddrs: addresses survive a restart, the latest come first, and there are
// never more than the bounds say.
func TestAddrs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "map.db")
	open := func() *Store {
		t.Helper()
		s, err := Open(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open()
	now := time.Now()
	a, b := NodeID{1}, NodeID{2}
	s.Reached(a, at(t, "10.0.0.9:1")) // of nobody we know
	met(t, s, a, Addr{at(t, "10.0.0.1:2121"), now.Add(-time.Hour)})
	met(t, s, b, Addr{at(t, "[fe80::1%eth0]:2121"), now})
	s.Reached(a, at(t, "10.0.0.2:2121"))
	s.Reached(a, netip.AddrPort{})
	for i := range 20 {
		s.Reached(b, at(t, fmt.Sprintf("10.0.1.%d:2121", i)))
	}
	want := s.Addrs()
	if len(want) != 2+addrsOfPeer || !slices.Contains(want, PeerAddr{s.Peer(a).Addrs[0], a}) || want[len(want)-1].At != at(t, "10.0.0.1:2121") {
		t.Errorf("%v", want)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open()
	if got := s.Addrs(); !slices.Equal(got, want) {
		t.Errorf("after a restart:\n%v, had\n%v", got, want)
	}
	for i := range 30 {
		met(t, s, NodeID{3, byte(i)}, Addr{at(t, fmt.Sprintf("10.0.2.%d:1", i)), now.Add(time.Duration(i-1000) * time.Hour)},
			Addr{at(t, fmt.Sprintf("10.0.2.%d:2", i)), now}, Addr{at(t, fmt.Sprintf("10.0.2.%d:3", i)), now})
		if err := s.Check(); err != nil {
			t.Fatal(err)
		}
	}
	got := s.Addrs()
	if len(got) != addrsInAll || slices.ContainsFunc(got, func(a PeerAddr) bool { return a.At.Port() == 1 }) {
		t.Errorf("%d: %v", len(got), got)
	}
	if err := s.Forget(b); err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(s.Addrs(), func(a PeerAddr) bool { return a.Node == b }) {
		t.Error("forgotten, and still there")
	}
	if err := s.Check(); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestAddrsAge: an address without a connection goes after 90 days, and one
// that a fast clock stamped does not stay for ever.
func TestAddrsAge(t *testing.T) {
	path := filepath.Join(t.TempDir(), "map.db")
	synctest.Test(t, func(t *testing.T) {
		s, err := Open(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		old, kept, future := at(t, "10.0.0.1:1"), at(t, "10.0.0.2:1"), at(t, "10.0.0.3:1")
		met(t, s, NodeID{1}, Addr{old, time.Now()}, Addr{kept, time.Now()}, Addr{future, time.Now().AddDate(50, 0, 0)})
		time.Sleep(60 * 24 * time.Hour)
		s.Reached(NodeID{1}, kept)
		time.Sleep(31 * 24 * time.Hour)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if s, err = Open(path, Options{}); err != nil {
			t.Fatal(err)
		}
		if got := s.Addrs(); len(got) != 1 || got[0].At != kept {
			t.Error(got)
		}
		if err := s.Check(); err != nil {
			t.Error(err)
		}
		s.Close()
	})
}

// TestAddrsForm: the stored form is what earlier maps hold.
func TestAddrsForm(t *testing.T) {
	p := Peer{ID: NodeID{1}, Addrs: []Addr{{at(t, "[fe80::1%eth0]:2121"), time.Unix(1e9, 0).UTC()}}}
	b, err := json.Marshal(p.Addrs)
	if err != nil {
		t.Fatal(err)
	}
	if want := `[{"At":"[fe80::1%eth0]:2121","Worked":"2001-09-09T01:46:40Z"}]`; string(b) != want {
		t.Errorf("%s, want %s", b, want)
	}
	var old Peer
	if err := json.Unmarshal([]byte(`{"Name":"x","Address":"10.0.0.1:2121"}`), &old); err != nil || old.Addrs != nil {
		t.Error(old, err)
	}
}

// TestCheckAddrs: Check sees what must not be.
func TestCheckAddrs(t *testing.T) {
	one := Addr{at(t, "10.0.0.1:1"), time.Unix(1e9, 0)}
	many := make([]Addr, addrsOfPeer+1)
	for i := range many {
		many[i] = Addr{at(t, fmt.Sprintf("10.0.0.1:%d", i+1)), time.Unix(1e9, 0)}
	}
	for _, addrs := range [][]Addr{many, {one, one}, {{}}, {{at(t, "10.0.0.1:1"), time.Time{}}}} {
		s, err := Open(filepath.Join(t.TempDir(), "map.db"), Options{})
		if err != nil {
			t.Fatal(err)
		}
		err = s.db.Update(func(tx *bolt.Tx) error { return s.peers.write(tx, Peer{ID: NodeID{1}, Addrs: addrs}) })
		if err != nil {
			t.Fatal(err)
		}
		if s.Check() == nil {
			t.Errorf("not seen: %v", addrs)
		}
		s.Close()
	}
}

// TestJoinAddrs: merging lists does not depend on their order, is bounded and
// changes neither.
func TestJoinAddrs(t *testing.T) {
	now := time.Now()
	gen := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Addr {
		at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(rapid.IntRange(0, 20).Draw(t, "host"))}), 2121)
		return Addr{at, now.Add(-time.Duration(rapid.IntRange(-10, 100*24).Draw(t, "age")) * time.Hour)}
	}), 0, 20)
	rapid.Check(t, func(t *rapid.T) {
		a, b := gen.Draw(t, "a"), gen.Draw(t, "b")
		was := slices.Concat(a, b)
		ab := joinAddrs(a, b)
		if !slices.Equal(ab, joinAddrs(b, a)) || !slices.Equal(slices.Concat(a, b), was) {
			t.Fatal(ab)
		}
		if err := checkAddrs(Peer{Addrs: ab}); err != nil {
			t.Fatal(err)
		}
		for i, x := range ab {
			if time.Since(x.Worked) > addrAge+time.Minute || time.Until(x.Worked) > 0 || i > 0 && x.Worked.After(ab[i-1].Worked) {
				t.Fatal(ab)
			}
		}
	})
}
