package protocol

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"

	"qsync/folder"
)

// Index is a batch of what its sender's folder map holds, all read in one
// transaction: a stretch of the journal or, in a snapshot, of the map itself.
// The package comment says what a receiver may conclude from it.
type Index struct {
	Snapshot bool
	After    uint64         // positions of the sender's journal: the batch covers what changed
	Upto     uint64         // after After, up to and with Upto
	From     folder.Path    // of a snapshot: the batch covers the keys after From ("": from the start),
	To       folder.Path    // up to and with To ("": to the end)
	Complete bool           // with this batch everything in the sender's map has been sent
	Scanned  bool           // the sender has finished a whole scan since it started
	Context  folder.Context // the sender's folder context, of the same read as the entries
	Entries  []Entry        // at most MaxEntries; in a snapshot in strict key order
}

// Entry is the state of one path.
type Entry struct {
	Path     folder.Path
	Register folder.Register // its context names at most folder.MaxContext replicas
	Have     bool            // the sender has the content of the register's winner and can be asked for it
}

// indexRoom is what an encoded Index has beside its context and entries, with
// both paths at their longest.
const indexRoom = 1 + 3*1 + 2*9 + 2*(3+folder.MaxPath) + 5

const (
	maxVarint = binary.MaxVarintLen64
	dotRoom   = 8 + maxVarint
)

// Size returns how many bytes i takes uncompressed at most, whatever From and
// To are. A batch is sent if that is within [MaxIndex]; see [Room].
func (i *Index) Size() int {
	n := indexRoom + 5 + contextSize(i.Context)
	for k := range i.Entries {
		n += i.Entries[k].Size()
	}
	return n
}

// Size returns how many bytes e takes in an [Index] at most, uncompressed.
func (e Entry) Size() int {
	n := 1 + 3 + len(e.Path) + 5 + 1 + contextSize(e.Register.Ctx) + maxVarint
	for i := range e.Register.Sibs {
		s := &e.Register.Sibs[i]
		v := &s.Value
		n += dotRoom + 1 + 3 + maxVarint
		if v.Kind == folder.File {
			n += maxVarint + len(v.Digest)
		}
		n += 8 + 3
		for _, text := range [...]int{len(v.Target), len(v.Origin), len(v.Ext), len(s.Sig)} {
			if text > 0 {
				n += 3 + text
			}
		}
	}
	return n
}

// Room is what is left of an [Index] while its sender fills it.
type Room struct{ bytes, entries, writes int }

// NewRoom returns the room of an empty batch with context c.
func NewRoom(c folder.Context) Room {
	empty := Index{Context: c}
	return Room{MaxIndex - empty.Size(), MaxEntries, MaxWrites}
}

// Take reports whether e still fits; if so, its room is taken. A batch whose
// entries were all taken is within every limit of size. An entry that an empty
// batch has no room for, because its register is too large, cannot be sent at
// all.
func (r *Room) Take(e Entry) bool {
	if len(e.Register.Ctx) > folder.MaxContext || len(e.Register.Sibs) > folder.MaxSiblings {
		return false
	}
	left := Room{r.bytes - e.Size(), r.entries - 1, r.writes - len(e.Register.Sibs)}
	if left.bytes < 0 || left.entries < 0 || left.writes < 0 {
		return false
	}
	*r = left
	return true
}

func contextSize(c folder.Context) int { return maxVarint + len(c)*dotRoom }

func (*Index) kind() kind { return kindIndex }

func (i *Index) check() error {
	err := cmp.Or(
		inRange("position", i.Upto, 0, maxCounter),
		inRange("start", i.After, 0, i.Upto),
		inRange("entries", len(i.Entries), 0, MaxEntries),
		inRange("replicas in the context", len(i.Context), 0, folder.MaxFolderContext),
		i.checkSpan(),
	)
	if err != nil {
		return err
	}
	writes := 0
	for k := range i.Entries {
		if err := i.checkEntry(k); err != nil {
			return err
		}
		writes += len(i.Entries[k].Register.Sibs)
	}
	return inRange("writes in all registers", writes, 0, MaxWrites)
}

func (i *Index) checkSpan() error {
	if !i.Snapshot {
		if i.From != "" || i.To != "" {
			return errors.New("keys in a stretch of the journal")
		}
		if n := uint64(len(i.Entries)); i.Upto-i.After < n {
			return fmt.Errorf("%d entries in %d positions", n, i.Upto-i.After)
		}
		return nil
	}
	if i.To == "" {
		return checkBound(i.From)
	}
	if i.Complete {
		return errors.New("complete before the end of the keys")
	}
	if i.From.Compare(i.To) >= 0 {
		return errors.New("no keys between the bounds")
	}
	return cmp.Or(checkBound(i.From), checkBound(i.To))
}

func checkBound(p folder.Path) error {
	if p == "" {
		return nil
	}
	_, err := folder.ParsePath(string(p))
	return err
}

func (i *Index) checkEntry(k int) error {
	e := &i.Entries[k]
	if _, err := folder.ParsePath(string(e.Path)); err != nil {
		return err
	}
	if err := inRange("replicas in a register's context", len(e.Register.Ctx), 0, folder.MaxContext); err != nil {
		return err
	}
	if err := inRange("writes in a register", len(e.Register.Sibs), 0, folder.MaxSiblings); err != nil {
		return err
	}
	if !i.Snapshot {
		return nil
	}
	before := i.From
	if k > 0 {
		before = i.Entries[k-1].Path
	}
	if before.Compare(e.Path) >= 0 || (i.To != "" && e.Path.Compare(i.To) > 0) {
		return fmt.Errorf("path %q out of order", e.Path)
	}
	return nil
}

func (i *Index) encode(e *encoder) {
	e.array(9)
	i.encodeValues(e)
}

func (i *Index) encodeValues(e *encoder) {
	e.bool(i.Snapshot)
	e.uint(i.After)
	e.uint(i.Upto)
	e.binString(string(i.From))
	e.binString(string(i.To))
	e.bool(i.Complete)
	e.bool(i.Scanned)
	e.context(i.Context)
	e.array(len(i.Entries))
	for k := range i.Entries {
		e.array(3)
		e.binString(string(i.Entries[k].Path))
		e.register(i.Entries[k].Register)
		e.bool(i.Entries[k].Have)
	}
}

func (i *Index) decode(d *decoder) {
	d.array(9)
	i.decodeValues(d)
}

func (i *Index) decodeValues(d *decoder) {
	i.Snapshot = d.bool()
	i.After = d.uint(maxCounter)
	i.Upto = d.uint(maxCounter)
	i.From = folder.Path(d.bin(folder.MaxPath))
	i.To = folder.Path(d.bin(folder.MaxPath))
	i.Complete = d.bool()
	i.Scanned = d.bool()
	i.Context = d.context()
	const least = 1 + 3 + 4 + 1
	n := d.list(MaxEntries, least)
	if n == 0 {
		return
	}
	i.Entries = make([]Entry, 0, n)
	for writes := 0; len(i.Entries) < n; {
		d.array(3)
		e := Entry{Path: folder.Path(d.bin(folder.MaxPath)), Register: d.register(), Have: d.bool()}
		if writes += len(e.Register.Sibs); writes > MaxWrites {
			d.fail(inRange("writes in all registers", writes, 0, MaxWrites))
		}
		if d.err != nil {
			return
		}
		i.Entries = append(i.Entries, e)
	}
}
