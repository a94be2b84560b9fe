package protocol

import (
	"cmp"
	"errors"
	"fmt"

	"qsync/folder"
)

// Ranges asks a peer to compare its folder map with the sender's, which are
// perhaps nearly equal: see "Comparing" in the package comment. It travels on the
// stream of Index, and compressed as that is.
type Ranges struct {
	Key    [32]byte    // of the sums
	Upto   uint64      // position of the sender's journal before it read the map, as in a snapshot
	From   folder.Path // the first range begins after this key ("": at the first one)
	Ranges []Range     // 1 to MaxRanges, in ascending order of To
}

// Range is a stretch of the keys: those after the range before it, up to and with To.
type Range struct {
	To    folder.Path // "" only in the last one: to the end
	Count uint64      // registers in it that are not empty
	Sum   [16]byte    // of them
}

// Verdict is what a receiver makes of a range.
type Verdict uint8

// The verdicts.
const (
	Same  Verdict = iota // it has just these registers
	Tell                 // it wants to be told them
	Split                // it wants to know what parts of the range differ
)

// Verdicts is the answer to a [Ranges], on the control stream.
type Verdicts struct {
	Verdicts []Verdict // one for each range
}

// sumSize is the length of the fingerprint of a range.
const sumSize = 16

// MaxRanges is how many ranges are compared at a time.
const MaxRanges = 16384

// rangesRoom is what an encoded Ranges has beside its ranges, rangeRoom what a
// range has beside its path.
const (
	rangesRoom = 1 + 2 + 32 + 9 + 3 + folder.MaxPath + 5
	rangeRoom  = 1 + 3 + 9 + 2 + sumSize
)

// RangesFit reports whether a [Ranges] has room for n ranges that take so many
// bytes, as of [Range.Size].
func RangesFit(n, bytes int) bool { return n <= MaxRanges && rangesRoom+bytes <= MaxIndex }

// Size returns how many bytes r takes in a [Ranges] at most, uncompressed.
func (r Range) Size() int { return rangeRoom + len(r.To) }

func (*Ranges) kind() kind   { return kindRanges }
func (*Verdicts) kind() kind { return kindVerdicts }

func (r *Ranges) check() error {
	err := cmp.Or(
		inRange("position", r.Upto, 0, maxCounter),
		inRange("ranges", len(r.Ranges), 1, MaxRanges),
		checkBound(r.From),
	)
	if err != nil {
		return err
	}
	last := r.From
	for i := range r.Ranges {
		to := r.Ranges[i].To
		if err := cmp.Or(checkBound(to), inRange("count", r.Ranges[i].Count, 0, maxCounter)); err != nil {
			return err
		}
		if to == "" && i < len(r.Ranges)-1 {
			return errors.New("ranges behind the end")
		}
		if to != "" && last.Compare(to) >= 0 {
			return fmt.Errorf("range to %q out of order", to)
		}
		last = to
	}
	return nil
}

func (r *Ranges) encode(e *encoder) {
	e.array(4)
	e.bin(r.Key[:])
	e.uint(r.Upto)
	e.binString(string(r.From))
	e.array(len(r.Ranges))
	for i := range r.Ranges {
		e.array(3)
		e.binString(string(r.Ranges[i].To))
		e.uint(r.Ranges[i].Count)
		e.bin(r.Ranges[i].Sum[:])
	}
}

func (r *Ranges) decode(d *decoder) {
	d.array(4)
	if copy(r.Key[:], d.bin(len(r.Key))) != len(r.Key) {
		d.fail(errors.New("short key"))
	}
	r.Upto = d.uint(maxCounter)
	r.From = folder.Path(d.bin(folder.MaxPath))
	const least = 1 + 2 + 1 + 2 + sumSize
	n := d.list(MaxRanges, least)
	if n == 0 {
		return
	}
	r.Ranges = make([]Range, 0, n)
	for len(r.Ranges) < n {
		d.array(3)
		x := Range{To: folder.Path(d.bin(folder.MaxPath)), Count: d.uint(maxCounter)}
		if copy(x.Sum[:], d.bin(len(x.Sum))) != len(x.Sum) {
			d.fail(errors.New("short sum"))
		}
		if d.err != nil {
			return
		}
		r.Ranges = append(r.Ranges, x)
	}
}

func (v *Verdicts) check() error {
	if err := inRange("verdicts", len(v.Verdicts), 1, MaxRanges); err != nil {
		return err
	}
	for _, x := range v.Verdicts {
		if x > Split {
			return fmt.Errorf("verdict %d", x)
		}
	}
	return nil
}

func (v *Verdicts) encode(e *encoder) {
	e.array(1)
	e.tmp = e.tmp[:0]
	for _, x := range v.Verdicts {
		e.tmp = append(e.tmp, byte(x))
	}
	e.bin(e.tmp)
}

func (v *Verdicts) decode(d *decoder) {
	d.array(1)
	b := d.bin(MaxRanges)
	v.Verdicts = make([]Verdict, len(b))
	for i := range b {
		v.Verdicts[i] = Verdict(b[i])
	}
}
