package protocol

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"qsync/folder"
	"qsync/folder/chunk"
)

var update = flag.Bool("update", false, "write the golden files anew")

func digest(b byte) (d folder.Digest) {
	for i := range d {
		d[i] = b + byte(i)
	}
	return d
}

// golden holds messages that between them use every field and every flag of
// the register encoding. Their bytes are in testdata, a file each.
var golden = map[string]Message{
	"hello": &Hello{
		Mode: Send, Name: "laptop", Folder: "/home/u/do\xffcs", Version: "0.1.0",
		Replica: 0x0123456789abcdef, Epoch: 1 << 63, Seq: 300,
		Context: folder.Context{{Replica: 1, Counter: 127}, {Replica: 0xfedcba9876543210, Counter: 128}},
	},
	"resume-new": &Resume{},
	"resume":     &Resume{Epoch: 7, Cursor: 1 << 32},
	"progress":   &Progress{Epoch: 7, Cursor: 70000, WantEntries: 3, WantBytes: 1 << 40, Scanned: true, Head: 99},
	"index-journal": &Index{
		After: 41, Upto: 44, Scanned: true, Complete: true,
		Context: folder.Context{{Replica: 9, Counter: 10}},
		Entries: []Entry{
			{"docs/a.txt", folder.Register{
				Ctx: folder.Context{{Replica: 5, Counter: 2}},
				Sibs: []folder.Sibling{
					{Dot: folder.Dot{Replica: 6, Counter: 1}, Sig: "sig", Value: folder.Value{
						Kind: folder.File, Mode: 0o644, MTime: 1_700_000_000_123_456_789, Size: 5, Digest: digest(1),
						Base: folder.Base{Content: 0x1122334455667788, Mode: 0o600}, Origin: "old/name", Ext: "later",
					}},
					{Dot: folder.Dot{Replica: 7, Counter: 1}, Sig: "sig2", Value: folder.Value{
						Kind: folder.File, Mode: 0o644, MTime: 1_700_000_000_123_456_789, Size: 5, Digest: digest(1),
						Base: folder.Base{Content: 0x1122334455667788, Mode: 0o600}, Origin: "old/name", Ext: "later",
					}},
				},
			}, true},
			{"docs", folder.Register{Sibs: []folder.Sibling{
				{Dot: folder.Dot{Replica: 6, Counter: 2}, Value: folder.Value{Kind: folder.Dir, Mode: 0o755, MTime: -1}},
			}}, false},
			{"gone", folder.Register{Ctx: folder.Context{{Replica: 6, Counter: 3}}}, false},
		},
	},
	"index-snapshot": &Index{
		Snapshot: true, Upto: 44, From: "a", To: "b/z",
		Entries: []Entry{
			{"a/link", folder.Register{Sibs: []folder.Sibling{
				{Dot: folder.Dot{Replica: 6, Counter: 4}, Value: folder.Value{Kind: folder.Symlink, Target: "../\xff"}},
			}}, true},
			{"b", folder.Register{}, false},
			{"b/z", folder.Register{Sibs: []folder.Sibling{
				{Dot: folder.Dot{Replica: 6, Counter: 5}, Value: folder.Value{Kind: folder.File, Mode: 0o400, Digest: digest(9)}},
			}}, true},
		},
	},
	"index-empty":  &Index{Snapshot: true, Complete: true},
	"index-packed": goldenIndex(30),
	"request": &Request{Items: []Item{
		{Path: "docs/a.txt", Digest: digest(1), Size: 5, Length: 5},
		{Path: "big", Digest: digest(2), Size: 1 << 62, Offset: 1<<62 - 1, Length: 1},
	}},
	"response":        &Response{Status: OK, Length: 1 << 33, Data: []byte("first")},
	"response-gone":   &Response{Status: NotHere, Data: []byte{}},
	"data":            &Data{Bytes: []byte("more content")},
	"abort":           &Abort{Status: Changed},
	"outline-request": &RecipeRequest{Path: "big", Digest: digest(2), Size: 1 << 40},
	"recipe-request":  &RecipeRequest{Path: "big", Digest: digest(2), Size: 1 << 40, Groups: []uint64{0, 7, 300}},
	"recipe": &Recipe{Bits: 14, Parts: []chunk.Part{
		{Length: 1, Sum: [16]byte{1, 2, 3}}, {Length: 1 << 16, Sum: [16]byte{15: 9}},
	}},
	"recipe-gone": &Recipe{Status: NotHere},
	"ranges": &Ranges{Key: digest(3), Upto: 300, From: "a/b", Ranges: []Range{
		{"a/c", 300, [16]byte{1, 2, 3}}, {"d\xff", 0, [16]byte{}}, {"", 1 << 33, [16]byte{15: 9}},
	}},
	"ranges-packed": goldenRanges(30),
	"verdicts":      &Verdicts{[]Verdict{Same, Split, Tell}},
	"delivery":      &Delivery{*goldenIndex(2), [][]byte{[]byte("small"), {0}}},
}

// goldenIndex returns a batch of n files that differ little.
func goldenIndex(n int) *Index {
	i := &Index{After: 100, Upto: 100 + uint64(n), Context: folder.Context{{Replica: 3, Counter: 4}}}
	for k := range n {
		i.Entries = append(i.Entries, Entry{
			Path: folder.Path(fmt.Sprintf("photos/2026/img%04d.jpg", k)),
			Register: folder.Register{Sibs: []folder.Sibling{{
				Dot:   folder.Dot{Replica: 6, Counter: uint64(k + 1)},
				Value: folder.Value{Kind: folder.File, Mode: 0o644, MTime: 1_700_000_000_000_000_000, Size: 1 << 20, Digest: digest(byte(k))},
			}}},
			Have: true,
		})
	}
	return i
}

// goldenRanges returns n ranges in one directory.
func goldenRanges(n int) *Ranges {
	r := &Ranges{Key: digest(4), Upto: 1}
	for k := range n {
		r.Ranges = append(r.Ranges, Range{folder.Path(fmt.Sprintf("photos/2026/img%04d.jpg", k)), 16, [16]byte{byte(k)}})
	}
	return r
}

func goldenFile(name string) string { return filepath.Join("testdata", name+".hex") }

// goldenBytes returns the frame in a golden file.
func goldenBytes(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(goldenFile(name))
	if err != nil {
		t.Fatal(err)
	}
	b, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestGolden(t *testing.T) {
	for name, m := range golden {
		t.Run(name, func(t *testing.T) {
			b := written(t, m)
			if *update {
				var text strings.Builder
				for h := hex.EncodeToString(b); h != ""; {
					n := min(len(h), 64)
					text.WriteString(h[:n] + "\n")
					h = h[n:]
				}
				if err := os.WriteFile(goldenFile(name), []byte(text.String()), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			want := goldenBytes(t, name)
			got, err := read(want)
			if err != nil || !reflect.DeepEqual(got, m) {
				t.Fatalf("golden file reads as %+v, %v", got, err)
			}
			// How well zstd compresses may change, the format may not.
			if want[headerSize-1] != byte(kindIndex) || want[headerSize] == plain {
				if !bytes.Equal(b, want) {
					t.Fatalf("sent %x\ngolden %x", b, want)
				}
			}
		})
	}
}
