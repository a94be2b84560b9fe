package protocol

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"qsync/folder"
	"qsync/folder/chunk"
)

// raw returns the frame of m, uncompressed and without the checks of a Writer.
func raw(m Message) []byte {
	var e encoder
	e.reset(make([]byte, headerSize))
	if m.kind().batched() {
		e.b = append(e.b, plain)
	}
	m.encode(&e)
	binary.BigEndian.PutUint32(e.b, uint32(len(e.b)-4))
	e.b[4] = byte(m.kind())
	return e.b
}

// frame puts a header before payload.
func frame(k kind, payload []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(payload)+1))
	return append(append(b, byte(k)), payload...)
}

func written(t testing.TB, m Message) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func read(b []byte) (Message, error) { return NewReader(bytes.NewReader(b), frames).Next() }

var genCounter = rapid.OneOf(rapid.Uint64Range(1, 300), rapid.Uint64Range(1, maxCounter))

var genDot = rapid.Custom(func(t *rapid.T) folder.Dot {
	id := rapid.OneOf(rapid.Uint64Range(1, 5), rapid.Uint64Min(1)).Draw(t, "replica")
	return folder.Dot{Replica: folder.ReplicaID(id), Counter: genCounter.Draw(t, "counter")}
})

func genContext(limit int) *rapid.Generator[folder.Context] {
	return rapid.Custom(func(t *rapid.T) folder.Context {
		var c folder.Context
		for _, d := range rapid.SliceOfN(genDot, 0, limit).Draw(t, "dots") {
			c = c.With(d)
		}
		return c
	})
}

var genName = rapid.OneOf(
	rapid.StringMatching(`[a-c]{1,3}`),
	rapid.StringMatching(`[a-c\xff\t-]{1,200}`),
).Filter(func(s string) bool { return folder.CheckName(s) == nil })

var genPath = rapid.Custom(func(t *rapid.T) folder.Path {
	var p folder.Path
	for _, n := range rapid.SliceOfN(genName, 1, 4).Draw(t, "names") {
		p = p.Join(n)
	}
	return p
})

var genDigest = rapid.Custom(func(t *rapid.T) (d folder.Digest) {
	copy(d[:], rapid.SliceOfN(rapid.Byte(), len(d), len(d)).Draw(t, "digest"))
	return d
})

var genValue = rapid.Custom(func(t *rapid.T) folder.Value {
	v := folder.Value{
		Kind:  rapid.SampledFrom([]folder.Kind{folder.Dir, folder.File, folder.Symlink}).Draw(t, "kind"),
		Mode:  rapid.Uint16Range(0, folder.ModeMask).Draw(t, "mode"),
		MTime: rapid.Int64().Draw(t, "mtime"),
	}
	switch v.Kind {
	case folder.File:
		v.Size = rapid.Int64Range(0, 1<<62).Draw(t, "size")
		v.Digest = genDigest.Draw(t, "digest")
		if rapid.Bool().Draw(t, "based") {
			v.Base = folder.Base{Content: rapid.Uint64().Draw(t, "base"), Mode: rapid.Uint16Range(0, folder.ModeMask).Draw(t, "base mode")}
		}
	case folder.Symlink:
		v.Target = rapid.StringMatching(`[./a\xff]{1,300}`).Draw(t, "target")
	}
	if rapid.Bool().Draw(t, "moved") {
		v.Origin = genPath.Draw(t, "origin")
	}
	v.Ext = rapid.StringN(0, 40, -1).Draw(t, "ext")
	return v
})

var genRegister = rapid.Custom(func(t *rapid.T) folder.Register {
	r := folder.Register{Ctx: genContext(5).Draw(t, "context")}
	for _, d := range rapid.SliceOfNDistinct(genDot, 0, 4, rapid.ID[folder.Dot]).Draw(t, "dots") {
		s := folder.Sibling{Dot: d, Value: genValue.Draw(t, "value"), Sig: rapid.StringN(0, 64, 64).Draw(t, "sig")}
		if len(r.Sibs) > 0 && rapid.Bool().Draw(t, "same") {
			s.Value = r.Sibs[0].Value
		}
		r.Sibs = append(r.Sibs, s)
	}
	slices.SortFunc(r.Sibs, func(a, b folder.Sibling) int { return a.Dot.Compare(b.Dot) })
	return r.Trim(nil)
})

var genEntry = rapid.Custom(func(t *rapid.T) Entry {
	return Entry{genPath.Draw(t, "path"), genRegister.Draw(t, "register"), rapid.Bool().Draw(t, "have")}
})

var genHello = rapid.Custom(func(t *rapid.T) Message {
	return &Hello{
		Mode:    rapid.SampledFrom([]Mode{TwoWay, Send, Receive, Backup, Archive, Mirror}).Draw(t, "mode"),
		Name:    rapid.StringN(0, -1, MaxName).Draw(t, "name"),
		Folder:  string(rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "folder")),
		Version: rapid.StringN(0, -1, MaxVersion).Draw(t, "version"),
		Replica: folder.ReplicaID(rapid.Uint64Min(1).Draw(t, "replica")),
		Epoch:   rapid.Uint64Min(1).Draw(t, "epoch"),
		Seq:     rapid.Uint64Max(maxCounter).Draw(t, "seq"),
		Context: genContext(100).Draw(t, "context"),
	}
})

var genResume = rapid.Custom(func(t *rapid.T) Message {
	r := &Resume{Epoch: rapid.Uint64().Draw(t, "epoch")}
	if r.Epoch != 0 {
		r.Cursor = rapid.Uint64Max(maxCounter).Draw(t, "cursor")
	}
	return r
})

var genProgress = rapid.Custom(func(t *rapid.T) Message {
	r := genResume.Draw(t, "cursor").(*Resume)
	n := rapid.Uint64Max(maxCounter)
	return &Progress{r.Epoch, r.Cursor, n.Draw(t, "entries"), n.Draw(t, "bytes"), rapid.Bool().Draw(t, "scanned"), n.Draw(t, "head")}
})

var genIndex = rapid.Custom(func(t *rapid.T) Message {
	i := &Index{
		Snapshot: rapid.Bool().Draw(t, "snapshot"),
		Scanned:  rapid.Bool().Draw(t, "scanned"),
		Context:  genContext(20).Draw(t, "context"),
		Entries:  rapid.SliceOfN(genEntry, 0, 20).Draw(t, "entries"),
	}
	if len(i.Entries) == 0 {
		i.Entries = nil
	}
	i.After = rapid.Uint64Max(maxCounter-20).Draw(t, "after")
	i.Upto = rapid.Uint64Range(i.After+uint64(len(i.Entries)), maxCounter).Draw(t, "upto")
	i.Complete = rapid.Bool().Draw(t, "complete")
	if !i.Snapshot {
		return i
	}
	slices.SortFunc(i.Entries, func(a, b Entry) int { return a.Path.Compare(b.Path) })
	i.Entries = slices.CompactFunc(i.Entries, func(a, b Entry) bool { return a.Path == b.Path })
	if n := len(i.Entries); n > 1 && rapid.Bool().Draw(t, "bounded") {
		i.From, i.To, i.Entries = i.Entries[0].Path, i.Entries[n-1].Path, i.Entries[1:]
		i.Complete = false
	}
	return i
})

var genDelivery = rapid.Custom(func(t *rapid.T) Message {
	content := rapid.SliceOfN(rapid.Byte(), 1, 300)
	i := genIndex.Filter(func(m Message) bool { return len(m.(*Index).Entries) > 0 }).Draw(t, "index").(*Index)
	return &Delivery{*i, rapid.SliceOfN(content, 1, len(i.Entries)).Draw(t, "contents")}
})

var genRequest = rapid.Custom(func(t *rapid.T) Message {
	return &Request{rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Item {
		it := Item{Path: genPath.Draw(t, "path"), Digest: genDigest.Draw(t, "digest")}
		it.Size = rapid.Int64Range(1, MaxSize).Draw(t, "size")
		it.Length = rapid.Int64Range(1, it.Size).Draw(t, "length")
		it.Offset = rapid.Int64Range(0, it.Size-it.Length).Draw(t, "offset")
		return it
	}), 1, 20).Draw(t, "items")}
})

var genResponse = rapid.Custom(func(t *rapid.T) Message {
	r := &Response{Status: Status(rapid.IntRange(0, 4).Draw(t, "status")), Data: []byte{}}
	if r.Status == OK {
		r.Length = rapid.Int64Range(1, MaxSize).Draw(t, "length")
		r.Data = rapid.SliceOfN(rapid.Byte(), 0, int(min(r.Length, 3000))).Draw(t, "data")
	}
	return r
})

var genData = rapid.Custom(func(t *rapid.T) Message {
	return &Data{rapid.SliceOfN(rapid.Byte(), 1, 3000).Draw(t, "data")}
})

var genAbort = rapid.Custom(func(t *rapid.T) Message {
	return &Abort{Status(rapid.IntRange(1, 4).Draw(t, "status"))}
})

var genRecipeRequest = rapid.Custom(func(t *rapid.T) Message {
	r := &RecipeRequest{Path: genPath.Draw(t, "path"), Digest: genDigest.Draw(t, "digest"), Size: rapid.Int64Range(1, MaxSize).Draw(t, "size")}
	next := uint64(0)
	for range rapid.IntRange(0, 50).Draw(t, "groups") {
		next += rapid.Uint64Range(1, 800).Draw(t, "step")
		r.Groups = append(r.Groups, next)
	}
	return r
})

var genRecipe = rapid.Custom(func(t *rapid.T) Message {
	r := &Recipe{Status: Status(rapid.IntRange(0, 4).Draw(t, "status"))}
	if r.Status != OK {
		return r
	}
	r.Bits = rapid.IntRange(chunk.MinBits, chunk.MaxBits).Draw(t, "bits")
	r.Parts = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) chunk.Part {
		d := genDigest.Draw(t, "sum")
		return chunk.Part{Length: rapid.Int64Range(1, 1<<30).Draw(t, "length"), Sum: [16]byte(d[:16])}
	}), 1, 40).Draw(t, "parts")
	return r
})

var genRanges = rapid.Custom(func(t *rapid.T) Message {
	r := &Ranges{Key: genDigest.Draw(t, "key"), Upto: rapid.Uint64Max(maxCounter).Draw(t, "upto")}
	paths := rapid.SliceOfN(genPath, 2, 40).Draw(t, "to")
	slices.SortFunc(paths, folder.Path.Compare)
	paths = slices.Compact(paths)
	if len(paths) > 1 && rapid.Bool().Draw(t, "from") {
		r.From, paths = paths[0], paths[1:]
	}
	for _, p := range paths {
		d := genDigest.Draw(t, "sum")
		r.Ranges = append(r.Ranges, Range{p, rapid.Uint64Max(maxCounter).Draw(t, "count"), [16]byte(d[:16])})
	}
	if rapid.Bool().Draw(t, "end") {
		r.Ranges[len(r.Ranges)-1].To = ""
	}
	return r
})

var genVerdicts = rapid.Custom(func(t *rapid.T) Message {
	return &Verdicts{rapid.SliceOfN(rapid.SampledFrom([]Verdict{Same, Tell, Split}), 1, 40).Draw(t, "verdicts")}
})

var genMessage = rapid.OneOf(genHello, genResume, genProgress, genIndex, genRequest, genResponse, genData, genAbort, genRecipeRequest, genRecipe, genRanges, genVerdicts, genDelivery)
