package protocol

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"qsync/folder"
)

// allocated returns how many bytes reading one frame from b allocates.
func allocated(b []byte) (n uint64, err error) {
	r := NewReader(bytes.NewReader(b), frames)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err = r.Next()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc, err
}

// pack returns payload as the zstd form of an Index, as one that is no bomb
// would be made.
func pack(t testing.TB, payload []byte) []byte {
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return frame(kindIndex, z.EncodeAll(payload, []byte{packed}))
}

// streamed returns n zeros as a zstd frame that does not state its size.
func streamed(t testing.TB, n int) []byte {
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b, zstd.WithWindowSize(64<<10))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(z, zeros{}, int64(n)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// lying returns a zstd frame of n zeros whose header states size instead.
func lying(t testing.TB, n int, size uint32) []byte {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderCRC(false), zstd.WithSingleSegment(true))
	if err != nil {
		t.Fatal(err)
	}
	b := z.EncodeAll(make([]byte, n), nil)
	if b[4]>>6 != 2 {
		t.Fatalf("frame header %x has no size of 4 bytes", b[:9])
	}
	binary.LittleEndian.PutUint32(b[5:], size)
	return b
}

func indexHead(tail string) []byte {
	return append([]byte("\x99\xc2\x00\xcd\xff\xff\xc4\x00\xc4\x00\xc2\xc2\xc4\x01\x00"), tail...)
}

// The word of a peer allocates nothing: F96, F104.
func TestBombs(t *testing.T) {
	const small = 4 << 10
	plainIndex := func(body []byte) []byte { return frame(kindIndex, append([]byte{plain}, body...)) }
	deep := bytes.Repeat([]byte{0x91}, MaxIndex)
	bombs := map[string]struct {
		frame []byte
		most  uint64
	}{
		"array of 2^32-1 values":   {frame(kindAbort, []byte("\xdd\xff\xff\xff\xff")), small},
		"string of 2^32-1 bytes":   {frame(kindHello, []byte("\x98\x01\xdb\xff\xff\xff\xff")), small},
		"binary of 2^32-1 bytes":   {frame(kindHello, []byte("\x98\x01\xa0\xc6\xff\xff\xff\xff")), small},
		"data of 2^32-1 bytes":     {frame(kindResponse, []byte("\x93\x00\x01\xc6\xff\xff\xff\xff")), small},
		"items of 2^32-1":          {frame(kindRequest, []byte("\x91\xdd\xff\xff\xff\xff")), small},
		"items that are not there": {frame(kindRequest, []byte("\x91\xcd\x04\x00")), small},
		"context not there":        {frame(kindHello, []byte("\x98\x01\xa0\xc4\x00\xa0\x01\x01\x01\xc4\x02\xff\x1f")), small},
		"entries of 2^32-1":        {plainIndex(indexHead("\xdd\xff\xff\xff\xff")), small},
		"entries not there":        {plainIndex(indexHead("\xdc\x07\xd0")), small},
		"path of 2^32-1 bytes":     {plainIndex(indexHead("\x91\x93\xc6\xff\xff\xff\xff")), small},
		"siblings not there":       {plainIndex(indexHead("\x91\x93\xc4\x01x\xc4\x02\x00\x40\xc3")), small},
		"deep nesting":             {plainIndex(deep), 4 * MaxIndex},
		"deep nesting, packed":     {pack(t, deep), 4 * MaxIndex},
		"deep entries":             {plainIndex(indexHead("\xdc\x07\xd0" + strings.Repeat("\x91", 18000))), 300 << 10},
		"zstd of 16 MiB stated":    {pack(t, make([]byte, 16<<20)), 64 << 10},
		"zstd of 64 MiB unstated":  {frame(kindIndex, append([]byte{packed}, streamed(t, 64<<20)...)), 64 << 10},
		"zstd that lies below":     {frame(kindIndex, append([]byte{packed}, lying(t, 16<<20, 1<<20)...)), 4 * MaxIndex},
		"zstd that lies above":     {frame(kindIndex, append([]byte{packed}, lying(t, 100<<10, 1<<20)...)), 4 * MaxIndex},
	}
	for k := kindHello; k < kinds; k++ {
		bombs["length 2^32-1, "+k.String()] = struct {
			frame []byte
			most  uint64
		}{append([]byte("\xff\xff\xff\xff"), byte(k)), small}
		bombs["one byte too long, "+k.String()] = struct {
			frame []byte
			most  uint64
		}{append(binary.BigEndian.AppendUint32(nil, uint32(frames[k]+2)), byte(k)), small}
	}
	for name, bomb := range bombs {
		n, err := allocated(bomb.frame)
		if !errors.Is(err, ErrProtocol) {
			t.Errorf("%s: %v", name, err)
		}
		// The frame itself is read into a buffer that doubles.
		if most := bomb.most + max(firstRead, 3*uint64(len(bomb.frame))); n > most {
			t.Errorf("%s: %d bytes allocated for %d", name, n, len(bomb.frame))
		}
	}
}

// A header that promises the largest frame, and nothing after it.
func TestHeaderAlone(t *testing.T) {
	n, err := allocated(append(binary.BigEndian.AppendUint32(nil, MaxData), byte(kindData)))
	if err != io.ErrUnexpectedEOF || n > 2*firstRead {
		t.Errorf("%d bytes allocated, %v", n, err)
	}
}

// The batches that grow most by decoding: as many siblings as may be, each of
// which repeats the value of the one before, and as many context entries. F96
// allows a hostile peer 16 MiB.
func TestLargestIndex(t *testing.T) {
	wide := &Index{Upto: MaxEntries, Context: manyReplicas(folder.MaxFolderContext)}
	for range MaxEntries / 3 {
		wide.Entries = append(wide.Entries, Entry{Path: "x", Register: folder.Register{Ctx: manyReplicas(folder.MaxContext)}})
	}
	for _, m := range []Message{manyWrites(MaxWrites), manyWrites(MaxIndex / 12), wide} {
		b := pack(t, raw(m)[headerSize+1:])
		n, err := allocated(b)
		t.Logf("%d bytes allocated for %d, %d unpacked: %v", n, len(b), len(raw(m)), err)
		if n > 16<<20 {
			t.Errorf("%d bytes allocated for %d, %v", n, len(b), err)
		}
	}
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	check := func(name string, f func()) {
		t.Helper()
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations a frame", name, n)
		}
	}
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	content := make([]byte, 100<<10)
	data, response := &Data{content}, &Response{Length: 1 << 20, Data: content[:300]}
	progress, index := golden["progress"], golden["index-journal"]
	large := goldenIndex(MaxEntries)
	w := NewWriter(io.Discard)
	check("send data", func() { must(w.Data(content)) })
	check("send data in place", func() { must(w.Data(w.Space(64 << 10))) })
	check("send data message", func() { must(w.Write(data)) })
	check("send response", func() { must(w.Write(response)) })
	check("send progress", func() { must(w.Write(progress)) })
	check("send small index", func() { must(w.Write(index)) })
	check("send large index", func() { must(w.Write(large)) })

	for _, m := range []Message{data, response} {
		r := NewReader(&loop{b: written(t, m)}, Answers)
		check("receive "+m.kind().String(), func() {
			_, err := r.Next()
			must(err)
		})
	}
}

// loop is a stream that repeats b for ever.
type loop struct {
	b  []byte
	at int
}

func (l *loop) Read(p []byte) (int, error) {
	n := copy(p, l.b[l.at:])
	l.at = (l.at + n) % len(l.b)
	return n, nil
}

// When the bulk is over, neither end keeps its large buffers.
func TestBuffersShrink(t *testing.T) {
	var b bytes.Buffer
	w, r := NewWriter(&b), NewReader(&b, Indexes)
	for _, m := range []Message{goldenIndex(MaxEntries), &Index{}, &Index{}} {
		if err := w.Write(m); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if n := cap(w.e.b) + cap(w.packer.buf) + cap(r.buf) + cap(r.unpacker.buf); n > 2*firstRead || w.packer.z != nil || r.unpacker.z != nil {
		t.Errorf("%d bytes kept", n)
	}
}
