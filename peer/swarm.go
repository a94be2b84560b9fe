package peer

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"sync"

	"qsync/folder"
	"qsync/protocol"
)

// Several receivers of one source share the work of its uplink. Each goes
// through the tree in an order of its own, so that they ask it for different things,
// and asks first for what the index of a fellow says that this one has by now. So content
// leaves the source a little more than once, however many want it. Of one large file
// they hand on what has come: see follow.go.

// Segments of what is wanted: so many at most, of so many entries at least.
const (
	segmentsMost = 256
	segmentLeast = 4
)

// maxHeld bounds the contents of which it is known who has them, of 16 bytes each.
const maxHeld = 1 << 18

// holders are what fellows have: peers that want, or wanted in this session,
// something themselves.
type holders struct {
	mu    sync.Mutex
	peers [64]*session
	m     map[uint64]uint64 // the beginning of a digest: a bit for each of peers
}

// heard notes what s has, if it is a fellow.
func (h *holders) heard(s *session, entries []protocol.Entry) {
	if !s.fellow.Load() {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	bit := h.slot(s)
	for i := range entries {
		if !entries[i].Have || bit == 0 {
			continue
		}
		v := entries[i].Register.Resolve().Value
		key := contentKey(v.Digest)
		if was, known := h.m[key]; v.Kind == folder.File && v.Size > 0 && (known || len(h.m) < maxHeld) {
			h.m[key] = was | bit
		}
	}
}

// slot returns the bit of s, 0 if there is none to be had.
func (h *holders) slot(s *session) uint64 {
	free := -1
	for i, p := range h.peers {
		if p == s {
			return 1 << i
		}
		if p == nil && free < 0 {
			free = i
		}
	}
	if free < 0 {
		return 0
	}
	if h.m == nil {
		h.m = make(map[uint64]uint64)
	}
	h.peers[free] = s
	return 1 << free
}

func contentKey(d folder.Digest) uint64 { return binary.BigEndian.Uint64(d[:]) }

// leave forgets what s had.
func (h *holders) leave(s *session) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, p := range h.peers {
		if p != s {
			continue
		}
		h.peers[i] = nil
		for key, who := range h.m {
			if who &^= 1 << i; who == 0 {
				delete(h.m, key)
			} else {
				h.m[key] = who
			}
		}
	}
}

// clear forgets who has what: nothing is wanted.
func (h *holders) clear() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.m = nil
	h.peers = [64]*session{}
}

// of returns a fellow that has content d, another one each turn; nil for none.
func (h *holders) of(d folder.Digest, turn int) *session {
	h.mu.Lock()
	defer h.mu.Unlock()
	who := h.m[contentKey(d)]
	if who == 0 {
		return nil
	}
	for range turn % bits.OnesCount64(who) {
		who &= who - 1
	}
	return h.peers[bits.TrailingZeros64(who)]
}

// fromFellows brings what fellows have, and returns the rest.
func (x *fetchJob) fromFellows(todo []want) (left []want, err error) {
	x.mu.Lock()
	x.turn++
	turn := x.turn
	x.mu.Unlock()
	have := make(map[*session][]want)
	for _, w := range todo {
		if s := x.f.holders.of(w.digest(), turn); s != nil && !x.f.isSlow(s) {
			have[s] = append(have[s], w)
		} else {
			left = append(left, w)
		}
	}
	for s, part := range have {
		x.patience = answerWait
		left = append(left, x.askOne(s, part)...)
	}
	return left, x.ctx.Err()
}

// segment is a part of the wanted paths: behind after, up to and with last, which is
// "" for all that there is.
type segment struct{ after, last folder.Path }

// segments are the parts of a round, in the order in which they are gone through.
// With several peers that is another one for every node; what has come to be wanted
// meanwhile is left to the next round.
func (r *round) segments() ([]segment, error) {
	f := r.f
	f.mu.Lock()
	peers := len(f.sessions)
	f.mu.Unlock()
	n := f.store.Want().Entries
	if peers < 2 || f.twin != nil || n < 2*segmentLeast {
		return []segment{{}}, nil
	}
	ends, err := f.store.WantedEvery(max(n/segmentsMost, segmentLeast))
	var all []segment
	var after folder.Path
	for i, p := range ends {
		if err != nil {
			return nil, err
		}
		var splits bool
		if splits, err = r.splits(p); splits && i < len(ends)-1 {
			continue
		}
		all = append(all, segment{after, p})
		after = p
	}
	if len(all) == 0 || err != nil {
		return []segment{{}}, err
	}
	if splits, err := r.splits(after); splits || err != nil {
		all[len(all)-1].last = ""
	}
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all, nil
}

// splits reports whether a walk that begins behind p could come by the files of a
// database apart: between a name and the same with more to it.
func (r *round) splits(p folder.Path) (bool, error) {
	for end := len(p.Dir()) + 1; end <= len(p); end++ {
		db, err := folder.ParsePath(string(p[:end]))
		if err != nil {
			continue
		}
		for _, side := range folder.Sidecars(db) {
			rec, err := r.f.store.Record(side)
			if err != nil || rec.Register.Live() || rec.Local.Value.Kind != folder.Absent {
				return true, err
			}
		}
	}
	_, beside := folder.Sidecar(p)
	return beside, nil
}
