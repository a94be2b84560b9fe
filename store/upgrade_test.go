package store

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"qsync/folder"
)

// asOfEarlierVersion takes from a map that is not open what came with later versions.
func asOfEarlierVersion(t *testing.T, file string, lacks ...[]byte) {
	t.Helper()
	db, err := bolt.Open(file, 0o600, nil)
	try(t, err)
	try(t, db.Update(func(tx *bolt.Tx) error {
		m, err := metaOf(tx)
		try(t, err)
		for _, b := range lacks {
			try(t, tx.DeleteBucket(b))
		}
		if slices.ContainsFunc(lacks, func(b []byte) bool { return bytes.Equal(b, bucketLog) }) {
			m.LogSize = 0 // which came with the log
		}
		return putMeta(tx, m)
	}))
	var used int64
	try(t, db.View(func(tx *bolt.Tx) error { used = tx.Size(); return nil }))
	try(t, db.Close())
	try(t, os.Truncate(file, used)) // the rest has never been written, and is megabytes
}

// TestUpgradeKilled kills a process that opens maps of earlier versions, at
// random moments: what is in the file is the old map, as it was, or the new one,
// with all that the old one held, and either opens as the same replica. (F92)
func TestUpgradeKilled(t *testing.T) {
	if file := os.Getenv("QSYNC_STORE_UPGRADE"); file != "" {
		upgradeForEver(t, file)
	}
	for _, lacks := range [][][]byte{{bucketHeld}, {bucketLog, bucketDays, bucketHeld}} {
		t.Run(fmt.Sprintf("%s", lacks), func(t *testing.T) { killUpgrades(t, lacks) })
	}
}

func killUpgrades(t *testing.T, lacks [][]byte) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 92))
	file := filepath.Join(fastDir(t), "map.db")
	s := openIn(t, file)
	for i := range 20 {
		_, err := s.Commit([]Change{{Path: folder.Path(fmt.Sprint("d", i)), After: fileOf(int64(i), 0o644)}}, true)
		try(t, err)
	}
	id, totals := s.Identity(), s.Totals()
	try(t, s.db.Close()) // as if killed: the upgrade reads all of it first
	asOfEarlierVersion(t, file, lacks...)
	old, err := os.ReadFile(file)
	try(t, err)
	try(t, os.WriteFile(file+".old", old, 0o600))
	was := contents(t, file)
	olds, news := 0, 0
	for end := time.Now().Add(time.Minute); olds < 3 || news < 3; {
		if time.Now().After(end) {
			t.Fatalf("only %d kills before and %d after the upgrade", olds, news)
		}
		if !killedUpgrading(t, file, time.Duration(random.IntN(40_000))*time.Microsecond) {
			continue // while the old map was put there
		}
		now := contents(t, file)
		for name, sum := range was {
			if name != string(bucketMeta) && now[name] != sum {
				t.Errorf("the upgrade changed bucket %s", name)
			}
		}
		switch len(now) - len(was) {
		case 0:
			if olds++; now[string(bucketMeta)] != was[string(bucketMeta)] {
				t.Error("half of the upgrade is in the map: only what it says of itself")
			}
		case len(lacks):
			news++
		default:
			t.Errorf("half of the upgrade is in the map: it has %d buckets of %d", len(now), len(was)+len(lacks))
		}
		s, err := Open(file, Options{})
		try(t, err)
		if s.Note() != "" || s.Fresh() || s.Identity().Replica != id.Replica || s.Identity().Seq != id.Seq || s.Totals() != totals {
			t.Errorf("%q, fresh %v: %+v, was %+v", s.Note(), s.Fresh(), s.Identity(), id)
		}
		try(t, s.Check())
		_, err = s.Commit([]Change{{Path: "after", After: fileOf(1, 0)}}, true)
		if try(t, err); !slices.ContainsFunc(logOf(t, s), func(e Logged) bool { return e.Path == "after" }) {
			t.Error("nothing is logged")
		}
		try(t, s.Check())
		try(t, s.Close())
	}
	t.Logf("%d kills before the upgrade was in the file, %d after", olds, news)
}

// contents is a sum of each bucket.
func contents(t *testing.T, file string) map[string][32]byte {
	t.Helper()
	db, err := bolt.Open(file, 0o600, &bolt.Options{ReadOnly: true})
	try(t, err)
	defer db.Close()
	sums := make(map[string][32]byte)
	try(t, db.View(func(tx *bolt.Tx) error {
		for err := range tx.Check() {
			t.Error(err)
		}
		return tx.ForEach(func(name []byte, b *bolt.Bucket) error {
			var all bytes.Buffer
			err := b.ForEach(func(k, v []byte) error {
				_, err := fmt.Fprintf(&all, "%x=%x\n", k, v)
				return err
			})
			sums[string(name)] = sha256.Sum256(all.Bytes())
			return err
		})
	}))
	return sums
}

// killedUpgrading runs the child for so long after its first upgrade began, and
// reports whether it was in the middle of one or right after it.
func killedUpgrading(t *testing.T, file string, after time.Duration) bool {
	t.Helper()
	self, err := os.Executable()
	try(t, err)
	cmd := exec.Command(self, "-test.run=^TestUpgradeKilled$", "-test.timeout=60s")
	cmd.Env = append(os.Environ(), "QSYNC_STORE_UPGRADE="+file)
	out, err := cmd.StdoutPipe()
	try(t, err)
	try(t, cmd.Start())
	last := ""
	for r := bufio.NewReader(out); ; {
		text, err := r.ReadString('\n')
		if err != nil {
			break
		}
		if last == "" {
			time.AfterFunc(after, func() { cmd.Process.Kill() })
		}
		last = strings.TrimSpace(text)
	}
	_ = cmd.Wait()
	if last != "opens" && last != "puts" {
		t.Fatalf("the child said %q", last)
	}
	return last == "opens"
}

// upgradeForEver puts an old map in place and opens it, over and over. It says
// before each what it is about to do.
func upgradeForEver(t *testing.T, file string) {
	old, err := os.ReadFile(file + ".old")
	try(t, err)
	for {
		fmt.Println("puts")
		try(t, os.WriteFile(file, old, 0o600)) // the same inode: not a copy
		fmt.Println("opens")
		s, err := Open(file, Options{})
		try(t, err)
		if try(t, s.db.Close()); s.Note() != "" {
			t.Fatal(errors.New(s.Note()))
		}
	}
}
