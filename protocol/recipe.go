package protocol

import (
	"encoding/binary"
	"errors"
	"fmt"

	"qsync/folder"
	"qsync/folder/chunk"
)

// RecipeRequest asks what a file consists of. Like a [Request] it opens a stream
// of its kind.
type RecipeRequest struct {
	Path   folder.Path   // a hint, as in Item
	Digest folder.Digest // of the whole file
	Size   int64         // of the whole file, 1 to MaxSize
	Groups []uint64      // which ones' chunks, ascending, at most MaxGroups; none asks for the outline
}

// Recipe is the answer to a [RecipeRequest]: one with the outline, or one for
// each group in order.
type Recipe struct {
	Status Status
	Bits   int          // binary logarithm of the average chunk; 0 unless Status is OK
	Parts  []chunk.Part // the groups of the outline, or the chunks of one; at most MaxParts, none unless Status is OK
}

// Bounds of recipes. A file of more groups than fit in one outline has none.
const (
	MaxGroups = 4096
	MaxParts  = 45_000
)

// leastPart and mostPart are how many bytes an encoded part may have.
const (
	leastPart = 1 + 16
	mostPart  = binary.MaxVarintLen64 + 16
)

func (*RecipeRequest) kind() kind { return kindRecipeRequest }

func (r *RecipeRequest) check() error {
	if _, err := folder.ParsePath(string(r.Path)); err != nil {
		return err
	}
	if err := inRange("groups", len(r.Groups), 0, MaxGroups); err != nil {
		return err
	}
	for i, g := range r.Groups {
		if g >= MaxParts || i > 0 && g <= r.Groups[i-1] {
			return fmt.Errorf("group %d", g)
		}
	}
	return inRange("size", r.Size, 1, MaxSize)
}

func (r *RecipeRequest) encode(e *encoder) {
	e.array(4)
	e.binString(string(r.Path))
	e.bin(r.Digest[:])
	e.uint(uint64(r.Size))
	e.array(len(r.Groups))
	for _, g := range r.Groups {
		e.uint(g)
	}
}

func (r *RecipeRequest) decode(d *decoder) {
	d.array(4)
	r.Path = folder.Path(d.bin(folder.MaxPath))
	if b := d.bin(len(r.Digest)); copy(r.Digest[:], b) != len(r.Digest) {
		d.fail(errors.New("short digest"))
	}
	r.Size = d.int()
	n := d.list(MaxGroups, 1)
	for range n {
		r.Groups = append(r.Groups, d.uint(MaxParts))
	}
}

func (*Recipe) kind() kind { return kindRecipe }

func (r *Recipe) check() error {
	if r.Status != OK {
		if r.Status > Busy || r.Bits != 0 || len(r.Parts) != 0 {
			return fmt.Errorf("%v with %d parts", r.Status, len(r.Parts))
		}
		return nil
	}
	if err := inRange("parts", len(r.Parts), 1, MaxParts); err != nil {
		return err
	}
	for i := range r.Parts {
		if err := inRange("bytes of a part", r.Parts[i].Length, 1, chunk.MaxGroup*4<<chunk.MaxBits); err != nil {
			return err
		}
	}
	return inRange("bits", r.Bits, chunk.MinBits, chunk.MaxBits)
}

func (r *Recipe) encode(e *encoder) {
	e.array(3)
	e.uint(uint64(r.Status))
	e.uint(uint64(r.Bits))
	e.tmp = e.tmp[:0]
	for i := range r.Parts {
		e.tmp = binary.AppendUvarint(e.tmp, uint64(r.Parts[i].Length))
		e.tmp = append(e.tmp, r.Parts[i].Sum[:]...)
	}
	e.bin(e.tmp)
}

func (r *Recipe) decode(d *decoder) {
	d.array(3)
	r.Status = Status(d.uint(255))
	r.Bits = int(d.uint(255))
	b := d.bin(MaxIndex)
	if d.err != nil || len(b) == 0 {
		return
	}
	r.Parts = make([]chunk.Part, 0, min(len(b)/leastPart, MaxParts))
	for len(b) > 0 {
		v, n := binary.Uvarint(b)
		if n <= 0 || n > 1 && b[n-1] == 0 || len(b)-n < 16 || v > maxCounter || len(r.Parts) == MaxParts {
			d.fail(errors.New("malformed parts"))
			return
		}
		p := chunk.Part{Length: int64(v)}
		copy(p.Sum[:], b[n:])
		r.Parts = append(r.Parts, p)
		b = b[n+16:]
	}
}
