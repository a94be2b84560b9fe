package peer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"qsync/folder/chunk"
	"qsync/folder/disk"
	"qsync/protocol"
)

// ask opens a stream and sends a request for content on it, in the way that is the
// better one for so much.
func (x *fetchJob) ask(s *session, items []protocol.Item) (*routed, *protocol.Reader, error) {
	n := int64(0)
	for i := range items {
		n += items[i].Length
	}
	return x.askBy(s.route(n), items)
}

func (x *fetchJob) askBy(way route, items []protocol.Item) (*routed, *protocol.Reader, error) {
	opened, err := x.open(way.link(), &protocol.Request{Items: items})
	if err != nil {
		return nil, nil, way.lost(err)
	}
	st := way.stream(opened)
	return st, protocol.NewReader(&steady{Stream: st}, protocol.Answers), nil
}

// open opens a stream and sends a request on it.
func (x *fetchJob) open(link Link, request protocol.Message) (Stream, error) {
	// A peer that never ends its streams has no right to more, and none to be waited for.
	ctx, cancel := context.WithTimeoutCause(x.ctx, x.patience, os.ErrDeadlineExceeded)
	defer cancel()
	st, err := link.OpenStream(ctx)
	if err != nil {
		return nil, cmp.Or(context.Cause(ctx), err)
	}
	st.SetDeadline(time.Now().Add(requestWait))
	if err := protocol.Write(st, request); err != nil {
		st.Reset()
		return nil, err
	}
	st.SetDeadline(time.Now().Add(x.patience))
	return st, nil
}

// many asks for small files, all in as few requests as the protocol allows.
func (x *fetchJob) many(s *session, todo []want) (left []want, err error) {
	for len(todo) > 0 {
		var items []protocol.Item
		room := 0
		for i := range todo {
			w := &todo[i]
			it := protocol.Item{Path: w.rec.Path, Digest: w.digest(), Size: w.size(), Length: w.size()}
			if room += it.Cost(); room > protocol.MaxRequest || len(items) == protocol.MaxItems {
				break
			}
			items = append(items, it)
		}
		part := todo[:len(items)]
		todo = todo[len(items):]
		missing, err := x.manyOf(s, items, part)
		left = append(left, missing...)
		if err != nil {
			return append(left, todo...), err
		}
	}
	return left, nil
}

func (x *fetchJob) manyOf(s *session, items []protocol.Item, part []want) (left []want, err error) {
	mem := x.f.node.fetching
	if err := mem.take(x.ctx, askRoom); err != nil {
		return part, err
	}
	defer mem.give(askRoom)
	st, r, err := x.ask(s, items)
	if err != nil {
		return part, err
	}
	for i := range part {
		if i > 0 {
			st.SetDeadline(time.Now().Add(requestWait))
		}
		staged, err := x.f.root.Stage()
		if err != nil {
			st.Reset()
			return left, x.stuck(part[i:], err)
		}
		status, err := x.receive(st, r, staged, part[i].size())
		if err != nil {
			staged.Discard()
			st.Reset()
			if errors.Is(err, errStaging) {
				return left, x.stuck(part[i:], err)
			}
			return append(left, part[i:]...), x.broken(s, err)
		}
		if status == protocol.OK {
			err = x.finished(part[i], staged)
		} else {
			staged.Discard()
		}
		switch {
		case errors.Is(err, disk.ErrContent):
			left = append(left, part[i])
			x.lied(s, part[i])
		case status != protocol.OK:
			left = append(left, part[i])
			x.away(s, part[i], status)
		case err != nil:
			if err := x.stuck(part[i:i+1], err); err != nil {
				st.Reset()
				return append(left, part[i+1:]...), err
			}
		}
	}
	return left, st.Close()
}

// errStaging says that this machine's disk failed: no other peer can help.
var errStaging = errors.New("staging")

// stuck notes for files why they cannot be put on the disk here.
func (x *fetchJob) stuck(files []want, err error) error {
	for i := range files {
		if err := x.f.pathFailed(files[i].rec.Path, err); err != nil {
			return err
		}
	}
	return nil
}

// receive writes the answer to one item into staged: all of it, unless the peer
// says why it does not have it after all.
func (x *fetcher) receive(st Stream, r *protocol.Reader, staged io.Writer, length int64) (protocol.Status, error) {
	m, err := r.Next()
	if err != nil {
		return protocol.Failed, err
	}
	resp, ok := m.(*protocol.Response)
	if !ok {
		return protocol.Failed, fmt.Errorf("%w: an answer without its beginning", protocol.ErrProtocol)
	}
	if resp.Status != protocol.OK {
		return resp.Status, nil
	}
	if resp.Length != length {
		return protocol.Failed, fmt.Errorf("%w: %d bytes for %d asked", protocol.ErrProtocol, resp.Length, length)
	}
	got := int64(0)
	for data := resp.Data; ; {
		if _, err := staged.Write(data); err != nil {
			return protocol.Failed, fmt.Errorf("%w: %w", errStaging, err)
		}
		got += int64(len(data))
		x.f.counts.received.Add(int64(len(data)))
		if got >= length {
			break
		}
		st.SetDeadline(time.Now().Add(requestWait))
		m, err := r.Next()
		if err != nil {
			return protocol.Failed, err
		}
		switch m := m.(type) {
		case *protocol.Data:
			data = m.Bytes
		case *protocol.Abort:
			return m.Status, nil
		default:
			return protocol.Failed, fmt.Errorf("%w: content expected", protocol.ErrProtocol)
		}
	}
	if got != length {
		return protocol.Failed, fmt.Errorf("%w: more content than asked for", protocol.ErrProtocol)
	}
	return protocol.OK, nil
}

// broken ends the link of a peer that broke the protocol.
func (x *fetcher) broken(s *session, err error) error {
	if errors.Is(err, protocol.ErrProtocol) {
		s.link.Close(CodeProtocol, "")
	}
	return err
}

// large brings one file, going on where an earlier attempt was cut off, and with
// what an older version has of it. Where that turns out wrong, all of it comes
// from the peer.
func (x *fetchJob) large(s *session, w want) (left []want, err error) {
	path := string(w.rec.Path)
	x.f.counts.current.Store(&path)
	d, err := x.compare(s, w)
	if errors.Is(err, protocol.ErrProtocol) || err != nil && (x.ctx.Err() != nil || isClosed(s.link.Done())) {
		return []want{w}, x.broken(s, err)
	}
	if err != nil { // it does not say what the file consists of: it may still send it
		x.f.node.cfg.Log.Debug("comparing", "folder", x.f.Dir(), "peer", s.peer.Name, "error", err)
	}
	if d == nil {
		return x.largeBy(s, w, nil)
	}
	defer d.close()
	left, err = x.largeBy(s, w, d)
	if errors.Is(err, disk.ErrContent) || errors.Is(err, errBase) {
		for _, b := range d.bases {
			x.f.forgetRecipe(recipeKey{b.digest, chunk.Bits(w.size())})
		}
		return x.largeBy(s, w, nil)
	}
	return left, err
}

func (x *fetchJob) largeBy(s *session, w want, d *delta) (left []want, err error) {
	again := []want{w}
	coming, there := x.f.underway.begin(&w), false
	defer func() {
		if !there {
			x.f.underway.end(w.rec.Path)
		}
	}()
	staged, have, err := x.f.root.StagePart(w.digest(), w.size())
	if err != nil {
		return nil, x.f.pathFailed(w.rec.Path, err)
	}
	split := d != nil && staged.Split(d.recipe)
	if d == nil && x.f.isHuge(w.size()) {
		staged.Bypass()
	}
	coming.came.Store(have)
	if d == nil && w.size() >= rationLeast {
		x.f.underway.show(coming, staged.Coming())
	}
	x.f.changed() // peers are told how much comes
	one := false  // all of it comes from s
	if have < w.size() {
		var status protocol.Status
		if d != nil {
			status, err = x.insist(func() (protocol.Status, error) { return x.restBy(s, w, counted{staged, &coming.came}, d) }, &coming.came)
		} else {
			status, one, err = x.rest(s, w, counted{staged, &coming.came})
		}
		if status == protocol.Changed || errors.Is(err, errBase) {
			staged.Discard() // what is here is as wrong
			return again, err
		}
		if err != nil || status != protocol.OK {
			staged.Park()
			if errors.Is(err, errStaging) {
				return nil, x.stuck(again, err)
			}
			if err == nil {
				x.away(s, w, status)
			}
			return again, x.broken(s, err)
		}
	}
	if err := x.finished(w, staged); err != nil {
		if errors.Is(err, disk.ErrContent) {
			if one { // else somebody else may have sent some of it
				x.lied(s, w)
			}
			if d == nil {
				x.f.underway.misled.add(w.rec.Path)
			}
			return again, err
		}
		return nil, x.f.pathFailed(w.rec.Path, err)
	}
	there = true // the placer ends it
	x.f.underway.misled.drop(w.rec.Path)
	if split {
		x.f.keepRecipe(w.digest(), d.recipe.Recipe())
	}
	return nil, nil
}

// isHuge reports whether a file of that size is too large a part of the memory here.
func (f *Folder) isHuge(size int64) bool {
	return size >= cmp.Or(f.cfg.Bypass, disk.LargeForMemory())
}

// restFrom brings the next so many bytes of the content of a large file.
func (x *fetchJob) restFrom(s *session, w want, staged counted, length int64) (protocol.Status, error) {
	return x.stretchIn(x.ctx, s, stretchOf(w, staged.n.Load(), length), staged)
}

func stretchOf(w want, offset, length int64) protocol.Item {
	return protocol.Item{Path: w.rec.Path, Digest: w.digest(), Size: w.size(), Offset: offset, Length: length}
}

// stretchIn brings one stretch of a file, in the way that is the better one.
func (x *fetchJob) stretchIn(ctx context.Context, s *session, item protocol.Item, to io.Writer) (protocol.Status, error) {
	mem := x.f.node.fetching
	if err := mem.take(ctx, askRoom); err != nil {
		return protocol.Failed, err
	}
	defer mem.give(askRoom)
	return x.stretch(ctx, s.route(item.Length), item, to)
}

// stretch brings one stretch of a file. The memory for that, askRoom, is the caller's.
func (x *fetchJob) stretch(ctx context.Context, way route, item protocol.Item, to io.Writer) (protocol.Status, error) {
	st, r, err := x.askBy(way, []protocol.Item{item})
	if err != nil {
		return protocol.Failed, err
	}
	defer context.AfterFunc(ctx, st.Stream.Reset)() // what is counted is this goroutine's
	st.left = item.Length
	status, err := x.receive(st, r, to, item.Length)
	if err != nil || status != protocol.OK {
		st.Reset()
		return status, err
	}
	st.Close()
	return status, nil
}

// lied counts against a peer that it sent a whole file of the right length, and
// other bytes than it announced. An honest one checks that first, see [answer].
func (x *fetcher) lied(s *session, w want) {
	x.f.node.cfg.Log.Info("a peer sent other content than it announced", "folder", x.f.Dir(), "peer", s.peer.Name, "path", string(w.rec.Path))
	if x.f.violated(s) {
		s.link.Close(CodeProtocol, "")
	}
}
