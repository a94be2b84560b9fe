package folder

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files")

// golden registers: one of every form that the encoding has.
func goldenRegisters() map[string]Register {
	digest := func(c byte) (d Digest) {
		for i := range d {
			d[i] = c + byte(i)
		}
		return d
	}
	file := Value{Kind: File, Mode: 0o644, MTime: 1777914202123456789, Size: 4096, Digest: digest(1)}
	edit := Value{Kind: File, Mode: 0o755, MTime: -1, Size: 1 << 40, Digest: digest(7), Base: Base{file.ContentID(), 0o644}, Origin: "old/näme\xff", Ext: "\x00later"}
	dir := Value{Kind: Dir, Mode: 0o700}
	link := Value{Kind: Symlink, MTime: 5, Target: "../a b"}
	return map[string]Register{
		"empty":     {},
		"file":      {Sibs: []Sibling{{Dot: Dot{0x0102030405060708, 300}, Value: file}}},
		"directory": {Sibs: []Sibling{{Dot: Dot{1, 1}, Value: dir}}},
		"symlink":   {Sibs: []Sibling{{Dot: Dot{1, 1}, Value: link}}},
		"tombstone": {Ctx: Context{{3, 4}, {1 << 63, 1 << 40}}},
		"conflict": {
			Ctx: Context{{2, 9}, {5, 1}},
			Sibs: []Sibling{
				{Dot: Dot{1, 7}, Value: file, Sig: strings.Repeat("s", MaxSig)},
				{Dot: Dot{2, 3}, Value: file},
				{Dot: Dot{2, 4}, Value: edit, Sig: "t"},
				{Dot: Dot{4, 1}, Value: dir},
			},
		},
	}
}

func TestGoldenEncodings(t *testing.T) {
	for name, r := range goldenRegisters() {
		file := filepath.Join("testdata", "register-"+name+".hex")
		got := hex.Dump(AppendRegister(nil, r))
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s: the encoding changed:\n%s", name, got)
		}
		back, rest, err := DecodeRegister(append(AppendRegister(nil, r), "rest"...))
		if err != nil || string(rest) != "rest" || showRegister(back) != showRegister(r) {
			t.Errorf("%s: decoded %s, %q, %v", name, showRegister(back), rest, err)
		}
		for i, s := range back.Sibs {
			if s != r.Sibs[i] {
				t.Errorf("%s: sibling %d decoded as %+v", name, i, s)
			}
		}
	}
}

// No cut of a valid encoding is valid, and none makes the decoder panic.
func TestDecodeCut(t *testing.T) {
	for name, r := range goldenRegisters() {
		b := AppendRegister(nil, r)
		for n := range len(b) {
			if _, _, err := DecodeRegister(b[:n]); !errors.Is(err, ErrValue) {
				t.Errorf("%s cut to %d bytes: %v", name, n, err)
			}
		}
	}
}

func TestLocalEncoding(t *testing.T) {
	reg := goldenRegisters()["conflict"]
	s := reg.Sibs[2]
	touched := s.Value
	touched.MTime++
	for i, l := range []Local{
		{},
		{Value: s.Value, Dot: s.Dot, Stat: Stat{Inode: 1<<64 - 1, CTime: -1, Racy: true}},
		{Value: touched, Dot: s.Dot},
		{Value: touched, Dot: Dot{99, 1}, Stat: Stat{Inode: 3}},
		{Value: Value{Kind: Dir, Mode: 0o755}, Implicit: true},
		{Value: s.Value},
	} {
		b := AppendLocal(nil, l, reg)
		got, rest, err := DecodeLocal(append(b, 'x'), reg)
		if err != nil || got != l || string(rest) != "x" {
			t.Errorf("%d: %+v came back as %+v, %q, %v", i, l, got, rest, err)
		}
		for n := range len(b) {
			if _, _, err := DecodeLocal(b[:n], reg); !errors.Is(err, ErrValue) {
				t.Errorf("%d cut to %d bytes: %v", i, n, err)
			}
		}
	}
	shown := AppendLocal(nil, Local{Value: s.Value, Dot: s.Dot}, reg)
	if _, _, err := DecodeLocal(shown, Register{}); !errors.Is(err, ErrValue) {
		t.Errorf("a local that refers to a missing write: %v", err)
	}
	for _, b := range []string{"\x02", "\x20", "\x41\x00\x00", "\x09\x00\x00" + strings.Repeat("\x00", 8) + "\x01\x01\x00\x00"} {
		if _, _, err := DecodeLocal([]byte(b), reg); !errors.Is(err, ErrValue) {
			t.Errorf("%q: %v", b, err)
		}
	}
}

func seedRegisters(f *testing.F) {
	for _, r := range goldenRegisters() {
		f.Add(AppendRegister(nil, r))
	}
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
}

// allocs bounds what a decoder may take: it must not believe a length.
func checkAllocs(t *testing.T, in []byte, decode func()) {
	t.Helper()
	if n := testing.AllocsPerRun(1, decode); n > float64(100+len(in)) {
		t.Errorf("%d bytes made %v allocations", len(in), n)
	}
}

func FuzzDecodeRegister(f *testing.F) {
	seedRegisters(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		checkAllocs(t, b, func() { DecodeRegister(b) })
		r, rest, err := DecodeRegister(b)
		if err != nil {
			if !errors.Is(err, ErrValue) {
				t.Fatal(err)
			}
			return
		}
		if got := AppendRegister(nil, r); !bytes.Equal(append(got, rest...), b) {
			t.Fatalf("%x re-encodes as %x", b, got)
		}
		r.Resolve()
	})
}

func FuzzDecodeContext(f *testing.F) {
	f.Add(AppendContext(nil, Context{{1, 2}, {3, 1 << 62}}), 4)
	f.Add([]byte{0x80, 0}, 1)
	f.Fuzz(func(t *testing.T, b []byte, limit int) {
		limit = max(min(limit, MaxFolderContext), 0)
		checkAllocs(t, b, func() { DecodeContext(b, limit) })
		c, rest, err := DecodeContext(b, limit)
		if err != nil {
			if !errors.Is(err, ErrValue) {
				t.Fatal(err)
			}
			return
		}
		if got := AppendContext(nil, c); !bytes.Equal(append(got, rest...), b) || len(c) > limit {
			t.Fatalf("%x re-encodes as %x", b, got)
		}
	})
}

func FuzzDecodeLocal(f *testing.F) {
	reg := goldenRegisters()["conflict"]
	for _, s := range reg.Sibs {
		f.Add(AppendLocal(nil, Local{Value: s.Value, Dot: s.Dot}, reg))
		f.Add(AppendLocal(nil, Local{Value: s.Value, Dot: s.Dot, Implicit: true}, Register{}))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		checkAllocs(t, b, func() { DecodeLocal(b, reg) })
		l, rest, err := DecodeLocal(b, reg)
		if err != nil {
			if !errors.Is(err, ErrValue) {
				t.Fatal(err)
			}
			return
		}
		if got := AppendLocal(nil, l, reg); !bytes.Equal(append(got, rest...), b) {
			t.Fatalf("%x re-encodes as %x", b, got)
		}
	})
}
