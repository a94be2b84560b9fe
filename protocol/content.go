package protocol

import (
	"cmp"
	"errors"
	"fmt"

	"qsync/folder"
)

// Request asks for content. One opens each stream of its kind; its sender then
// closes its side, and the answers to the items follow in their order.
type Request struct {
	Items []Item // 1 to MaxItems
}

// Item is one stretch of one file's content.
type Item struct {
	Path   folder.Path   // where the requester's map has it: a hint for the responder's map, never a path on its disk
	Digest folder.Digest // of the whole file
	Size   int64         // of the whole file
	Offset int64         // from 0
	Length int64         // at least 1; Offset+Length <= Size <= MaxSize
}

// itemRoom is what an encoded Item has beside its path.
const itemRoom = 1 + 3 + 2 + 32 + 3*9

// requestRoom is what an encoded Request has beside its items.
const requestRoom = 1 + 5

// Cost returns how many bytes i takes in a [Request] at most; the items of one
// take together no more than [MaxRequest].
func (i *Item) Cost() int { return itemRoom + len(i.Path) }

// MaxRequest is how many bytes the items of a [Request] may take, counted by
// [Item.Cost].
const MaxRequest = MaxControl - requestRoom

func (i *Item) check() error {
	if _, err := folder.ParsePath(string(i.Path)); err != nil {
		return err
	}
	if i.Size > MaxSize || i.Length < 1 || i.Length > i.Size || i.Offset < 0 || i.Offset > i.Size-i.Length {
		return fmt.Errorf("bytes %d+%d of %d", i.Offset, i.Length, i.Size)
	}
	return nil
}

func (*Request) kind() kind { return kindRequest }

func (r *Request) check() error {
	if err := inRange("items", len(r.Items), 1, MaxItems); err != nil {
		return err
	}
	for i := range r.Items {
		if err := r.Items[i].check(); err != nil {
			return err
		}
	}
	return nil
}

func (r *Request) encode(e *encoder) {
	e.array(1)
	e.array(len(r.Items))
	for i := range r.Items {
		it := &r.Items[i]
		e.array(5)
		e.binString(string(it.Path))
		e.bin(it.Digest[:])
		e.uint(uint64(it.Size))
		e.uint(uint64(it.Offset))
		e.uint(uint64(it.Length))
	}
}

func (r *Request) decode(d *decoder) {
	d.array(1)
	const least = 1 + 3 + 34 + 3
	n := d.list(MaxItems, least)
	r.Items = make([]Item, 0, n)
	for range n {
		d.array(5)
		var it Item
		it.Path = folder.Path(d.bin(folder.MaxPath))
		if b := d.bin(len(it.Digest)); copy(it.Digest[:], b) != len(it.Digest) {
			d.fail(errors.New("short digest"))
		}
		it.Size, it.Offset, it.Length = d.int(), d.int(), d.int()
		if d.err != nil {
			return
		}
		r.Items = append(r.Items, it)
	}
}

// Status is how the answer to an [Item] went.
type Status uint8

// The statuses of an answer.
const (
	OK      Status = 0
	NotHere Status = 1 // no such version here
	Changed Status = 2 // the file changed under the responder
	Failed  Status = 3 // the responder could not read it
	Busy    Status = 4 // ask again later, or somebody else
)

// String returns the status in words.
func (s Status) String() string {
	switch s {
	case OK:
		return "ok"
	case NotHere:
		return "no such version"
	case Changed:
		return "changed while it was read"
	case Failed:
		return "could not be read"
	case Busy:
		return "busy"
	}
	return fmt.Sprintf("status %d", uint8(s))
}

// Response begins the answer to one [Item]. Of Length bytes Data holds the
// first, all of them for a small item; the others follow in [Data] frames.
type Response struct {
	Status Status
	Length int64  // the item's; 0 unless Status is OK
	Data   []byte // at most MaxData and Length bytes
}

func (*Response) kind() kind { return kindResponse }

func (r *Response) check() error {
	if r.Status != OK {
		if r.Status > Busy || r.Length != 0 || len(r.Data) != 0 {
			return fmt.Errorf("%v with %d of %d bytes", r.Status, len(r.Data), r.Length)
		}
		return nil
	}
	return cmp.Or(
		inRange("length", r.Length, 1, MaxSize),
		inRange("bytes of data", int64(len(r.Data)), 0, min(MaxData, r.Length)),
	)
}

func (r *Response) encode(e *encoder) {
	e.array(3)
	e.uint(uint64(r.Status))
	e.uint(uint64(r.Length))
	e.bin(r.Data)
}

func (r *Response) decode(d *decoder) {
	d.array(3)
	r.Status = Status(d.uint(255))
	r.Length = d.int()
	r.Data = d.bin(MaxData)
}

// Data is the next stretch of the content that a [Response] began.
type Data struct {
	Bytes []byte // 1 to MaxData
}

func (*Data) kind() kind { return kindData }

func (p *Data) check() error { return inRange("bytes of data", len(p.Bytes), 1, MaxData) }

func (p *Data) encode(e *encoder) { e.b = append(e.b, p.Bytes...) }

func (p *Data) decode(d *decoder) {
	p.Bytes = d.b
	d.r.Reset(nil)
}

// Abort stands where a [Data] frame should: the rest of the item will not come.
// The answer to the next item follows.
type Abort struct {
	Status Status // never OK
}

func (*Abort) kind() kind { return kindAbort }

func (a *Abort) check() error { return inRange("status", int(a.Status), int(NotHere), int(Busy)) }

func (a *Abort) encode(e *encoder) {
	e.array(1)
	e.uint(uint64(a.Status))
}

func (a *Abort) decode(d *decoder) {
	d.array(1)
	a.Status = Status(d.uint(255))
}
