package protocol

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"
)

// always packs at one level.
type always struct {
	level    Level
	from, to int
}

func (a *always) Level() Level                            { return a.level }
func (a *always) Packed(from, to int, took time.Duration) { a.from, a.to = a.from+from, a.to+to }

// Whatever is sent packed is what is read, and no write is more than one block.
func TestPacked(t *testing.T) {
	e := NewEncoders(1)
	rapid.Check(t, func(t *rapid.T) {
		by := &always{level: Level(rapid.IntRange(0, int(Strong)).Draw(t, "level"))}
		var want []Message
		var b bytes.Buffer
		p := NewPacker(&b, by, e)
		w := NewWriter(p)
		for range rapid.IntRange(1, 20).Draw(t, "messages") {
			m := rapid.OneOf(genResponse, genData, genAbort).Draw(t, "message")
			if rapid.IntRange(0, 9).Draw(t, "large") == 0 {
				m = &Data{bytes.Repeat([]byte("large "), 40_000)}
			}
			want = append(want, m)
			if err := w.Write(m); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.Flush(); err != nil {
			t.Fatal(err)
		}
		r := NewReader(&b, Answers)
		for i, m := range want {
			got, err := r.Next()
			if err != nil || !reflect.DeepEqual(got, m) {
				t.Fatalf("message %d: %v", i, err)
			}
		}
		if _, err := r.Next(); err != io.EOF {
			t.Fatalf("at the end: %v", err)
		}
	})
}

// Text becomes less, noise does not become more.
func TestPackedSize(t *testing.T) {
	by := &always{level: Fast}
	for name, k := range map[string]struct {
		content []byte
		atMost  int
	}{
		"text":  {[]byte(strings.Repeat("what people write has much in common with itself. ", 4000)), 20_000},
		"noise": {noise(200_000), 200_000 + headerSize},
	} {
		var b bytes.Buffer
		p := NewPacker(&b, by, NewEncoders(1))
		if err := errors.Join(NewWriter(p).Write(&Data{k.content}), p.Flush()); err != nil {
			t.Fatal(err)
		}
		if b.Len() > k.atMost {
			t.Errorf("%s: %d bytes", name, b.Len())
		}
	}
	if by.from <= by.to || by.to == 0 {
		t.Errorf("said to be %d bytes of %d", by.to, by.from)
	}
}

func noise(n int) []byte {
	b, x := make([]byte, n), uint64(88172645463325252)
	for i := range b {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b[i] = byte(x >> 32)
	}
	return b
}

// What a packed frame may not be is a violation.
func TestPackedRefused(t *testing.T) {
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	pack := func(b []byte) []byte { return frame(kindPacked, z.EncodeAll(b, nil)) }
	data := raw(&Data{[]byte("x")})
	var stream bytes.Buffer
	sw, err := zstd.NewWriter(&stream) // states no size
	if err != nil {
		t.Fatal(err)
	}
	sw.Write(data)
	sw.Close()
	for name, b := range map[string][]byte{
		"nothing in it":     pack(nil),
		"no zstd":           frame(kindPacked, []byte("no zstd at all")),
		"no payload":        frame(kindPacked, nil),
		"half a header":     pack(data[:3]),
		"half a frame":      pack(data[:len(data)-1]),
		"one and a half":    pack(slices.Concat(data, data[:6])),
		"packed twice":      pack(pack(data)),
		"another's message": pack(raw(golden["progress"])),
		"too large":         pack(bytes.Repeat(raw(&Data{make([]byte, 1<<16)}), 9)),
		"no size":           frame(kindPacked, stream.Bytes()),
		"cut off":           frame(kindPacked, z.EncodeAll(data, nil)[:12]),
	} {
		r := NewReader(bytes.NewReader(b), Answers)
		var err error
		for range 3 {
			if _, err = r.Next(); err != nil {
				break
			}
		}
		if !errors.Is(err, ErrProtocol) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewReader(bytes.NewReader(pack(data)), Requests).Next(); !errors.Is(err, ErrProtocol) {
		t.Errorf("where requests belong: %v", err)
	}
	if _, err := NewReader(bytes.NewReader(pack(raw(&Data{make([]byte, 1000)}))), Answers).Next(); err != nil {
		t.Error(err)
	}
}

func FuzzPacked(f *testing.F) {
	z, err := zstd.NewWriter(nil)
	if err != nil {
		f.Fatal(err)
	}
	for _, m := range golden {
		f.Add(z.EncodeAll(raw(m), nil))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		r := NewReader(bytes.NewReader(frame(kindPacked, payload)), Answers)
		for range MaxPacked {
			m, err := r.Next()
			if err == nil && Answers[m.kind()] != 0 {
				continue
			}
			if err != io.EOF && !errors.Is(err, ErrProtocol) {
				t.Fatal(err)
			}
			return
		}
	})
}
