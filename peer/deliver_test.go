package peer

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
	"weak"

	"qsync/certs"
	"qsync/folder"
	"qsync/folder/chunk"
	"qsync/folder/disk"
	"qsync/protocol"
)

// TestSmallInOneWay: what is small and was changed just now is on the other side one
// way over the line later; of a larger file it takes three, and so of everything where
// the other side has not said that it reads content with the index.
func TestSmallInOneWay(t *testing.T) {
	t.Parallel()
	for _, old := range []bool{false, true} {
		farApart(t, 2, func(c *cluster, way time.Duration) {
			a, b := c.nodes[0], c.nodes[1]
			if old {
				a.f.takers.Add(-1)
				a.f.mu.Lock()
				for _, s := range a.f.sessions {
					s.taker.Store(false)
				}
				a.f.mu.Unlock()
			}
			for i, size := range []int{1, 1000, protocol.MaxContent, protocol.MaxContent + 1} {
				p, ways := fmt.Sprint("f", i), time.Duration(1)
				if old || size > protocol.MaxContent {
					ways = 3
				}
				for range 2 { // it is new, and then it is another one
					content := noise(size)
					began := time.Now()
					a.write(p, content)
					if took := b.gets(p, content, began); took < ways*way || took > ways*way+way/2 {
						c.Errorf("%d bytes, old %v: there after %v", size, old, took)
					}
					c.converged(20 * time.Second)
				}
			}
		})
	}
}

// farApart runs fn on n machines around the first one that have met, on lines of that
// way.
func farApart(t *testing.T, n int, fn func(c *cluster, way time.Duration)) {
	t.Helper()
	bubble(t, n, func(c *cluster) {
		c.net.latency = 200 * time.Millisecond
		for _, m := range c.nodes[1:] {
			m.dials(c.nodes[0])
		}
		c.start()
		c.settle(20 * time.Second)
		fn(c, c.net.latency)
	})
}

// gets waits until m has a file, and returns how long that took.
func (m *machine) gets(p, content string, began time.Time) time.Duration {
	for m.read(p) != content && time.Since(began) < time.Minute {
		time.Sleep(time.Millisecond)
	}
	return time.Since(began)
}

// TestComesTogether: what was changed together comes in the same way: where something of
// it has to be asked for, or all of it is much for so many peers, all of it is.
func TestComesTogether(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		peers int
		sizes []int
		along bool
	}{
		{1, []int{10, 1000, 16000}, true},
		{1, []int{10, protocol.MaxContent + 1}, false},
		{1, []int{16000, 16000, 16000}, false},
		{5, []int{1000, 2000}, true},
		{5, []int{10000}, false},
	} {
		farApart(t, 1+x.peers, func(c *cluster, way time.Duration) {
			a, sent, all := c.nodes[0], c.contentSent(), 0
			began := time.Now()
			a.must(os.Mkdir(a.path("d"), 0o755))
			contents := make(map[string]string)
			for i, n := range x.sizes {
				p := fmt.Sprint("d/f", i)
				contents[p] = noise(n)
				a.must(os.WriteFile(a.path(p), []byte(contents[p]), 0o644))
				all += n
			}
			a.hint("d", true)
			for p, content := range contents {
				took := c.nodes[1].gets(p, content, began)
				if x.along && took > 2*way || !x.along && took < 2*way {
					c.Errorf("%v to %d: %s is there after %v", x.sizes, x.peers, p, took)
				}
			}
			c.converged(20 * time.Second)
			if n := int(c.contentSent() - sent); n != all*x.peers {
				c.Errorf("%v to %d: %d bytes of content were sent", x.sizes, x.peers, n)
			}
		})
	}
}

// TestParkedAbove: that a directory is put off for a reason of long ago does not put off
// what is wanted in it.
func TestParkedAbove(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		c.start()
		c.settle(20 * time.Second)
		b.f.parked.mu.Lock()
		b.f.parked.m = map[folder.Path]parkedPath{"x": {until: time.Now().Add(time.Hour), tries: 9, why: "in y: no space left on device"}}
		b.f.parked.mu.Unlock()
		a.write("x/f", "content")
		c.converged(5 * time.Second)
	})
}

// TestEqualAlong: of several files with the same content it goes along once to each
// peer, and all of them are made of that.
func TestEqualAlong(t *testing.T) {
	t.Parallel()
	farApart(t, 3, func(c *cluster, way time.Duration) {
		a, sent := c.nodes[0], c.contentSent()
		content := noise(1000)
		began := time.Now()
		a.must(os.Mkdir(a.path("d"), 0o755))
		all := []string{"d/one", "d/two", "d/three"}
		for _, p := range all {
			a.must(os.WriteFile(a.path(p), []byte(content), 0o644))
		}
		a.hint("d", true)
		for _, m := range c.nodes[1:] {
			for _, p := range all {
				if took := m.gets(p, content, began); took > 2*way {
					c.Errorf("%s has %s after %v", m.name, p, took)
				}
			}
		}
		if n := c.contentSent() - sent; n != 2*1000 {
			c.Errorf("%d bytes of content were sent", n)
		}
	})
}

// TestManySmallAtOnce: many at once are asked for, each once by each who wants it, and
// by nobody who has it already; nothing is kept for long.
func TestManySmallAtOnce(t *testing.T) {
	t.Parallel()
	bubble(t, 3, func(c *cluster) {
		c.full()
		c.start()
		c.settle(20 * time.Second)
		const files, size = 1500, 10000
		a, b, seeded := c.nodes[0], c.nodes[1], 0
		for i := range files {
			p, content := fmt.Sprintf("d/%d/f%04d", i%7, i), []byte(noise(size))
			for k, m := range c.nodes[:2] {
				if k == 0 || i%3 == 0 { // b has some of them too
					m.must(os.MkdirAll(filepath.Dir(m.path(p)), 0o755))
					m.must(os.WriteFile(m.path(p), content, 0o644))
					seeded += k
				}
			}
		}
		a.hint("d", true)
		b.hint("d", true)
		c.converged(time.Minute)
		if n, want := int(c.contentSent()), size*(2*files-seeded); n > want*11/10 {
			c.Errorf("%d bytes of content were sent, %d are wanted", n, want)
		}
		for _, m := range c.nodes {
			if m.f.fresh.mu.Lock(); m.f.fresh.bytes > pocketRoom {
				c.Errorf("%s keeps %d bytes", m.name, m.f.fresh.bytes)
			}
			m.f.fresh.mu.Unlock()
		}
		time.Sleep(2 * giftTime)
		for _, m := range c.nodes {
			if m.f.fresh.holds() || m.f.gifts.holds() || m.node.larders.fresh.bytes.Load()+m.node.larders.gifts.bytes.Load() != 0 {
				c.Errorf("%s still holds content", m.name)
			}
		}
	})
}

// TestNobodyTakes: where nobody takes it no content is kept: a receiver has none to
// tell of, a source has no use for any, and who is far behind has an order of its own.
func TestNobodyTakes(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		a.cfg.Mode, b.cfg.Mode = Send, Receive
		c.line()
		a.write("x", "alone")
		c.start(a)
		time.Sleep(time.Second)
		keeps := func(m *machine, whole bool) func(int64) bool {
			return (&scan{f: m.f, whole: whole}).keepsFresh()
		}
		if keeps(a, false) != nil || a.f.fresh.holds() {
			c.Error("kept for nobody")
		}
		c.start(b)
		c.settle(20 * time.Second)
		switch keep := keeps(a, false); {
		case keep == nil:
			c.Error("nothing is kept for a receiver")
		case !keep(protocol.MaxContent) || keep(protocol.MaxContent+1):
			c.Error("what is kept is not what may go along")
		}
		if keeps(a, true) != nil {
			c.Error("a look at everything keeps content")
		}
		if keeps(b, false) != nil {
			c.Error("kept for a source")
		}
		a.write("y", "for b")
		c.settle(20 * time.Second)
		if got := b.read("y"); got != "for b" {
			c.Error(got)
		}
		a.f.mu.Lock()
		defer a.f.mu.Unlock()
		for _, s := range a.f.sessions {
			s.mu.Lock()
			s.heard.WantEntries = deliverMost + 1
			s.mu.Unlock()
			if !s.isBehind() {
				c.Error("it is not behind")
			}
		}
	})
}

// TestOtherFolder: what came along in one folder is nothing for those who hold the ID
// of another one, not even if they know its digest.
func TestOtherFolder(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		b.cfg.Exclude = []string{"secret"}
		c.line()
		c.start()
		other, err := certs.NewSyncID()
		c.nodes[0].must(err)
		dir := filepath.Join(c.dir, "other")
		a.must(os.Mkdir(dir, 0o755))
		h := hints{make(chan disk.Hint, 10)}
		_, err = b.node.Add(FolderConfig{ID: other, Dir: dir, State: dir + ".state", Mode: TwoWay, Rescan: time.Hour, Watch: func() Watcher { return h }})
		a.must(err)
		c.settle(20 * time.Second)
		c.id = other
		l, err := c.intruder().meet(b)
		a.must(err)
		const secret = "the pin is 1234"
		a.write("secret", secret)
		time.Sleep(time.Second)
		if !b.f.gifts.holds() {
			c.Error("it did not come along")
		}
		a.must(l.index(&protocol.Index{Upto: 1, Entries: []protocol.Entry{fileEntry("x", secret, 1)}}))
		time.Sleep(2 * time.Second)
		if got, err := os.ReadFile(filepath.Join(dir, "x")); err == nil {
			c.Errorf("the other folder has it: %q", got)
		}
	})
}

// fileEntry tells of a file as the intruder would.
func fileEntry(p folder.Path, content string, counter uint64) protocol.Entry {
	h := chunk.New()
	h.Write([]byte(content))
	v := folder.Value{Kind: folder.File, Mode: 0o644, Size: int64(len(content)), Digest: h.Sum()}
	return protocol.Entry{Path: p, Have: true, Register: folder.Register{Sibs: []folder.Sibling{{Dot: folder.Dot{Replica: 99, Counter: counter}, Value: v}}}}
}

// TestUnaskedContent: a member who sends content along that nothing speaks of, or other
// content than its entry says, gets nothing onto a disk by it, nor into memory.
func TestUnaskedContent(t *testing.T) {
	t.Parallel()
	bubble(t, 1, func(c *cluster) {
		a := c.nodes[0]
		c.start()
		c.settle(20 * time.Second)
		l, err := c.intruder().meet(a)
		a.must(err)
		out, err := l.OpenUni(context.Background())
		a.must(err)
		n := uint64(0)
		tell := func(content string) {
			n++
			i := protocol.Index{After: n - 1, Upto: n, Entries: []protocol.Entry{fileEntry("x", "this", n)}}
			a.must(protocol.Write(out, &protocol.Delivery{Index: i, Contents: [][]byte{[]byte(content)}}))
		}
		tell("that")
		for range 100 {
			tell(noise(protocol.MaxContent))
		}
		time.Sleep(time.Second)
		if a.exists("x") {
			c.Error("it took other content:", a.read("x"))
		}
		if a.f.gifts.holds() {
			c.Error("it keeps what nothing speaks of")
		}
		// It asks for what did not come, and nobody answers: told again it is taken.
		for range 30 {
			tell("this")
			if time.Sleep(5 * time.Second); a.exists("x") {
				break
			}
		}
		if got := a.read("x"); got != "this" {
			c.Error("what is as told was not taken:", got)
		}
	})
}

// TestContentsApart: who keeps an index that brought content, as a comparison does with
// many, does not keep that.
func TestContentsApart(t *testing.T) {
	t.Parallel()
	var kept []protocol.Message
	held := func() weak.Pointer[byte] {
		d := &protocol.Delivery{Index: protocol.Index{Upto: 1}, Contents: [][]byte{make([]byte, 1000)}}
		i, contents := opened(d)
		kept = append(kept, i)
		return weak.Make(&contents[0][0])
	}()
	runtime.GC()
	if held.Value() != nil {
		t.Error("the content is kept")
	}
	if i, ok := kept[0].(*protocol.Index); !ok || i.Upto != 1 {
		t.Errorf("%+v", kept[0])
	}
}
