package peer

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"qsync/folder"
	"qsync/folder/chunk"
	"qsync/folder/disk"
	"qsync/protocol"
	"qsync/store"
)

const (
	serveAtOnce = 16               // requests of one peer answered at the same time
	requestWait = 30 * time.Second // for a peer to say what it wants, or to take what it asked for
	chunkSize   = 256 << 10        // bytes of a Data frame
	smallAnswer = 64 << 10         // up to here content goes into the Response
)

// answersOn serves what the peer asks for on a link, the session's or a lane,
// until that ends. flow is what answers get through it, slots how many may be under
// way.
func (s *session) answersOn(ctx context.Context, link Link, flow *flow, slots chan struct{}) error {
	for {
		st, err := link.AcceptStream(ctx)
		if err != nil {
			return err
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			st.Reset()
			return nil
		}
		s.waits.Add(1)
		go func() {
			defer s.waits.Done()
			defer func() { <-slots }()
			if err := s.serve(ctx, st, flow); err != nil {
				st.Reset()
				if errors.Is(err, protocol.ErrProtocol) {
					s.link.Close(CodeProtocol, "")
				}
				return
			}
			st.Close()
		}()
	}
}

// serve answers one request, item by item. It holds the memory for that before
// it reads the request, and the peer has a deadline for every step.
func (s *session) serve(ctx context.Context, st Stream, flow *flow) error {
	if err := s.mem.take(ctx, answerRoom); err != nil {
		return err
	}
	defer s.mem.give(answerRoom)
	st.SetDeadline(time.Now().Add(requestWait))
	m, err := protocol.NewReader(st, protocol.Requests).Next()
	if err != nil {
		return err
	}
	if req, ok := m.(*protocol.RecipeRequest); ok {
		return s.recipe(ctx, st, req)
	}
	req := m.(*protocol.Request) // such a stream carries nothing else
	flow.trial.enter()
	defer flow.trial.leave()
	// Small answers gather into writes that fill a burst of packets.
	out := protocol.NewPacker(&timed{&steady{Stream: st, hurry: s.mem.greedy}, flow}, &packing{s: s, flow: flow}, s.f.node.encoders)
	a := &answer{ctx: ctx, s: s, st: st, w: protocol.NewWriter(out), hash: chunk.New()}
	for i := range req.Items {
		st.SetDeadline(time.Now().Add(requestWait))
		if err := a.item(&req.Items[i]); err != nil {
			return err
		}
	}
	return out.Flush()
}

// answer is the answer to one request, under way.
type answer struct {
	ctx   context.Context
	s     *session
	st    Stream
	w     *protocol.Writer
	small []byte // for the content of small files, one after another
	hash  *chunk.Hasher
	given *atomic.Int64 // counts what is given of large content
	busy  bool          // the rest has to wait
}

func (a *answer) item(it *protocol.Item) error {
	if a.mustStop() {
		return a.w.Write(&protocol.Response{Status: protocol.Busy})
	}
	a.hash.Reset()
	f, local, status := contentBy(a.s.f, it.Path, it.Digest, a.s.f.root.OpenContent)
	if status == protocol.NotHere {
		if ok, err := a.coming(it); ok || err != nil {
			return err
		}
	}
	if status != protocol.OK {
		return a.w.Write(&protocol.Response{Status: status})
	}
	defer f.Close()
	if local.Value.Size != it.Size {
		return a.w.Write(&protocol.Response{Status: protocol.NotHere})
	}
	if it.Length <= smallAnswer {
		return a.whole(f, it)
	}
	if a.rations(it) {
		return a.large(f, it)
	}
	return a.parts(f, it)
}

// mustStop reports whether the peer holds so much, while others wait for memory,
// that it has to ask again for what is missing.
func (a *answer) mustStop() bool {
	a.busy = a.busy || a.s.mem.greedy()
	return a.busy
}

// parts sends content in stretches. The last of a whole file goes only when its
// digest is known to be right: who has sent wrong bytes to their end has lied.
func (a *answer) parts(f io.ReaderAt, it *protocol.Item) error {
	if err := a.w.Write(&protocol.Response{Status: protocol.OK, Length: it.Length}); err != nil {
		return err
	}
	for off, end := it.Offset, it.Offset+it.Length; off < end; {
		if a.mustStop() {
			return a.w.Write(&protocol.Abort{Status: protocol.Busy})
		}
		buf := a.w.Space(int(min(chunkSize, end-off)))
		if _, err := f.ReadAt(buf, off); err != nil {
			return a.w.Write(&protocol.Abort{Status: readStatus(err)})
		}
		if off += int64(len(buf)); a.wrong(it, buf, off) {
			return a.w.Write(&protocol.Abort{Status: protocol.Changed})
		}
		a.st.SetDeadline(time.Now().Add(requestWait))
		if err := a.w.Data(buf); err != nil {
			return err
		}
		a.s.f.counts.sent.Add(int64(len(buf)))
		if a.given != nil {
			a.given.Add(int64(len(buf)))
		}
	}
	return nil
}

// whole sends content with the Response.
func (a *answer) whole(f io.ReaderAt, it *protocol.Item) error {
	a.small = slices.Grow(a.small[:0], int(it.Length))[:it.Length]
	if _, err := f.ReadAt(a.small, it.Offset); err != nil {
		return a.w.Write(&protocol.Response{Status: readStatus(err)})
	}
	if a.wrong(it, a.small, it.Offset+it.Length) {
		return a.w.Write(&protocol.Response{Status: protocol.Changed})
	}
	a.s.f.counts.sent.Add(it.Length)
	return a.w.Write(&protocol.Response{Status: protocol.OK, Length: it.Length, Data: a.small})
}

// wrong digests the next bytes of a file that is asked for whole, and reports at
// its end whether they are not what the map says: the stat does not show every
// change (mmap, decaying disks). Of a part nothing can be told.
func (a *answer) wrong(it *protocol.Item, buf []byte, upto int64) bool {
	if it.Length != it.Size {
		return false
	}
	a.hash.Write(buf)
	return upto == it.Size && a.hash.Sum() != it.Digest
}

func readStatus(err error) protocol.Status {
	if errors.Is(err, io.EOF) {
		return protocol.Changed // it has become shorter
	}
	return protocol.Failed
}

// content opens the file that holds content d: the one at p, if the map says it
// is there, else any other that the map knows. A peer's words never become a
// path on the disk; the map decides.
func (f *Folder) content(p folder.Path, d folder.Digest) (*os.File, folder.Local, protocol.Status) {
	return contentBy(f, p, d, f.root.OpenFile)
}

func contentBy[F any](f *Folder, p folder.Path, d folder.Digest, open func(folder.Path, folder.Local) (F, error)) (none F, _ folder.Local, _ protocol.Status) {
	r, err := f.store.Record(p)
	if err != nil {
		return none, folder.Local{}, protocol.Failed
	}
	try := func(r *store.Record) (F, error) {
		file, err := open(r.Path, r.Local)
		if err != nil {
			f.look.add(r.Path, false) // the disk is not what the map says: find out
		}
		return file, err
	}
	status := protocol.NotHere
	if r.Local.Value.Kind == folder.File && r.Local.Value.Digest == d {
		file, err := try(&r)
		if err == nil {
			return file, r.Local, protocol.OK
		}
		status = openStatus(err)
	}
	held, err := f.store.Holding(d, 4)
	if err != nil {
		return none, folder.Local{}, protocol.Failed
	}
	for _, r := range held {
		if r.Path == p {
			continue
		}
		if file, err := try(&r); err == nil {
			return file, r.Local, protocol.OK
		}
	}
	return none, folder.Local{}, status
}

func openStatus(err error) protocol.Status {
	switch {
	case errors.Is(err, disk.ErrChanged):
		return protocol.Changed
	case errors.Is(err, fs.ErrNotExist):
		return protocol.NotHere
	}
	return protocol.Failed
}
