package protocol

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/vmihailenco/msgpack/v5"
	"pgregory.net/rapid"

	"qsync/folder"
)

func TestRoundTrip(t *testing.T) {
	for k, gen := range map[kind]*rapid.Generator[Message]{
		kindHello: genHello, kindResume: genResume, kindProgress: genProgress, kindIndex: genIndex,
		kindRequest: genRequest, kindResponse: genResponse, kindData: genData, kindAbort: genAbort,
	} {
		t.Run(k.String(), rapid.MakeCheck(func(t *rapid.T) {
			m := gen.Draw(t, "message")
			var b bytes.Buffer
			if err := Write(&b, m); err != nil {
				t.Fatal(err)
			}
			got, err := read(b.Bytes())
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, m) {
				t.Fatalf("sent %+v\n got %+v", m, got)
			}
		}))
	}
}

// One stream carries any sequence, however it is cut into reads, through one
// Writer and one Reader that keep their buffers.
func TestStream(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sent := rapid.SliceOfN(genMessage, 1, 6).Draw(t, "messages")
		var b bytes.Buffer
		w := NewWriter(&b)
		for _, m := range sent {
			if err := w.Write(m); err != nil {
				t.Fatal(err)
			}
		}
		var in io.Reader = &b
		if rapid.Bool().Draw(t, "bytewise") {
			in = iotest.OneByteReader(in)
		}
		r := NewReader(in, frames)
		for _, m := range sent {
			got, err := r.Next()
			if err != nil || !reflect.DeepEqual(got, m) {
				t.Fatalf("sent %+v\n got %+v, %v", m, got, err)
			}
		}
		for range 2 {
			if _, err := r.Next(); err != io.EOF {
				t.Fatalf("at the end: %v", err)
			}
		}
	})
}

// A compressed batch and the same one uncompressed are one message.
func TestPackedIndex(t *testing.T) {
	m := goldenIndex(400)
	b := written(t, m)
	if b[headerSize] != packed || len(b) >= len(raw(m)) {
		t.Fatalf("%d bytes of %d, flag %d", len(b), len(raw(m)), b[headerSize])
	}
	for _, b := range [][]byte{b, raw(m)} {
		if got, err := read(b); err != nil || !reflect.DeepEqual(got, m) {
			t.Fatalf("got %+v, %v", got, err)
		}
	}
}

// A Reader and a Writer go from stream to stream, also after an error.
func TestReset(t *testing.T) {
	r, w := NewReader(strings.NewReader("no frame at all"), Control), NewWriter(nil)
	for name, m := range golden {
		if _, err := r.Next(); err == nil {
			t.Fatalf("before %s: no error", name)
		}
		var b bytes.Buffer
		w.Reset(&b)
		if err := w.Write(m); err != nil {
			t.Fatal(err)
		}
		r.Reset(&b, frames)
		if got, err := r.Next(); err != nil || !reflect.DeepEqual(got, m) {
			t.Fatalf("%s: %+v, %v", name, got, err)
		}
	}
}

// What we call msgpack is what others call msgpack.
func TestOrdinaryMsgpack(t *testing.T) {
	fields := map[kind]int{kindHello: 8, kindResume: 2, kindProgress: 6, kindIndex: 9, kindRequest: 1, kindResponse: 3, kindAbort: 1, kindRecipeRequest: 4, kindRecipe: 3, kindRanges: 4, kindVerdicts: 1, kindDelivery: 10}
	rapid.Check(t, func(t *rapid.T) {
		m := genMessage.Draw(t, "message")
		body := raw(m)[headerSize:]
		if m.kind() == kindData {
			return
		}
		if m.kind().batched() {
			body = body[1:]
		}
		var v []any
		r := bytes.NewReader(body)
		if err := msgpack.NewDecoder(r).Decode(&v); err != nil || len(v) != fields[m.kind()] || r.Len() != 0 {
			t.Fatalf("%v: %v with %d bytes left, %v", m.kind(), v, r.Len(), err)
		}
	})
}

func TestSizeIsUpperBound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := genEntry.Draw(t, "entry")
		with, without := &Index{Entries: []Entry{e}}, &Index{}
		if n := len(raw(with)) - len(raw(without)); e.Size() < n || e.Size() > 3*n+100 {
			t.Fatalf("entry of %d bytes estimated at %d", n, e.Size())
		}
		i := genIndex.Draw(t, "index").(*Index)
		if n := len(raw(i)) - headerSize - 1; i.Size() < n {
			t.Fatalf("index of %d bytes estimated at %d", n, i.Size())
		}
		d := genDelivery.Draw(t, "delivery").(*Delivery)
		took := MaxIndex - d.Index.ContentRoom()
		for _, c := range d.Contents {
			took += len(c) + ContentCost
		}
		if n := len(raw(d)) - headerSize - 1; took < n {
			t.Fatalf("delivery of %d bytes estimated at %d", n, took)
		}
		r := genRequest.Draw(t, "request").(*Request)
		sum := MaxControl - MaxRequest
		for i := range r.Items {
			sum += r.Items[i].Cost()
		}
		if n := len(raw(r)) - headerSize; sum < n {
			t.Fatalf("request of %d bytes estimated at %d", n, sum)
		}
	})
}

// A batch that was filled to the last bit of its room fits, and wastes little.
func TestRoom(t *testing.T) {
	for name, entry := range map[string]func(i int) Entry{
		"bytes":   func(i int) Entry { return genEntry.Example(i % 50) },
		"entries": func(int) Entry { return Entry{Path: "x"} },
		"writes":  func(int) Entry { return Entry{Path: "x", Register: siblings(50)} },
	} {
		m := &Index{Upto: MaxEntries, Context: manyReplicas(300)}
		for room := NewRoom(m.Context); ; {
			e := entry(len(m.Entries))
			if !room.Take(e) {
				break
			}
			m.Entries = append(m.Entries, e)
		}
		if err := Write(io.Discard, m); err != nil {
			t.Fatal(err)
		}
		if n := len(raw(m)); n < MaxIndex/3 && len(m.Entries) != MaxEntries && len(m.Entries) != MaxWrites/50 {
			t.Errorf("%s: a full batch of %d entries, %d bytes", name, len(m.Entries), n)
		}
	}
	for i, r := range []folder.Register{
		{Sibs: []folder.Sibling{{Value: folder.Value{Ext: strings.Repeat("e", MaxIndex)}}}},
		{Ctx: manyReplicas(folder.MaxContext + 1)},
		siblings(folder.MaxSiblings + 1),
	} {
		if room := NewRoom(nil); room.Take(Entry{Path: "x", Register: r}) {
			t.Errorf("room for register %d, which no batch can carry", i)
		}
	}
}

// However a stream ends inside a frame, that is the stream's error.
func TestCutShort(t *testing.T) {
	for _, m := range golden {
		b := written(t, m)
		for n := range min(len(b), 300) {
			want := io.ErrUnexpectedEOF
			if n == 0 {
				want = io.EOF
			}
			if _, err := read(b[:n]); err != want {
				t.Fatalf("%v cut to %d bytes: %v", m.kind(), n, err)
			}
		}
		broken := errors.New("broken")
		r := NewReader(io.MultiReader(bytes.NewReader(b[:len(b)-1]), iotest.ErrReader(broken)), frames)
		if _, err := r.Next(); err != broken {
			t.Fatalf("%v from a broken stream: %v", m.kind(), err)
		}
	}
}

// counter counts the calls to Write.
type counter struct{ calls, bytes int }

func (c *counter) Write(p []byte) (int, error) {
	c.calls++
	c.bytes += len(p)
	return len(p), nil
}

func TestOneWritePerFrame(t *testing.T) {
	var c counter
	w := NewWriter(&c)
	for _, m := range golden {
		before := c.calls
		if err := w.Write(m); err != nil || c.calls != before+1 {
			t.Fatalf("%v: %d writes, %v", m.kind(), c.calls-before, err)
		}
	}
	broken := errors.New("broken")
	w.Reset(brokenWriter{broken})
	if err := w.Write(&Abort{Busy}); err != broken {
		t.Fatal(err)
	}
}

type brokenWriter struct{ err error }

func (b brokenWriter) Write([]byte) (int, error) { return 0, b.err }

func TestSpace(t *testing.T) {
	var b bytes.Buffer
	w := NewWriter(&b)
	for _, text := range []string{"some content", "more of it, longer than before"} {
		n := copy(w.Space(MaxData), text)
		if err := w.Data(w.Space(MaxData)[:n]); err != nil {
			t.Fatal(err)
		}
		m, err := read(b.Bytes())
		if err != nil || string(m.(*Data).Bytes) != text {
			t.Fatalf("%v, %v", m, err)
		}
		b.Reset()
	}
}
