package main

import (
	"testing"
	"time"
)

// TestAgesOfConfig: how long versions and what has changed are kept reaches the
// folder as config.yaml has it, and 0 there is for ever.
func TestAgesOfConfig(t *testing.T) {
	s, m := runningFolder(t, nil)
	const day = 24 * time.Hour
	for set, want := range map[time.Duration]time.Duration{0: -1, 3 * day: 3 * day, m.conf.HistoryAge: 30 * day} {
		m := &managed{entry: m.entry, conf: m.conf}
		m.conf.HistoryAge, m.conf.VersionsAge = set, set
		fc, err := s.config(m)
		if err != nil || fc.HistoryAge != want || fc.VersionsAge != want {
			t.Errorf("%v: %v and %v, %v", set, fc.HistoryAge, fc.VersionsAge, err)
		}
	}
}
