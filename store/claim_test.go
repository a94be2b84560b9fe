package store

import (
	"fmt"
	"sync"
	"testing"

	"qsync/folder"
)

// TestWantBeforeCursor: who sees that something of a peer's was merged sees that it is
// wanted, too; the other way round a node says that all is here when nothing is. (I17)
func TestWantBeforeCursor(t *testing.T) {
	s := newStore(t, Options{})
	one := NodeID{1}
	greeted(t, s, one)
	var wg sync.WaitGroup
	done := make(chan struct{})
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				merged := s.Peer(one).Cursor
				if w := s.Want(); w.Entries < int64(merged) {
					t.Errorf("%d entries are merged, and %d of them wanted", merged, w.Entries)
					return
				}
			}
		})
	}
	turn := s.Peer(one).Turn
	for i := range uint64(3000) {
		e := Entry{Path: folder.Path(fmt.Sprintf("f%04d", i)), Register: folder.Register{
			Sibs: []folder.Sibling{{Dot: folder.Dot{Replica: 1, Counter: i + 1}, Value: file(9)}},
		}}
		_, err := s.Accept(one, Batch{After: i, Upto: i + 1, Entries: []Entry{e}, Turn: turn})
		try(t, err)
	}
	close(done)
	wg.Wait()
}
