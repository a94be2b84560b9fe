package peer

import (
	"net/netip"
	"slices"
	"time"

	"qsync/store"
)

// live is where the connected nodes are, by the links that stand.
type live map[store.NodeID]netip.AddrPort

func (l live) has(id store.NodeID) bool { _, ok := l[id]; return ok }

// add makes room for an address: where there are too many, the one goes that
// failed longest ago, or else one that can be spared. It returns nil if none can.
func (c *candidates) add(a netip.AddrPort, connected live) *candidate {
	if len(c.all) >= maxCandidates {
		victim := -1
		for i, e := range c.all {
			if e.spare(connected) > 0 && (victim < 0 || e.goesBefore(c.all[victim], connected)) {
				victim = i
			}
		}
		if victim < 0 {
			return nil
		}
		c.all = slices.Delete(c.all, victim, victim+1)
	}
	e := &candidate{at: a}
	c.all = append(c.all, e)
	return e
}

// spare says how little an address is missed, 1 least: it failed, its node is
// connected elsewhere, or it has not been tried and the store knows it as well.
// 0 is for one that has to stay.
func (e *candidate) spare(connected live) int {
	switch {
	case e.dialing || connected[e.node] == e.at || time.Since(e.began) < againMin:
		return 0 // the last: one that came back would be dialled twice in a second
	case !e.failed.IsZero():
		return 1
	case connected.has(e.node):
		return 2
	case e.remembered && e.began.IsZero():
		return 3
	}
	return 0
}

func (e *candidate) goesBefore(o *candidate, connected live) bool {
	k, l := e.spare(connected), o.spare(connected)
	if k != l {
		return k < l
	}
	return k == 1 && e.failed.Before(o.failed) || k == 3 // the store's last one is its oldest
}
