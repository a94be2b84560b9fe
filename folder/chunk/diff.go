package chunk

import (
	"cmp"
	"encoding/binary"
	"errors"
	"slices"
)

// Piece is a stretch of a file that is to be put together: Length bytes that are
// at Offset of base file number Base, or in none of them, when Base is below 0.
type Piece struct {
	Length int64
	Base   int
	Offset int64
}

// Missing reports whether the piece is in no base.
func (p *Piece) Missing() bool { return p.Base < 0 }

// Diff finds what a file has in common with others, its bases: first by its
// outline, then by the chunks of the groups that are in no base.
type Diff struct {
	groups, chunks finder
	outline        []Part
	bases          []*Recipe
	told           map[int][]Part // the chunks of the groups that are in no base
}

// ErrRecipe: what was said of a file's chunks does not fit what was said of its
// groups.
var ErrRecipe = errors.New("chunks that do not make up their group")

// NewDiff returns the comparison of a file of that outline with bases.
func NewDiff(outline []Part, bases []*Recipe) *Diff {
	d := &Diff{outline: outline, bases: bases, told: make(map[int][]Part)}
	for i, b := range bases {
		d.groups.add(i, b.Outline())
		d.chunks.add(i, b.Chunks)
	}
	d.groups.sort()
	d.chunks.sort()
	return d
}

// Unknown returns the groups whose chunks are to be told: those in no base.
func (d *Diff) Unknown() []uint64 {
	var out []uint64
	for i := range d.outline {
		if d.groups.find(d.outline[i]) == nil {
			out = append(out, uint64(i))
		}
	}
	return out
}

// Tell adds the chunks of a group. Its error is ErrRecipe.
func (d *Diff) Tell(group uint64, chunks []Part) error {
	if group >= uint64(len(d.outline)) || groupOf(chunks) != d.outline[group] {
		return ErrRecipe
	}
	d.told[int(group)] = chunks
	return nil
}

// Guide returns the chunks of the file as far as they are known: what a [Splitter]
// of it should expect.
func (d *Diff) Guide() (out []Part) {
	for i := range d.outline {
		if told, ok := d.told[i]; ok {
			out = append(out, told...)
		} else if e := d.groups.find(d.outline[i]); e != nil {
			out = append(out, d.bases[e.base].Group(e.index)...)
		}
	}
	return out
}

// Pieces returns how the file is put together, from its start to its end. Groups
// that were not told of are missing whole.
func (d *Diff) Pieces() []Piece {
	var out []Piece
	for i := range d.outline {
		if told, ok := d.told[i]; ok {
			for _, p := range told {
				out = join(out, d.chunks.piece(p))
			}
			continue
		}
		out = join(out, d.groups.piece(d.outline[i]))
	}
	return out
}

// join appends a piece, as a part of the last one where it goes on there.
func join(pieces []Piece, p Piece) []Piece {
	if n := len(pieces); n > 0 {
		last := &pieces[n-1]
		if last.Base == p.Base && (p.Missing() || last.Offset+last.Length == p.Offset) {
			last.Length += p.Length
			return pieces
		}
	}
	return append(pieces, p)
}

// finder finds parts of the bases.
type finder struct{ all []placed }

type placed struct {
	Part
	base   int
	index  int // among the parts of the base
	offset int64
}

func (f *finder) add(base int, parts []Part) {
	offset := int64(0)
	f.all = slices.Grow(f.all, len(parts))
	for i := range parts {
		f.all = append(f.all, placed{parts[i], base, i, offset})
		offset += parts[i].Length
	}
}

// key is what parts are sorted by.
func (p *Part) key() uint64 { return binary.BigEndian.Uint64(p.Sum[:]) }

func (f *finder) sort() {
	slices.SortFunc(f.all, func(a, b placed) int {
		return cmp.Or(cmp.Compare(a.key(), b.key()), cmp.Compare(a.base, b.base), cmp.Compare(a.offset, b.offset))
	})
}

// find returns where the part is, nil if nowhere.
func (f *finder) find(p Part) *placed {
	key := p.key()
	i, _ := slices.BinarySearchFunc(f.all, key, func(e placed, key uint64) int { return cmp.Compare(e.key(), key) })
	for ; i < len(f.all) && f.all[i].key() == key; i++ {
		if f.all[i].Part == p {
			return &f.all[i]
		}
	}
	return nil
}

func (f *finder) piece(p Part) Piece {
	if e := f.find(p); e != nil {
		return Piece{Length: p.Length, Base: e.base, Offset: e.offset}
	}
	return Piece{Length: p.Length, Base: -1}
}
