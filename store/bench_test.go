package store

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	bolt "go.etcd.io/bbolt"

	"qsync/folder"
)

const benchPaths = 50_000

func benchStore(b *testing.B) (*Store, string) {
	file := filepath.Join(fastDir(b), "map.db")
	s, err := Open(file, Options{})
	try(b, err)
	b.Cleanup(func() { s.Close() })
	return s, file
}

// benchChanges are 50 000 new files of a tree, in batches of 1000, in walk order.
func benchChanges() (batches [][]Change) {
	for i := range benchPaths {
		if i%1000 == 0 {
			batches = append(batches, nil)
		}
		v := file(i)
		for k := range v.Digest { // spread as real digests are
			v.Digest[k] = byte(uint32(i+1) * 2654435761 >> (k % 24))
		}
		last := &batches[len(batches)-1]
		*last = append(*last, Change{
			Path:  folder.Path(fmt.Sprintf("some directory %03d/some file name %05d.jpeg", i/200, i)),
			After: folder.Local{Value: v, Stat: folder.Stat{Inode: uint64(1e6 + i), CTime: 1.7e18 + int64(i)}},
		})
	}
	return batches
}

func commitAll(b *testing.B, s *Store, batches [][]Change) {
	for _, c := range batches {
		if out, err := s.Commit(c, true); err != nil || out.Issued != len(c) {
			b.Fatal(out, err)
		}
	}
}

// usage is what a store of all the paths takes, in bytes an entry: in use in
// the file, and on the heap beyond what was there before.
func usage(b *testing.B, s *Store, before runtime.MemStats) (file, heap float64) {
	var after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&after)
	try(b, s.view(func(tx *bolt.Tx) error {
		file = float64(tx.Size()-int64(s.db.Stats().FreePageN)*int64(os.Getpagesize())) / benchPaths
		return nil
	}))
	return file, float64(int64(after.HeapAlloc)-int64(before.HeapAlloc)) / benchPaths
}

func report(b *testing.B, file, heap float64) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchPaths, "ns/entry")
	b.ReportMetric(file, "file-B/entry")
	b.ReportMetric(heap, "heap-B/entry")
}

func BenchmarkCommit(b *testing.B) {
	batches := benchChanges()
	var mem runtime.MemStats
	var file, heap float64
	for b.Loop() {
		b.StopTimer()
		s, _ := benchStore(b)
		runtime.GC()
		runtime.ReadMemStats(&mem)
		b.StartTimer()
		commitAll(b, s, batches)
		b.StopTimer()
		file, heap = usage(b, s, mem)
		s.Close()
		b.StartTimer()
	}
	report(b, file, heap)
}

func BenchmarkSince(b *testing.B) {
	s, _ := benchStore(b)
	commitAll(b, s, benchChanges())
	b.ReportAllocs()
	for b.Loop() {
		if n := len(told(b, s)); n != benchPaths/1000 {
			b.Fatal(n)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchPaths, "ns/entry")
}

func told(b *testing.B, s *Store) (out []Batch) {
	l := wide
	l.Entries = 1000
	for after := uint64(0); ; after = out[len(out)-1].Upto {
		x, _, err := s.Since(NodeID{1}, after, l)
		try(b, err)
		if out = append(out, x); x.Complete {
			return out
		}
	}
}

func BenchmarkAccept(b *testing.B) {
	from, _ := benchStore(b)
	commitAll(b, from, benchChanges())
	batches := told(b, from)
	var mem runtime.MemStats
	var file, heap float64
	for b.Loop() {
		b.StopTimer()
		s, _ := benchStore(b)
		_, err := s.Greet(Peer{ID: NodeID{1}, Replica: 1, Epoch: 1})
		try(b, err)
		runtime.GC()
		runtime.ReadMemStats(&mem)
		b.StartTimer()
		for _, x := range batches {
			if n, err := s.Accept(NodeID{1}, x); err != nil || n != len(x.Entries) {
				b.Fatal(n, err)
			}
		}
		b.StopTimer()
		file, heap = usage(b, s, mem)
		s.Close()
		b.StartTimer()
	}
	report(b, file, heap)
}

// BenchmarkQueued counts what ten peers that are away have not confirmed.
func BenchmarkQueued(b *testing.B) {
	s, _ := benchStore(b)
	commitAll(b, s, benchChanges())
	for i := range 10 {
		_, err := s.Greet(Peer{ID: NodeID{byte(i + 1)}, Replica: folder.ReplicaID(i + 10), Epoch: 1})
		try(b, err)
	}
	for b.Loop() {
		if q, err := s.Queued(1 << 20); err != nil || len(q) != 10 || q[NodeID{1}].Entries != benchPaths {
			b.Fatal(q, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchPaths, "ns/entry")
}

// BenchmarkUnchanged is what a scan of an unchanged tree costs here.
func BenchmarkUnchanged(b *testing.B) {
	s, _ := benchStore(b)
	commitAll(b, s, benchChanges())
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for _, err := range s.Records("") {
			try(b, err)
			n++
		}
		if n != benchPaths {
			b.Fatal(n)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchPaths, "ns/entry")
}

func BenchmarkOpen(b *testing.B) {
	s, path := benchStore(b)
	commitAll(b, s, benchChanges())
	try(b, s.Close())
	for b.Loop() {
		s, err := Open(path, Options{})
		try(b, err)
		try(b, s.Close())
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchPaths, "ns/entry")
}

// BenchmarkApply is what it costs here to have fetched all that another has,
// in any order.
func BenchmarkApply(b *testing.B) {
	from, _ := benchStore(b)
	commitAll(b, from, benchChanges())
	batches := told(b, from)
	var mem runtime.MemStats
	var file, heap float64
	for b.Loop() {
		b.StopTimer()
		s, _ := benchStore(b)
		var changes []Change
		for _, x := range batches {
			_, err := s.Accept(NodeID{1}, x)
			try(b, err)
			for _, e := range x.Entries {
				sib := e.Register.Sibs[0]
				changes = append(changes, Change{Path: e.Path, Applied: true, After: folder.Local{
					Value: sib.Value, Dot: sib.Dot, Stat: folder.Stat{Inode: 1 << 30, CTime: 1.7e18},
				}})
			}
		}
		rand.New(rand.NewPCG(1, 1)).Shuffle(len(changes), func(i, j int) { changes[i], changes[j] = changes[j], changes[i] })
		runtime.GC()
		runtime.ReadMemStats(&mem)
		b.StartTimer()
		for c := range slices.Chunk(changes, 256) {
			if out, err := s.Commit(c, true); err != nil || len(out.Stale) != 0 {
				b.Fatal(out, err)
			}
		}
		b.StopTimer()
		file, heap = usage(b, s, mem)
		if s.Want() != (Want{}) {
			b.Fatal(s.Want())
		}
		s.Close()
		b.StartTimer()
	}
	report(b, file, heap)
}
