//go:build unix

package integration

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
)

// laterBuckets are what the first maps had not.
var laterBuckets = []string{"log", "days", "held"}

// mapState is what a map holds: a sum of each of its buckets, and what it says
// of itself.
type mapState struct {
	sums map[string][32]byte
	meta struct {
		Schema         int
		Replica, Epoch uint64
		Seq            int64
	}
}

// stateOf reads a map that no process has open, and checks its pages.
func stateOf(t *testing.T, file string) (s mapState) {
	t.Helper()
	db, err := bolt.Open(file, 0o600, &bolt.Options{ReadOnly: true, Timeout: patience})
	must(t, err)
	defer db.Close()
	s.sums = map[string][32]byte{}
	must(t, db.View(func(tx *bolt.Tx) error {
		for err := range tx.Check() {
			t.Error(err)
		}
		must(t, json.Unmarshal(tx.Bucket([]byte("meta")).Get([]byte("meta")), &s.meta))
		return tx.ForEach(func(name []byte, b *bolt.Bucket) error {
			var all bytes.Buffer
			err := b.ForEach(func(k, v []byte) error {
				_, err := fmt.Fprintf(&all, "%x=%x\n", k, v)
				return err
			})
			s.sums[string(name)] = sha256.Sum256(all.Bytes())
			return err
		})
	}))
	return s
}

// later is how many of the later buckets it has.
func (s mapState) later() (n int) {
	for _, b := range laterBuckets {
		if _, ok := s.sums[b]; ok {
			n++
		}
	}
	return n
}

// same reports what of an old map is not in s as it was: all of it, or all but
// what a map says of itself.
func (s mapState) same(old mapState, but string) error {
	for name, sum := range old.sums {
		if name != but && s.sums[name] != sum {
			return fmt.Errorf("bucket %s is not as it was", name)
		}
	}
	if s.meta != old.meta {
		return fmt.Errorf("the map says of itself %+v, was %+v", s.meta, old.meta)
	}
	return nil
}

// makeOlder makes of a map one of the first version, and returns its bytes.
func makeOlder(t *testing.T, file string) []byte {
	t.Helper()
	db, err := bolt.Open(file, 0o600, &bolt.Options{Timeout: patience})
	must(t, err)
	must(t, db.Update(func(tx *bolt.Tx) error {
		for _, b := range laterBuckets {
			must(t, tx.DeleteBucket([]byte(b)))
		}
		var m map[string]json.RawMessage
		meta := tx.Bucket([]byte("meta"))
		must(t, json.Unmarshal(meta.Get([]byte("meta")), &m))
		delete(m, "LogSize")
		b, err := json.Marshal(m)
		must(t, err)
		return meta.Put([]byte("meta"), b)
	}))
	var used int64
	must(t, db.View(func(tx *bolt.Tx) error { used = tx.Size(); return nil }))
	must(t, db.Close())
	must(t, os.Truncate(file, used))
	b, err := os.ReadFile(file)
	must(t, err)
	return b
}

// install puts a build of the program in the place of the one that is there, as
// packages do: whoever runs that one goes on with it.
func install(t *testing.T, exe, place string) {
	t.Helper()
	from, err := os.Open(exe)
	must(t, err)
	defer from.Close()
	to, err := os.OpenFile(place+".new", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	must(t, err)
	_, err = io.Copy(to, from)
	must(t, err)
	must(t, to.Close())
	must(t, os.Rename(place+".new", place))
}

// TestUpgradeKilled replaces the program under a running node whose map is of
// the first version, kills that node and then the new program in the middle of
// the upgrade, again and again: at each step of it, and at random moments of the
// start. The map is the old one, untouched, or the new one with all of the old
// in it; then sync goes on where it was, nothing is lost, and nothing is told or
// taken twice. (F92)
func TestUpgradeKilled(t *testing.T) {
	t.Parallel()
	for side, who := range []string{"sender", "receiver"} {
		t.Run(who, func(t *testing.T) { t.Parallel(); killUpgrades(t, side) })
	}
}

func killUpgrades(t *testing.T, side int) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, uint64(side)))
	pair, s := newCouple(t), &story{}
	place := filepath.Join(dirs(t, "bin")[0], "qsync")
	install(t, binary, place)
	pair.m[side].exe = place
	pair.tells(s)
	before := pair.start(side) // it has seen what its user did, and could tell nobody
	before.says("listening")
	install(t, breakable(t), place)
	before.kill()
	maps, err := filepath.Glob(filepath.Join(pair.m[side].home, "folders", "*", "map.db"))
	if must(t, err); len(maps) != 1 {
		t.Fatalf("maps: %q", maps)
	}
	file := maps[0]
	image := makeOlder(t, file)
	old := stateOf(t, file)
	marker := filepath.Join(pair.dirs[side], ".qsync", "marker")
	mark, err := os.ReadFile(marker)
	must(t, err)

	began := time.Now()
	for _, at := range []string{"map-upgraded:1", "map-upgraded:2", "map-upgraded:3", "map-changed:1", "map-committed:1"} {
		p := pair.start(side, "QSYNC_CRASH_AT="+at)
		select {
		case <-p.ended:
		case <-time.After(patience):
			t.Fatalf("it did not come by %s", at)
		}
		if st, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || st.Signal() != syscall.SIGKILL {
			t.Fatalf("%s: it ended by itself: %v\n%s", at, p.cmd.ProcessState, tail(p.err.String()))
		}
		now := stateOf(t, file)
		if at == "map-committed:1" {
			if err := now.same(old, "meta"); err != nil || now.later() != len(laterBuckets) {
				t.Fatalf("%s: %v, %d of the new buckets", at, err, now.later())
			}
		} else if err := now.same(old, ""); err != nil || now.later() != 0 {
			t.Fatalf("%s: %v, %d of the new buckets", at, err, now.later())
		}
	}
	usual := time.Since(began) / 5 // of a start, up to there

	// Its peer is away: what the old map does not know nobody has been told. The
	// marker of the folder goes with it, or it would be a map put back by somebody.
	olds := 0
	for range times(t, "QSYNC_UPGRADES", 2) {
		must(t, os.WriteFile(file, image, 0o600)) // the same inode: it is no copy
		must(t, os.WriteFile(marker, mark, 0o600))
		p := pair.start(side)
		time.Sleep(time.Duration(random.Int64N(int64(2 * usual))))
		p.kill()
		now := stateOf(t, file)
		if now.later() == 0 {
			olds++
			must(t, now.same(old, ""))
		} else if now.later() != len(laterBuckets) || now.meta.Replica != old.meta.Replica || now.meta.Epoch != old.meta.Epoch || now.meta.Seq < old.meta.Seq {
			t.Fatalf("%d of the new buckets; %+v, was %+v", now.later(), now.meta, old.meta)
		}
	}
	t.Logf("%d kills before the upgrade was in the map", olds)

	other, p := pair.start(1-side), pair.start(side)
	pair.settle()
	must(t, synced.unequal(pair.dirs...))
	for _, dir := range pair.dirs {
		must(t, s.check(dir))
	}
	must(t, s.keeps(t, pair.dirs[1]))
	if now := stateAfter(t, p, file); now.meta.Replica != old.meta.Replica || now.meta.Epoch != old.meta.Epoch {
		t.Errorf("another replica: %+v, was %+v", now.meta, old.meta)
	}
	onceEach(t, pair)
	// Nothing of it is told, or sent, again.
	pair.start(side)
	pair.settle()
	for i, m := range pair.m {
		f, _ := m.folder()
		if told := f.Totals["announced"]; told != 0 && (i == side || i == 1) || i == side && f.Totals["sent"] != 0 {
			t.Errorf("%s: announced and sent again: %v", m.name, f.Totals)
		}
	}
	onceEach(t, pair)
	if !other.running() {
		t.Errorf("the peer ended by itself: %s", tail(other.err.String()))
	}
}

// stateAfter ends a node in order and reads its map.
func stateAfter(t *testing.T, p *process, file string) mapState {
	t.Helper()
	p.end(syscall.SIGTERM, 143)
	return stateOf(t, file)
}

// onceEach checks by the log of who received that no change came to it twice.
func onceEach(t *testing.T, pair *couple) {
	t.Helper()
	count := map[string]int{}
	for line := range strings.Lines(pair.m[1].must(0, "log", pair.dirs[1], "--limit", "0", "--json").out) {
		var e struct{ Path, Action, Why string }
		must(t, json.Unmarshal([]byte(line), &e))
		count[e.Action+" "+e.Path]++
	}
	if len(count) < 20 {
		t.Errorf("the log has %d changes", len(count))
	}
	for change, n := range count {
		if n > 1 {
			t.Errorf("%s: %d times", change, n)
		}
	}
}
