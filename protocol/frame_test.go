package protocol

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"testing"
	"testing/iotest"

	"qsync/folder"
)

// TestFrame: what is taken off a stream whole is what another Reader decodes,
// and nothing is read before there is leave to hold it.
func TestFrame(t *testing.T) {
	var b bytes.Buffer
	w := NewWriter(&b)
	want := []*Index{goldenIndex(3), {}, goldenIndex(900)}
	for _, i := range want {
		if err := w.Write(i); err != nil {
			t.Fatal(err)
		}
	}
	all := bytes.Clone(b.Bytes())
	admitted := 0
	admit := func() error { admitted++; return nil }
	r := NewReader(iotest.OneByteReader(&b), Indexes)
	for n, i := range want {
		frame, err := r.Frame(admit)
		if err != nil || admitted != n+1 {
			t.Fatal(n, err, admitted)
		}
		m, err := NewReader(bytes.NewReader(frame), Indexes).Next()
		if err != nil || !reflect.DeepEqual(m, i) {
			t.Errorf("frame %d: %v, %v", n, err, m)
		}
	}
	if _, err := r.Frame(admit); err != io.EOF || admitted != len(want) {
		t.Error(err, admitted)
	}
	no := errors.New("no")
	r = NewReader(bytes.NewReader(all), Indexes)
	for range 2 { // it stays so
		if frame, err := r.Frame(func() error { return no }); err != no || frame != nil {
			t.Error(frame, err)
		}
	}
	r = NewReader(bytes.NewReader(all[:headerSize+3]), Indexes)
	if _, err := r.Frame(admit); err != io.ErrUnexpectedEOF {
		t.Error(err)
	}
	huge := []byte{0xff, 0xff, 0xff, 0xff, byte(kindIndex)}
	for _, bad := range [][]byte{huge, frame(kindRequest, []byte{1}), {0, 0, 0, 0, byte(kindIndex)}} {
		_, err := NewReader(bytes.NewReader(bad), Indexes).Frame(func() error { t.Error("asked"); return nil })
		if !errors.Is(err, ErrProtocol) {
			t.Error(bad, err)
		}
	}
}

// TestHelloLetsGo: the stream of a session that idles holds no large buffer.
func TestHelloLetsGo(t *testing.T) {
	var b bytes.Buffer
	h := &Hello{Mode: TwoWay, Replica: 1, Epoch: 1}
	for n := range folder.MaxFolderContext {
		h.Context = append(h.Context, folder.Dot{Replica: folder.ReplicaID(n + 1), Counter: 1 << 40})
	}
	if err := Write(&b, h); err != nil {
		t.Fatal(err)
	}
	r := NewReader(&b, Control)
	if m, err := r.Next(); err != nil || !reflect.DeepEqual(m, h) {
		t.Fatal(err)
	}
	if cap(r.buf) > firstRead {
		t.Errorf("%d bytes are held", cap(r.buf))
	}
}
