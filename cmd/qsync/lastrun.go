package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"qsync/peer"
)

// lastFile holds what the last run of a folder did, beside its map.
const lastFile = "last.json"

// keepEvery is how often a long run writes it, so that little is lost where the
// machine loses its power.
const keepEvery = time.Hour

// lastRun is what the last run did, nil if nothing is known of one.
func (h home) lastRun(tag string) *peer.LastRun {
	b, err := os.ReadFile(filepath.Join(h.state(tag), lastFile))
	if err != nil {
		return nil
	}
	r := &peer.LastRun{}
	if json.Unmarshal(b, r) != nil || r.Ended.IsZero() {
		return nil // it is for people to look at, and the next run writes it anew
	}
	return r
}

// saveRun writes down what this run did to a folder so far.
func (s *session) saveRun(m *managed, t peer.Totals) {
	if s.dry {
		return
	}
	b, err := json.Marshal(peer.LastRun{Began: m.began.UTC().Truncate(time.Millisecond), Ended: time.Now().UTC().Truncate(time.Millisecond), Totals: t})
	if err == nil {
		if _, err = os.Stat(s.home.state(m.entry.tag)); err != nil {
			return // forgotten meanwhile
		}
		err = writeFile(filepath.Join(s.home.state(m.entry.tag), lastFile), append(b, '\n'))
	}
	if err != nil {
		s.log.Warn("cannot keep what the run did", "folder", m.entry.Dir, "error", err)
	}
}

// saveRuns does it for all folders, every hour.
func (s *session) saveRuns(ctx context.Context) {
	every(ctx, keepEvery, func() {
		for _, m := range s.folders.running() {
			s.saveRun(m, m.Status().Totals)
		}
	})
}

// every calls f at that interval until ctx ends.
func every(ctx context.Context, d time.Duration, f func()) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			f()
		}
	}
}
