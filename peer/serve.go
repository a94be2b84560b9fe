package peer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"qsync/folder"
	"qsync/folder/disk"
	"qsync/protocol"
)

const (
	serveAtOnce  = 16               // requests of one peer answered at the same time
	requestWait  = 30 * time.Second // for a peer to say what it wants, or to take what it asked for
	chunkSize    = 256 << 10        // bytes of a Data frame
	answerBuffer = 64 << 10
)

// answers serves the peer's requests for content.
func (s *session) answers(ctx context.Context) error {
	slots := make(chan struct{}, serveAtOnce)
	for {
		st, err := s.link.AcceptStream(ctx)
		if err != nil {
			return s.streamEnd(ctx, err)
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
			if err := s.serve(st); err != nil {
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

// serve answers one request, item by item.
func (s *session) serve(st Stream) error {
	st.SetDeadline(time.Now().Add(requestWait))
	m, err := protocol.NewReader(st, protocol.Requests).Next()
	if err != nil {
		return err
	}
	req, ok := m.(*protocol.Request)
	if !ok {
		return fmt.Errorf("%w: no request", protocol.ErrProtocol)
	}
	// Small answers gather into writes that fill a burst of packets.
	out := bufio.NewWriterSize(st, answerBuffer)
	a := &answer{st: st, w: protocol.NewWriter(out)}
	for i := range req.Items {
		st.SetDeadline(time.Now().Add(requestWait))
		if err := s.serveItem(a, &req.Items[i]); err != nil {
			return err
		}
	}
	return out.Flush()
}

// answer is the answer to one request, under way.
type answer struct {
	st    Stream
	w     *protocol.Writer
	small []byte // for the content of small files, one after another
}

func (s *session) serveItem(a *answer, it *protocol.Item) error {
	w := a.w
	f, local, status := s.f.content(it.Path, it.Digest)
	if status != protocol.OK {
		return w.Write(&protocol.Response{Status: status})
	}
	defer f.Close()
	if local.Value.Size != it.Size {
		return w.Write(&protocol.Response{Status: protocol.NotHere})
	}
	if it.Length <= chunkSize {
		return s.serveSmall(a, f, it)
	}
	if err := w.Write(&protocol.Response{Status: protocol.OK, Length: it.Length}); err != nil {
		return err
	}
	for off, end := it.Offset, it.Offset+it.Length; off < end; {
		buf := w.Space(int(min(chunkSize, end-off)))
		if _, err := f.ReadAt(buf, off); err != nil {
			return w.Write(&protocol.Abort{Status: readStatus(err)})
		}
		a.st.SetDeadline(time.Now().Add(requestWait))
		if err := w.Data(buf); err != nil {
			return err
		}
		off += int64(len(buf))
		s.f.counts.sent.Add(int64(len(buf)))
	}
	return nil
}

func (s *session) serveSmall(a *answer, f *os.File, it *protocol.Item) error {
	a.small = slices.Grow(a.small[:0], int(it.Length))[:it.Length]
	buf, w := a.small, a.w
	if _, err := f.ReadAt(buf, it.Offset); err != nil {
		return w.Write(&protocol.Response{Status: readStatus(err)})
	}
	s.f.counts.sent.Add(it.Length)
	return w.Write(&protocol.Response{Status: protocol.OK, Length: it.Length, Data: buf})
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
	r, err := f.store.Record(p)
	if err != nil {
		return nil, folder.Local{}, protocol.Failed
	}
	status := protocol.NotHere
	if r.Local.Value.Kind == folder.File && r.Local.Value.Digest == d {
		file, err := f.openContent(r.Path, r.Local)
		if err == nil {
			return file, r.Local, protocol.OK
		}
		status = openStatus(err)
	}
	held, err := f.store.Holding(d, 4)
	if err != nil {
		return nil, folder.Local{}, protocol.Failed
	}
	for _, r := range held {
		if r.Path == p {
			continue
		}
		if file, err := f.openContent(r.Path, r.Local); err == nil {
			return file, r.Local, protocol.OK
		}
	}
	return nil, folder.Local{}, status
}

func (f *Folder) openContent(p folder.Path, l folder.Local) (*os.File, error) {
	file, err := f.root.OpenFile(p, l)
	if err != nil {
		f.look.add(p, false) // the disk is not what the map says: find out
	}
	return file, err
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
