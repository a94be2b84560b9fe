package peer

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"qsync/folder"
	"qsync/store"
)

// maxListed bounds the lists of a status; what is beyond is counted.
const maxListed = 1000

func (f *Folder) event(e Event) {
	if f.node.cfg.Events == nil {
		return
	}
	e.Time, e.Folder, e.RawPath = time.Now(), f.Dir(), raw(folder.Path(e.Path))
	f.node.cfg.Events(e)
}

// note tells what ends a session but not the folder, once: the peer is tried
// again all the time.
func (f *Folder) note(err error) {
	f.mu.Lock()
	known := f.refusal != nil && f.refusal.Error() == err.Error()
	f.refusal = err
	f.mu.Unlock()
	if known {
		return
	}
	f.node.cfg.Log.Warn("not syncing with this peer", "folder", f.Dir(), "reason", err)
	f.changed()
}

// Work returns what the folder still wants, and how many bytes of content have been
// put in place since it was opened. It costs next to nothing.
func (f *Folder) Work() (want Amount, placed int64) {
	if f.settles() {
		want = Amount(f.want())
	}
	return want, f.counts.bytes.Load()
}

// Status describes the folder as it is now.
func (f *Folder) Status() FolderStatus {
	t := f.store.Totals()
	w := store.Want{}
	if f.settles() {
		w = f.want()
	}
	s := FolderStatus{
		Path: f.Dir(), Tag: f.Tag(), Mode: f.Mode().Role(), Mirror: f.Mode() == Mirror,
		Entries:   EntryCounts{t.Files, t.Dirs, t.Symlinks, t.Bytes},
		Want:      Amount(w),
		Problems:  f.Problems(),
		Conflicts: []string{},
		Peers:     f.peerStatus(),
		Dialers:   f.dialers(),
		Totals:    f.counts.totals(),
		Note:      f.store.Note(),
	}
	s.Totals.Problems = int64(len(s.Problems))
	s.Own = f.ownChanges()
	if f.Mode().gives() && !f.settles() {
		s.Differing = f.differing()
	}
	f.listConflicts()
	f.mu.Lock()
	s.State, s.NextScan = f.state, f.next.UTC().Truncate(time.Second)
	switch {
	case f.err != nil:
		s.State, s.Reason = "stopped", f.err.Error()
	case f.paused:
		s.State, s.Reason = "paused", f.pausedErr().Error()
	case f.trouble.why != nil:
		s.State, s.Reason = "stopped", f.troubled(f.trouble.why)
	case f.Mode() == ModeAuto:
		s.Reason = "waiting for the first peer, which decides between two-way and receive"
	case f.refusal != nil:
		s.Reason = f.refusal.Error()
	}
	for _, p := range slices.SortedFunc(maps.Keys(f.conflict), folder.Path.Compare) {
		s.Conflicts = append(s.Conflicts, string(p))
		if name := raw(p); name != nil {
			s.RawConflicts = append(s.RawConflicts, make([][]byte, len(s.Conflicts)-1-len(s.RawConflicts))...)
			s.RawConflicts = append(s.RawConflicts, name)
		}
	}
	if n := len(s.RawConflicts); n > 0 {
		s.RawConflicts = append(s.RawConflicts, make([][]byte, len(s.Conflicts)-n)...)
	}
	if s.State == "idle" && w.Entries > 0 && s.Reason == "" {
		s.Reason = f.whyWaiting()
	}
	if f.watcher != nil && s.Note == "" {
		if l, ok := f.watcher.(interface{ Limited() string }); ok {
			s.Note = l.Limited()
		}
	}
	f.mu.Unlock()
	busy := w.Entries > 0 || slices.ContainsFunc(s.Peers, func(p PeerStatus) bool { return p.Queued.Entries > 0 })
	s.Rate = f.rates.measure(f.counts.received.Load(), f.counts.sent.Load(), busy)
	if p := f.counts.current.Load(); p != nil && s.State == "syncing" {
		s.Current, s.RawCurrent = *p, raw(folder.Path(*p))
	}
	if s.Rate.In > 0 && w.Bytes > 0 {
		eta := max(w.Bytes/s.Rate.In, 1)
		s.ETA = &eta
	}
	return s
}

// whyWaiting says why wanted entries are not being fetched; f.mu is held.
func (f *Folder) whyWaiting() string {
	for _, s := range f.sessions {
		s.mu.Lock()
		told := s.caught && s.peerScanned
		s.mu.Unlock()
		if !told {
			return "waiting until " + s.peer.Name + " has told all it has, lest something be removed by mistake"
		}
	}
	if full := f.parked.full(); full != "" {
		return full + "; make room, and it goes on by itself"
	}
	if len(f.sessions) > 0 {
		return "waiting for a connected peer to have the content"
	}
	for r, err := range f.wrong {
		if err != nil {
			return "no peer is connected; " + r + " cannot be reached: " + plain(err)
		}
	}
	return "no peer is connected; start qsync on the other device"
}

func (f *Folder) peerStatus() []PeerStatus {
	out := f.leftOut()
	ours := f.store.Want()
	queues, err := f.queued()
	if err != nil {
		return out
	}
	for _, p := range f.store.Peers() {
		f.mu.Lock()
		s, braked := f.sessions[p.ID], f.braked[p.ID]
		f.mu.Unlock()
		ps := PeerStatus{
			Name: p.Name, Node: fmt.Sprintf("%x", p.ID[:]), Address: p.Address,
			Connected: s != nil, LastSeen: p.LastSeen.UTC(), Addresses: []string{}, Reason: f.bad.reason(p.ID),
		}
		if s != nil { // it may have moved since it was greeted
			ps.Address = s.link.Remote()
			ps.Transport = s.lanes.status()
		}
		if braked && s == nil && ps.Reason == "" {
			ps.Reason = brakedText
		}
		for _, a := range p.Addrs {
			ps.Addresses = append(ps.Addresses, a.At.String())
		}
		q := queues[p.ID]
		ps.Queued = Amount{q.Entries + p.Want.Entries, q.Bytes + p.Want.Bytes}
		applied := !f.settles() || ours.Entries == 0 || f.want().Entries == 0
		applied = applied && f.motion.waiting()+f.bases.waiting() == 0
		ps.InSync = s != nil && s.missing(false) == "" && applied
		out = append(out, ps)
	}
	return out
}

// Missing says in a sentence what keeps the folder from being in sync with at
// least so many connected peers; "" if nothing does.
func (f *Folder) Missing(peers int) string { return f.missing(peers, false) }

// missing is Missing; partly passes over what has failed too often to wait for.
func (f *Folder) missing(peers int, partly bool) string {
	if f.cfg.Plan != nil && f.twin == nil && peers == 0 {
		peers = 1
	}
	if f.Paused() {
		return f.pausedErr().Error()
	}
	if !f.scanned.isOpen() {
		return "the first look at " + f.Dir() + " is not finished"
	}
	f.mu.Lock()
	var sessions []*session
	for _, s := range f.sessions {
		sessions = append(sessions, s)
	}
	refusal := f.refusal
	f.mu.Unlock()
	if len(sessions) < peers {
		if refusal != nil {
			return refusal.Error()
		}
		return fmt.Sprintf("%d of %d peers connected", len(sessions), peers)
	}
	for _, s := range sessions {
		if m := s.missing(partly); m != "" {
			return m
		}
	}
	if f.cfg.Plan != nil {
		if !isClosed(f.planned) {
			return "the plan is not finished"
		}
		return ""
	}
	if n := f.motion.waiting() + f.bases.waiting(); n > 0 && !partly {
		return fmt.Sprintf("%d files that are in use here have changed, and are to come to rest", n)
	}
	if f.settles() {
		if w := f.want(); w.Entries > 0 && (!partly || w.Entries > f.parked.given()) {
			return fmt.Sprintf("%d entries (%d bytes) still to be fetched or applied here", w.Entries, w.Bytes)
		}
	}
	return ""
}

// missing says what this session still has to bring over, "" if nothing.
func (s *session) missing(partly bool) string {
	seq, passed := s.f.store.Identity().Seq, int64(0)
	if partly && s.f.twin != nil {
		passed = s.f.twin.parked.given()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	name := s.peer.Name
	switch {
	case !s.caught:
		return "the index of " + name + " is still arriving"
	case !s.peerScanned:
		return name + " is still looking at its files"
	case s.f.cfg.Plan != nil:
		return ""
	case s.heard.Epoch != s.epoch || s.heard.Cursor < seq:
		return name + " has not confirmed the latest changes"
	case s.f.store.Peer(s.id).Cursor < s.heard.Head:
		return "changes of " + name + " are still arriving"
	case s.heard.WantEntries > uint64(passed):
		return fmt.Sprintf("%s still has %d entries (%d bytes) to fetch or apply", name, s.heard.WantEntries, s.heard.WantBytes)
	}
	return ""
}

// Rescan looks at the whole folder afresh and returns when what it found is in
// the map. A paused folder looks at nothing: [ErrPaused].
func (f *Folder) Rescan(ctx context.Context) error {
	done := make(chan error, 1)
	for asked := false; !asked; {
		change := f.changes()
		if f.Paused() {
			return f.pausedErr()
		}
		ask := f.rescans
		if !f.scanned.isOpen() {
			ask = nil // it is looking for the first time
		}
		select {
		case ask <- done:
			asked = true
		case <-change:
		case <-ctx.Done():
			return ctx.Err()
		case <-f.ctx.Done():
			return f.endReason()
		}
	}
	select {
	case err := <-done:
		if err != nil && f.Paused() {
			return f.pausedErr()
		}
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Wait looks at the disk afresh, then blocks until nothing is wanted here and
// nothing is queued for any connected peer, of which there must be at least so
// many. It returns the folder's own error when that stops, [ErrPaused] while it
// is paused, or ctx's.
func (f *Folder) Wait(ctx context.Context, peers int) error {
	if f.scanned.isOpen() {
		if err := f.Rescan(ctx); err != nil {
			return err
		}
	}
	for {
		change := f.changes()
		if f.Paused() {
			return f.pausedErr()
		}
		if f.missing(peers, f.cfg.Once) == "" {
			return f.Err()
		}
		if err := f.refused(); err != nil && peers > 0 {
			return err
		}
		select {
		case <-change:
		case <-ctx.Done():
			return ctx.Err()
		case <-f.ctx.Done():
			return f.endReason()
		}
	}
}

// refused is why the only peers there are were sent away, nil if one stays.
func (f *Folder) refused() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.sessions) > 0 {
		return nil
	}
	return f.refusal
}

// endReason is why the folder does nothing more.
func (f *Folder) endReason() error {
	if err := f.Err(); err != nil {
		return err
	}
	return context.Canceled
}

// tellSynced tells once whenever the folder comes into sync with a peer.
func (f *Folder) tellSynced() {
	now := f.Missing(1) == ""
	f.mu.Lock()
	was := f.synced
	f.synced, f.wasSynced = now, f.wasSynced || now
	f.mu.Unlock()
	if now && !was {
		f.event(Event{Event: "synced"})
	}
}
