package protocol

import (
	"bytes"
	"fmt"
)

// MaxContent is how many bytes one content of a [Delivery] has at most.
const MaxContent = 16 << 10

// Delivery is an [Index] that brings small content along: of files that its entries
// speak of, and that the other side most likely lacks. Each is known by its digest;
// one that nobody asks for is forgotten, one that is not there is asked for as ever.
type Delivery struct {
	Index    Index
	Contents [][]byte // at least 1, no more than entries, each of 1 to MaxContent bytes
}

// ContentCost is what a content takes in a [Delivery] beside its bytes, at most.
const ContentCost = 3

// ContentRoom returns how many bytes a [Delivery] of i has for contents.
func (i *Index) ContentRoom() int { return MaxIndex - i.Size() - 5 }

func (*Delivery) kind() kind { return kindDelivery }

func (d *Delivery) check() error {
	if err := d.Index.check(); err != nil {
		return err
	}
	if err := inRange("contents", len(d.Contents), 1, len(d.Index.Entries)); err != nil {
		return err
	}
	for k, c := range d.Contents {
		if err := inRange(fmt.Sprintf("bytes of content %d", k), len(c), 1, MaxContent); err != nil {
			return err
		}
	}
	return nil
}

func (d *Delivery) encode(e *encoder) {
	e.array(10)
	d.Index.encodeValues(e)
	e.array(len(d.Contents))
	for _, c := range d.Contents {
		e.bin(c)
	}
}

func (d *Delivery) decode(in *decoder) {
	in.array(10)
	d.Index.decodeValues(in)
	const least = 1 + 1 + 1
	n := in.list(MaxEntries, least)
	if in.err != nil {
		return
	}
	d.Contents = make([][]byte, 0, n)
	for len(d.Contents) < n {
		c := bytes.Clone(in.bin(MaxContent))
		if in.err != nil {
			return
		}
		d.Contents = append(d.Contents, c)
	}
}
