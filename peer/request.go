package peer

import (
	"errors"
	"fmt"
	"io"
	"time"

	"qsync/folder/disk"
	"qsync/protocol"
)

// ask opens a stream and sends a request on it.
func (x *fetchJob) ask(s *session, items []protocol.Item) (Stream, *protocol.Reader, error) {
	st, err := s.link.OpenStream(x.ctx)
	if err != nil {
		return nil, nil, err
	}
	st.SetDeadline(time.Now().Add(requestWait))
	if err := protocol.Write(st, &protocol.Request{Items: items}); err != nil {
		st.Reset()
		return nil, nil, err
	}
	st.SetDeadline(time.Now().Add(x.patience))
	return st, protocol.NewReader(st, protocol.Answers), nil
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
		ok, err := x.receive(st, r, staged, part[i].size())
		if err != nil {
			staged.Discard()
			st.Reset()
			if errors.Is(err, errStaging) {
				return left, x.stuck(part[i:], err)
			}
			return append(left, part[i:]...), x.broken(s, err)
		}
		if ok {
			err = x.finished(part[i], staged)
		} else {
			staged.Discard()
		}
		switch {
		case !ok, errors.Is(err, disk.ErrContent):
			left = append(left, part[i])
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

// receive writes the answer to one item into staged. It reports false if the
// peer does not have it after all.
func (x *fetcher) receive(st Stream, r *protocol.Reader, staged io.Writer, length int64) (bool, error) {
	m, err := r.Next()
	if err != nil {
		return false, err
	}
	resp, ok := m.(*protocol.Response)
	if !ok {
		return false, fmt.Errorf("%w: an answer without its beginning", protocol.ErrProtocol)
	}
	if resp.Status != protocol.OK {
		return false, nil
	}
	if resp.Length != length {
		return false, fmt.Errorf("%w: %d bytes for %d asked", protocol.ErrProtocol, resp.Length, length)
	}
	got := int64(0)
	for data := resp.Data; ; {
		if _, err := staged.Write(data); err != nil {
			return false, fmt.Errorf("%w: %w", errStaging, err)
		}
		got += int64(len(data))
		x.f.counts.received.Add(int64(len(data)))
		if got >= length {
			break
		}
		st.SetDeadline(time.Now().Add(requestWait))
		m, err := r.Next()
		if err != nil {
			return false, err
		}
		switch m := m.(type) {
		case *protocol.Data:
			data = m.Bytes
		case *protocol.Abort:
			return false, nil
		default:
			return false, fmt.Errorf("%w: content expected", protocol.ErrProtocol)
		}
	}
	if got != length {
		return false, fmt.Errorf("%w: more content than asked for", protocol.ErrProtocol)
	}
	return true, nil
}

// broken ends the link of a peer that broke the protocol.
func (x *fetcher) broken(s *session, err error) error {
	if errors.Is(err, protocol.ErrProtocol) {
		s.link.Close(CodeProtocol, "")
	}
	return err
}

// large brings one file, going on where an earlier attempt was cut off.
func (x *fetchJob) large(s *session, w want) (left []want, err error) {
	again := []want{w}
	path := string(w.rec.Path)
	x.f.counts.current.Store(&path)
	staged, have, err := x.f.root.StagePart(w.digest(), w.size())
	if err != nil {
		return nil, x.f.pathFailed(w.rec.Path, err)
	}
	if have < w.size() {
		st, r, err := x.ask(s, []protocol.Item{{Path: w.rec.Path, Digest: w.digest(), Size: w.size(), Offset: have, Length: w.size() - have}})
		if err != nil {
			staged.Park()
			return again, err
		}
		ok, err := x.receive(st, r, staged, w.size()-have)
		if err != nil || !ok {
			staged.Park()
			st.Reset()
			if errors.Is(err, errStaging) {
				return nil, x.stuck(again, err)
			}
			return again, x.broken(s, err)
		}
		st.Close()
	}
	if err := x.finished(w, staged); err != nil {
		if errors.Is(err, disk.ErrContent) {
			return again, err
		}
		return nil, x.f.pathFailed(w.rec.Path, err)
	}
	return nil, nil
}
