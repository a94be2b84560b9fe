package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"time"

	"qsync/folder"
	"qsync/folder/chunk"
	"qsync/protocol"
	"qsync/store"
)

// A large file of which an older version is here is put together from that and
// from what the peer has to send: the receiver asks for the outline of the new
// one, then for the chunks of the groups that it does not have, then for the
// chunks. See package chunk.
const (
	deltaMin    = 256 << 10 // bytes of a file from which on that is worth two more round trips
	deltaWindow = 1 << 30   // bytes of the file that one request spans: the peer does not wait while more is copied here
	splitRate   = 20 << 20  // bytes a second that a recipe takes on a slow disk
)

// delta is how a file is put together.
type delta struct {
	pieces []chunk.Piece
	bases  []base
	recipe *chunk.Splitter // of what comes out
}

// base is a file that is here.
type base struct {
	*os.File
	size   int64
	digest folder.Digest
}

func (d *delta) close() {
	for _, f := range d.bases {
		f.Close()
	}
}

// compare returns how to put w together from what is here and what s has, nil if
// nothing of it is here. Without an answer that helps it is nil too: the whole
// can still be asked for.
func (x *fetchJob) compare(s *session, w want) (*delta, error) {
	if s.peer.Caps&capRecipes == 0 || w.size() < deltaMin || w.size() > chunk.MaxSplit {
		return nil, nil
	}
	d := &delta{bases: x.bases(w)}
	if len(d.bases) == 0 {
		return nil, nil
	}
	err := x.f.node.recipes.compare(x.ctx, func() error { return x.diff(s, w, d) })
	if err != nil || !slices.ContainsFunc(d.pieces, func(p chunk.Piece) bool { return !p.Missing() }) {
		d.close()
		return nil, err
	}
	return d, nil
}

// bases opens what is likely to have much in common with w: what its path holds
// now, what it was renamed from, what its author made it of, and what is alike.
func (x *fetchJob) bases(w want) (out []base) {
	v := w.res.Value
	var likely []store.Record
	for _, p := range []folder.Path{w.rec.Path, v.Origin} {
		if r, err := x.f.store.Record(p); err == nil && p != "" {
			likely = append(likely, r)
		}
	}
	if v.Base.Content != 0 {
		if held, err := x.f.store.HoldingID(v.Base.Content, 1); err == nil {
			likely = append(likely, held...)
		}
	}
	likely = append(likely, x.alike(w)...)
	seen := make(map[folder.Digest]bool)
	for i := range likely {
		r := &likely[i]
		if l := r.Local.Value; l.Kind != folder.File || l.Size < deltaMin/2 || l.Size > chunk.MaxSplit || seen[l.Digest] {
			continue
		}
		if file, err := x.f.root.OpenFile(r.Path, r.Local); err == nil {
			v := &r.Local.Value
			seen[v.Digest] = true
			out = append(out, base{file, v.Size, v.Digest})
		}
	}
	return out
}

// alikeMost is how many files are compared with one that is new here for being of its kind.
const alikeMost = 2

// alike finds files of other names that may have much in common with w, such as an
// image that was copied and then changed: of its sort and about its size, and not
// always the same, or there would be no recipe of theirs. To ask for less would
// have the peer read every new file once more.
func (x *fetchJob) alike(w want) (out []store.Record) {
	for _, d := range x.f.recipes.Known(chunk.Bits(w.size())) {
		held, err := x.f.store.Holding(d, 1)
		if err != nil || len(held) == 0 {
			continue
		}
		size := held[0].Local.Value.Size
		if size/2 > w.size() || w.size()/2 > size || path.Ext(string(held[0].Path)) != path.Ext(string(w.rec.Path)) {
			continue
		}
		if out = append(out, held...); len(out) == alikeMost {
			break
		}
	}
	return out
}

// diff asks for the recipe of w and compares it with the bases.
func (x *fetchJob) diff(s *session, w want, d *delta) error {
	mem := x.f.node.fetching
	if err := mem.take(x.ctx, askRoom); err != nil {
		return err
	}
	defer mem.give(askRoom)
	req := &protocol.RecipeRequest{Path: w.rec.Path, Digest: w.digest(), Size: w.size()}
	st, err := x.open(s.link, req)
	if err != nil {
		return err
	}
	defer st.Reset()
	bits := chunk.Bits(w.size())
	recipes, err := x.recipesOf(d.bases, bits) // while the peer does the same
	if err != nil {
		return x.ctx.Err() // what is here cannot be read: the peer can send all
	}
	st.SetDeadline(time.Now().Add(x.patience + splitTime(w.size())))
	outline, err := answered(protocol.NewReader(st, protocol.Recipes), bits)
	if err != nil || outline == nil {
		return err
	}
	st.Close()
	if total(outline) != w.size() {
		return fmt.Errorf("%w: an outline of %d bytes for %d", protocol.ErrProtocol, total(outline), w.size())
	}
	diff := chunk.NewDiff(outline, recipes)
	for groups := range slices.Chunk(diff.Unknown(), protocol.MaxGroups) {
		req.Groups = groups
		if ok, err := x.tell(s, req, diff); err != nil || !ok {
			return err
		}
	}
	d.pieces, d.recipe = diff.Pieces(), chunk.NewSplitter(bits, diff.Guide())
	return nil
}

// tell asks for the chunks of groups.
func (x *fetchJob) tell(s *session, req *protocol.RecipeRequest, diff *chunk.Diff) (bool, error) {
	st, err := x.open(s.link, req)
	if err != nil {
		return false, err
	}
	defer st.Reset()
	r := protocol.NewReader(st, protocol.Recipes)
	st.SetDeadline(time.Now().Add(x.patience + splitTime(req.Size)))
	for _, g := range req.Groups {
		chunks, err := answered(r, chunk.Bits(req.Size))
		if err != nil || chunks == nil {
			return false, err
		}
		if err := diff.Tell(g, chunks); err != nil {
			return false, fmt.Errorf("%w: %w", protocol.ErrProtocol, err)
		}
		st.SetDeadline(time.Now().Add(requestWait))
	}
	st.Close()
	return true, nil
}

// answered reads one answer, nil if the peer has none.
func answered(r *protocol.Reader, bits int) ([]chunk.Part, error) {
	m, err := r.Next()
	if err != nil {
		return nil, err
	}
	answer := m.(*protocol.Recipe) // such a stream carries nothing else
	if answer.Status != protocol.OK {
		return nil, nil
	}
	if answer.Bits != bits {
		return nil, fmt.Errorf("%w: chunks of %d bits, not %d", protocol.ErrProtocol, answer.Bits, bits)
	}
	return answer.Parts, nil
}

func total(parts []chunk.Part) (n int64) {
	for i := range parts {
		n += parts[i].Length
	}
	return n
}

func splitTime(size int64) time.Duration { return time.Duration(size/splitRate) * time.Second }

// recipesOf returns the recipes of the bases, which are split where they are not
// known.
func (x *fetchJob) recipesOf(bases []base, bits int) ([]*chunk.Recipe, error) {
	var out []*chunk.Recipe
	for _, b := range bases {
		r, err := x.f.recipeOf(x.ctx, b, bits)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

// restBy writes what staged lacks of w, from byte have on, piece by piece.
func (x *fetchJob) restBy(s *session, w want, staged counted, d *delta) (protocol.Status, error) {
	_, have, err := staged.Digest()
	if err != nil {
		return protocol.Failed, fmt.Errorf("%w: %w", errStaging, err)
	}
	mem := x.f.node.fetching
	if err := mem.take(x.ctx, askRoom); err != nil {
		return protocol.Failed, err
	}
	defer mem.give(askRoom)
	pieces := piecesFrom(d.pieces, have)
	for len(pieces) > 0 {
		var items []protocol.Item
		n, room, span := 0, 0, int64(0)
		for n < len(pieces) && (n == 0 || span < deltaWindow) {
			p := &pieces[n]
			if p.Missing() {
				it := protocol.Item{Path: w.rec.Path, Digest: w.digest(), Size: w.size(), Offset: have + span, Length: p.Length}
				if room += it.Cost(); room > protocol.MaxRequest || len(items) == protocol.MaxItems {
					break
				}
				items = append(items, it)
			}
			span += p.Length
			n++
		}
		status, err := x.assemble(s, items, pieces[:n], &build{staged, d})
		if err != nil || status != protocol.OK {
			return status, err
		}
		pieces, have = pieces[n:], have+span
	}
	return protocol.OK, nil
}

// piecesFrom returns the pieces of what comes after so many bytes.
func piecesFrom(pieces []chunk.Piece, have int64) []chunk.Piece {
	for i, p := range pieces {
		if have < p.Length {
			out := slices.Clone(pieces[i:])
			out[0].Length -= have
			out[0].Offset += have
			return out
		}
		have -= p.Length
	}
	return nil
}

// build is a file that is being put together.
type build struct {
	staged counted
	*delta
}

// assemble writes pieces: those that are here, and between them the answers to
// the items.
func (x *fetchJob) assemble(s *session, items []protocol.Item, pieces []chunk.Piece, b *build) (status protocol.Status, err error) {
	var st *routed
	var r *protocol.Reader
	if len(items) > 0 {
		if st, r, err = x.ask(s, items); err != nil {
			return protocol.Failed, err
		}
		defer st.Reset() // nothing after Close
	}
	for i := range pieces {
		p := &pieces[i]
		if !p.Missing() {
			if err := x.copyPiece(p, b); err != nil {
				return protocol.Failed, err
			}
			continue
		}
		st.SetDeadline(time.Now().Add(max(x.patience, requestWait)))
		if status, err := x.receive(st, r, b.staged, p.Length); err != nil || status != protocol.OK {
			return status, err
		}
	}
	if st != nil {
		st.Close()
	}
	return protocol.OK, nil
}

// copyPiece writes a piece that a base has. If that changes meanwhile, the digest
// of the whole will say so.
func (x *fetchJob) copyPiece(p *chunk.Piece, b *build) error {
	base := b.bases[p.Base]
	defer context.AfterFunc(x.ctx, func() { base.Close() })() // a long copy ends with the node
	err := b.staged.CopyPart(base.File, p.Offset, p.Length)
	if err == nil {
		b.staged.n.Add(p.Length)
	}
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: %w", errBase, err)
	case err != nil:
		return fmt.Errorf("%w: %w", errStaging, err)
	}
	return nil
}

// errBase: what a file was to be put together from is not there any more.
var errBase = errors.New("an older version has changed")
