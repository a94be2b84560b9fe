package protocol

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"

	"qsync/folder"
)

// with returns a copy of a golden message that change was applied to.
func with[T any](name string, change func(*T)) Message {
	m := *any(golden[name]).(*T)
	change(&m)
	return any(&m).(Message)
}

func manyReplicas(n int) folder.Context {
	c := make(folder.Context, n)
	for i := range c {
		c[i] = folder.Dot{Replica: 1<<63 + folder.ReplicaID(i), Counter: maxCounter}
	}
	return c
}

func manyEntries(n int) []Entry {
	es := make([]Entry, n)
	for i := range es {
		es[i].Path = "x"
	}
	return es
}

func manyItems(n int) []Item {
	items := make([]Item, n)
	for i := range items {
		items[i] = Item{Path: "x", Size: 1, Length: 1}
	}
	return items
}

// longPath returns a path of n bytes in components of at most 255.
func longPath(n int) folder.Path {
	b := bytes.Repeat([]byte("x"), n)
	for i := 200; i < n-1; i += 200 {
		b[i] = '/'
	}
	return folder.Path(b)
}

func entry(p folder.Path, r folder.Register) Message {
	return &Index{Upto: 1, Entries: []Entry{{p, r, false}}}
}

func siblings(n int) folder.Register {
	var r folder.Register
	for i := range n {
		r.Sibs = append(r.Sibs, folder.Sibling{
			Dot:   folder.Dot{Replica: folder.ReplicaID(i + 1), Counter: 1},
			Value: folder.Value{Kind: folder.Dir},
		})
	}
	return r
}

// manyWrites returns a batch with n siblings, n a multiple of 50.
func manyWrites(n int) Message {
	i := &Index{Upto: MaxEntries}
	for range n / 50 {
		i.Entries = append(i.Entries, Entry{"x", siblings(50), false})
	}
	return i
}

func value(v folder.Value) Message {
	s := folder.Sibling{Dot: folder.Dot{Replica: 1, Counter: 1}, Value: v}
	return entry("x", folder.Register{Sibs: []folder.Sibling{s}})
}

func snapshot(from, to folder.Path, paths ...folder.Path) Message {
	i := &Index{Snapshot: true, From: from, To: to}
	for _, p := range paths {
		i.Entries = append(i.Entries, Entry{Path: p})
	}
	return i
}

func item(path folder.Path, size, offset, length int64) Message {
	return &Request{Items: []Item{{Path: path, Size: size, Offset: offset, Length: length}}}
}

// delivery returns as many entries as contents.
func delivery(contents ...[]byte) Message {
	n := len(contents)
	return &Delivery{Index{Upto: uint64(n), Entries: manyEntries(n)}, contents}
}

func manyContents(n, size int) (out [][]byte) {
	for range n {
		out = append(out, bytes.Repeat([]byte("c"), size))
	}
	return out
}

func ranges(from folder.Path, to ...folder.Path) Message {
	r := &Ranges{From: from}
	for _, p := range to {
		r.Ranges = append(r.Ranges, Range{To: p})
	}
	return r
}

func manyRanges(n int) Message {
	r := &Ranges{}
	for i := range n {
		r.Ranges = append(r.Ranges, Range{To: folder.Path(fmt.Sprintf("%05d", i))})
	}
	return r
}

// limits has, for each limit, a message just inside and some just outside.
var limits = []struct {
	name    string
	inside  Message
	outside []Message
}{
	{"mode", with("hello", func(h *Hello) { h.Mode = Mirror }), []Message{
		with("hello", func(h *Hello) { h.Mode = 0 }), with("hello", func(h *Hello) { h.Mode = Mirror + 1 })}},
	{"name", with("hello", func(h *Hello) { h.Name = strings.Repeat("n", MaxName) }), []Message{
		with("hello", func(h *Hello) { h.Name = strings.Repeat("n", MaxName+1) }), with("hello", func(h *Hello) { h.Name = "\xff" })}},
	{"folder", with("hello", func(h *Hello) { h.Folder = strings.Repeat("f", MaxFolder) }), []Message{
		with("hello", func(h *Hello) { h.Folder = strings.Repeat("f", MaxFolder+1) })}},
	{"version", with("hello", func(h *Hello) { h.Version = strings.Repeat("v", MaxVersion) }), []Message{
		with("hello", func(h *Hello) { h.Version = strings.Repeat("v", MaxVersion+1) }), with("hello", func(h *Hello) { h.Version = "\xff" })}},
	{"replica", with("hello", func(h *Hello) { h.Replica = 1<<64 - 1 }), []Message{with("hello", func(h *Hello) { h.Replica = 0 })}},
	{"epoch", with("hello", func(h *Hello) { h.Epoch = 1<<64 - 1 }), []Message{with("hello", func(h *Hello) { h.Epoch = 0 })}},
	{"seq", with("hello", func(h *Hello) { h.Seq = maxCounter }), []Message{with("hello", func(h *Hello) { h.Seq = maxCounter + 1 })}},
	{"largest hello", with("hello", func(h *Hello) {
		h.Context, h.Folder = manyReplicas(folder.MaxFolderContext), strings.Repeat("f", MaxFolder)
	}), []Message{with("hello", func(h *Hello) { h.Context = manyReplicas(folder.MaxFolderContext + 1) })}},
	{"resume", &Resume{1, maxCounter}, []Message{&Resume{1, maxCounter + 1}, &Resume{0, 1}}},
	{"progress", &Progress{1, maxCounter, maxCounter, maxCounter, true, maxCounter}, []Message{
		&Progress{Epoch: 1, Cursor: maxCounter + 1}, &Progress{Cursor: 1},
		&Progress{WantEntries: maxCounter + 1}, &Progress{WantBytes: maxCounter + 1}, &Progress{Head: maxCounter + 1}}},
	{"positions", &Index{After: maxCounter, Upto: maxCounter}, []Message{&Index{Upto: maxCounter + 1}, &Index{After: 2, Upto: 1}}},
	{"entries", &Index{Upto: MaxEntries, Entries: manyEntries(MaxEntries)}, []Message{
		&Index{Upto: MaxEntries + 1, Entries: manyEntries(MaxEntries + 1)}, &Index{Upto: 1, Entries: manyEntries(2)}}},
	{"index context", &Index{Context: manyReplicas(folder.MaxFolderContext)}, []Message{&Index{Context: manyReplicas(folder.MaxFolderContext + 1)}}},
	{"register context", entry("x", folder.Register{Ctx: manyReplicas(folder.MaxContext)}), []Message{
		entry("x", folder.Register{Ctx: manyReplicas(folder.MaxContext + 1)})}},
	{"siblings", entry("x", siblings(folder.MaxSiblings)), []Message{entry("x", siblings(folder.MaxSiblings+1))}},
	{"writes", manyWrites(MaxWrites), []Message{manyWrites(MaxWrites + 50)}},
	{"path length", entry(longPath(folder.MaxPath), folder.Register{}), []Message{entry(longPath(folder.MaxPath+1), folder.Register{}), entry("", folder.Register{})}},
	{"path form", entry("a/..b", folder.Register{}), []Message{
		entry("../x", folder.Register{}), entry("/abs", folder.Register{}), entry("a/../../b", folder.Register{}), entry("a/", folder.Register{}),
		entry(".qsync/state", folder.Register{}), entry("a\x00", folder.Register{}), entry("a//b", folder.Register{}), entry("./a", folder.Register{})}},
	{"path depth", entry(folder.Path(strings.Repeat("a/", folder.MaxDepth-1)+"a"), folder.Register{}), []Message{
		entry(folder.Path(strings.Repeat("a/", folder.MaxDepth)+"a"), folder.Register{})}},
	{"keys without snapshot", &Index{}, []Message{&Index{From: "a"}, &Index{To: "a"}}},
	{"key bounds", snapshot("a", "a/b"), []Message{snapshot("a", "a"), snapshot("b", "a"), snapshot("../a", ""), snapshot("", "/")}},
	{"key order", snapshot("a", "b", "a/b", "a.b", "b"), []Message{
		snapshot("a", "b", "a"), snapshot("a", "b", "b", "a/b"), snapshot("a", "b", "a/b", "a/b"), snapshot("a", "b", "b/a"), snapshot("", "", "a.b", "a/b")}},
	{"complete", &Index{Snapshot: true, From: "a", Complete: true}, []Message{&Index{Snapshot: true, To: "a", Complete: true}}},
	{"items", &Request{Items: manyItems(MaxItems)}, []Message{&Request{Items: manyItems(MaxItems + 1)}, &Request{}}},
	{"item path", item(longPath(folder.MaxPath), 1, 0, 1), []Message{item(longPath(folder.MaxPath+1), 1, 0, 1), item("", 1, 0, 1), item("../x", 1, 0, 1)}},
	{"item range", item("x", MaxSize, MaxSize-1, 1), []Message{
		item("x", MaxSize+1, 0, 1), item("x", 5, 0, 6), item("x", 5, 5, 1), item("x", 5, 0, 0), item("x", 0, 0, 0),
		item("x", MaxSize, maxCounter, 2), item("x", MaxSize, 2, maxCounter), item("x", -1, 0, 1), item("x", 5, -1, 1), item("x", 5, 0, -1)}},
	{"status", &Response{Status: Busy, Data: []byte{}}, []Message{&Response{Status: 5}, &Response{Status: NotHere, Length: 1}, &Response{Status: Busy, Data: []byte("x")}}},
	{"length", &Response{Length: MaxSize, Data: []byte{}}, []Message{
		&Response{Length: 0}, &Response{Length: MaxSize + 1}, &Response{Length: -1}, &Response{Length: 1, Data: []byte("xx")}}},
	{"response data", &Response{Length: MaxData, Data: make([]byte, MaxData)}, []Message{&Response{Length: MaxData + 1, Data: make([]byte, MaxData+1)}}},
	{"data", &Data{make([]byte, MaxData)}, []Message{&Data{make([]byte, MaxData+1)}, &Data{}}},
	{"abort", &Abort{Busy}, []Message{&Abort{OK}, &Abort{5}}},
	{"ranges", ranges("a", "b", ""), []Message{ranges(""), ranges("a", "a"), ranges("a", "c", "b"), ranges("a", "", "b"), ranges("", "a//b"), ranges("../x", "y")}},
	{"number of ranges", manyRanges(MaxRanges), []Message{manyRanges(MaxRanges + 1)}},
	{"position of ranges", with("ranges", func(r *Ranges) { r.Upto = maxCounter }), []Message{with("ranges", func(r *Ranges) { r.Upto = maxCounter + 1 })}},
	{"count of a range", &Ranges{Ranges: []Range{{Count: maxCounter}}}, []Message{&Ranges{Ranges: []Range{{Count: maxCounter + 1}}}}},
	{"delivery", delivery(bytes.Repeat([]byte("c"), MaxContent)), []Message{delivery(), delivery([]byte{}), delivery(make([]byte, MaxContent+1)),
		&Delivery{Index{Upto: 1, After: 2, Entries: manyEntries(1)}, [][]byte{{1}}}, &Delivery{Index{Upto: 1, Entries: manyEntries(1)}, [][]byte{{1}, {2}}}}},
	{"contents", delivery(manyContents(MaxEntries, 1)...), nil},
	{"verdicts", &Verdicts{make([]Verdict, MaxRanges)}, []Message{&Verdicts{make([]Verdict, MaxRanges+1)}, &Verdicts{}, &Verdicts{[]Verdict{Split + 1}}}},
}

func TestLimits(t *testing.T) {
	for _, l := range limits {
		t.Run(l.name, func(t *testing.T) {
			if got, err := read(written(t, l.inside)); err != nil || !reflect.DeepEqual(got, l.inside) {
				t.Fatalf("inside: %v", err)
			}
			for i, m := range l.outside {
				var c counter
				if err := Write(&c, m); err == nil || errors.Is(err, ErrProtocol) || c.calls != 0 {
					t.Errorf("outside %d: sending gave %v after %d bytes", i, err, c.bytes)
				}
				if got, err := read(raw(m)); !errors.Is(err, ErrProtocol) {
					t.Errorf("outside %d: receiving gave %+v, %v", i, got, err)
				}
			}
		})
	}
}

// The limits of a value are the folder's; here they reach the decoder.
func TestValueLimits(t *testing.T) {
	for i, v := range []folder.Value{
		{Kind: folder.Absent}, {Kind: folder.Dir, Mode: 0o1000}, {Kind: folder.File, Size: 1<<62 + 1},
		{Kind: folder.Symlink}, {Kind: folder.Symlink, Target: strings.Repeat("t", folder.MaxTarget+1)}, {Kind: folder.Symlink, Target: "a\x00"},
		{Kind: folder.Dir, Origin: "../x"}, {Kind: folder.Dir, Ext: strings.Repeat("e", folder.MaxExt+1)},
	} {
		if got, err := read(raw(value(v))); !errors.Is(err, ErrProtocol) || !errors.Is(err, folder.ErrValue) {
			t.Errorf("value %d: %+v, %v", i, got, err)
		}
	}
}

// A batch of registers that are sound one by one, but too much together.
func TestBatchTooLarge(t *testing.T) {
	m := &Index{Upto: 20}
	for range 20 {
		v := folder.Value{Kind: folder.Dir, Ext: strings.Repeat("e", folder.MaxExt)}
		m.Entries = append(m.Entries, value(v).(*Index).Entries...)
	}
	if m.Size() <= MaxIndex {
		t.Fatalf("size %d", m.Size())
	}
	if err := Write(io.Discard, m); err == nil {
		t.Error("sent")
	}
	if _, err := read(raw(m)); !errors.Is(err, ErrProtocol) {
		t.Errorf("received: %v", err)
	}
}

// Contents that are sound one by one, but too much together: one more than the room
// is for is neither sent nor taken.
func TestDeliveryTooLarge(t *testing.T) {
	i := Index{Entries: manyEntries(64)}
	n := i.ContentRoom() / (MaxContent + ContentCost)
	fits := delivery(manyContents(n, MaxContent)...)
	if got, err := read(written(t, fits)); err != nil || !reflect.DeepEqual(got, fits) {
		t.Errorf("within: %v", err)
	}
	m := delivery(manyContents(n+1, MaxContent)...)
	if err := Write(io.Discard, m); err == nil {
		t.Error("sent")
	}
	if _, err := read(raw(m)); !errors.Is(err, ErrProtocol) {
		t.Errorf("received: %v", err)
	}
}

// As many items as may be, with longer paths than a Request has room for.
func TestRequestTooLarge(t *testing.T) {
	m := &Request{Items: manyItems(MaxItems)}
	for i := range m.Items {
		m.Items[i].Path = longPath(100)
	}
	if err := Write(io.Discard, m); err == nil {
		t.Error("sent")
	}
	if _, err := read(raw(m)); !errors.Is(err, ErrProtocol) {
		t.Errorf("received: %v", err)
	}
}

// Each stream refuses what belongs on another.
func TestUses(t *testing.T) {
	for _, m := range golden {
		b, takers := written(t, m), 0
		for _, l := range []Limits{Control, Indexes, Requests, Answers, Recipes} {
			_, err := NewReader(bytes.NewReader(b), l).Next()
			if err == nil {
				takers++
			} else if !errors.Is(err, ErrProtocol) {
				t.Fatal(err)
			}
		}
		if takers != 1 {
			t.Errorf("%v belongs on %d streams", m.kind(), takers)
		}
	}
}

// Payloads that msgpack, or a lenient decoder of it, would accept.
func TestStrictForms(t *testing.T) {
	for _, c := range []struct {
		name    string
		k       kind
		payload string
	}{
		{"unknown type", kinds, "\x91\x01"},
		{"type 0", 0, "\x91\x01"},
		{"empty", kindAbort, ""},
		{"no array", kindAbort, "\x01"},
		{"nil for an array", kindAbort, "\xc0"},
		{"map", kindAbort, "\x81\x01\x01"},
		{"one value too few", kindResume, "\x91\x01"},
		{"one value too many", kindResume, "\x93\x01\x01\x01"},
		{"missing value", kindResume, "\x92\x01"},
		{"trailing byte", kindAbort, "\x91\x01\x00"},
		{"nil for a number", kindAbort, "\x91\xc0"},
		{"signed number", kindAbort, "\x91\xd0\x01"},
		{"negative number", kindAbort, "\x91\xff"},
		{"float", kindAbort, "\x91\xca\x3f\x80\x00\x00"},
		{"number out of its width", kindAbort, "\x91\xcd\x01\x01"},
		{"number cut short", kindAbort, "\x91\xcf\x00"},
		{"nil for a boolean", kindProgress, "\x96\x01\x01\x01\x01\xc0\x01"},
		{"number for a boolean", kindProgress, "\x96\x01\x01\x01\x01\x01\x01"},
		{"string for binary", kindResponse, "\x93\x00\x01\xa1x"},
		{"nil for binary", kindResponse, "\x93\x01\x00\xc0"},
		{"binary for a string", kindHello, "\x98\x01\xc4\x01x\xc4\x01/\xa1v\x01\x01\x01\xc4\x01\x00"},
		{"rest in the context", kindHello, "\x98\x01\xa1x\xc4\x01/\xa1v\x01\x01\x01\xc4\x02\x00\x00"},
		{"no context", kindHello, "\x98\x01\xa1x\xc4\x01/\xa1v\x01\x01\x01\xc4\x00"},
		{"short digest", kindRequest, "\x91\x91\x95\xc4\x01x\xc4\x1f" + strings.Repeat("d", 31) + "\x01\x00\x01"},
		{"no flag", kindIndex, ""},
		{"unknown flag", kindIndex, "\x02" + string(raw(&Index{})[headerSize+1:])},
		{"not zstd", kindIndex, "\x01" + string(raw(&Index{})[headerSize+1:])},
	} {
		if got, err := read(frame(c.k, []byte(c.payload))); !errors.Is(err, ErrProtocol) {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
	// Longer forms than necessary are sound.
	if got, err := read(frame(kindResume, []byte("\xdd\x00\x00\x00\x02\xcc\x01\xcf\x00\x00\x00\x00\x00\x00\x00\x02"))); err != nil || *got.(*Resume) != (Resume{1, 2}) {
		t.Errorf("%+v, %v", got, err)
	}
}
