package main

import (
	"fmt"
	"time"

	"qsync/peer"
)

// meter turns the states of a run's folders, one after the other, into how far
// the present burst of work of all of them is.
type meter struct{ burst burst }

// reading is one look at the meter.
type reading struct {
	Left    peer.Amount // still to do
	Total   peer.Amount // of the burst
	Rate    int64       // bytes a second
	ETA     *int64      // seconds
	Current string      // path
	State   string      // of the folder that is least at rest
	Peers   int         // connected
	Pair    bool        // the folders are each other's peers
	Busy    bool
	Began   bool // this reading begins a burst
	Ended   bool // this one ends it
}

// percent is how much of the burst is done, by bytes where there are any.
func (r reading) percent() int {
	done, total := r.Total.Bytes-r.Left.Bytes, r.Total.Bytes
	if total == 0 {
		done, total = r.Total.Entries-r.Left.Entries, r.Total.Entries
	}
	if total <= 0 {
		return 100
	}
	return int(min(max(done*100/total, 0), 100))
}

// read takes one look. pair says that the folders are each other's peers, so
// that what is queued for one is what the other one wants.
func (m *meter) read(folders []peer.FolderStatus, pair bool) (r reading) {
	var moved int64
	r.State, r.Pair = "idle", pair
	for _, f := range folders {
		r.Left.Entries += f.Want.Entries
		r.Left.Bytes += f.Want.Bytes
		if !pair {
			q := queued(f)
			r.Left.Entries += q.Entries
			r.Left.Bytes += q.Bytes
		}
		moved += f.Totals.Bytes
		if !pair {
			moved += f.Totals.Sent
		}
		r.Rate = max(r.Rate, f.Rate.In, f.Rate.Out)
		if f.Current != "" {
			r.Current = exact(f.Current, f.RawCurrent)
		}
		for _, p := range f.Peers {
			if p.Connected {
				r.Peers++
			}
		}
		if r.State == "idle" || f.State == "stopped" {
			r.State = f.State
		}
		if f.ETA != nil && (r.ETA == nil || *f.ETA > *r.ETA) {
			r.ETA = f.ETA
		}
	}
	r.Busy = r.Left.Entries > 0 || r.Left.Bytes > 0
	r.Began, r.Ended = r.Busy && !m.burst.begun, m.burst.begun && !r.Busy
	r.Total = m.burst.read(r.Left, moved)
	if r.ETA == nil && r.Busy && r.Rate > 0 {
		eta := (r.Left.Bytes + r.Rate - 1) / r.Rate
		r.ETA = &eta
	}
	return r
}

// queued is the longest queue for a peer that is connected.
func queued(f peer.FolderStatus) (most peer.Amount) {
	for _, p := range f.Peers {
		if p.Connected && (p.Queued.Bytes > most.Bytes || p.Queued.Bytes == most.Bytes && p.Queued.Entries > most.Entries) {
			most = p.Queued
		}
	}
	return most
}

// line is the reading as one line of at most width columns.
func (r reading) line(width int) string {
	if !r.Busy {
		return shorten(r.rest(), width)
	}
	text := fmt.Sprintf("%3d%%  %s of %s", r.percent(), size(r.Total.Bytes-r.Left.Bytes), size(r.Total.Bytes))
	if r.Total.Bytes == 0 {
		text = fmt.Sprintf("%3d%%  %d of %s", r.percent(), r.Total.Entries-r.Left.Entries, plural(r.Total.Entries, "entry", "entries"))
	}
	if r.Rate > 0 {
		text += fmt.Sprintf("  %s/s", size(r.Rate))
	}
	if r.ETA != nil {
		text += "  " + clock(time.Duration(*r.ETA)*time.Second)
	}
	if left := width - columns(text) - 2; r.Current != "" && left >= 8 {
		text += "  " + shorten(quote(r.Current), left)
	}
	return shorten(text, width)
}

// rest says how it is when nothing moves.
func (r reading) rest() string {
	switch {
	case r.State != "idle":
		return r.State
	case r.Peers == 0:
		return "waiting for a peer"
	case r.Pair:
		return "in sync"
	}
	return "in sync with " + plural(int64(r.Peers), "peer", "peers")
}

// clock is a span of time as M:SS or H:MM:SS; over 99 hours it is not worth a figure.
func clock(d time.Duration) string {
	s := int64(d / time.Second)
	switch {
	case s >= 99*3600:
		return "--:--"
	case s >= 3600:
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// span is a span of time for people, in its two largest units.
func span(d time.Duration) string {
	d = d.Round(time.Second)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm %ds", d/time.Minute, d/time.Second%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh %dm", d/time.Hour, d/time.Minute%60)
	}
	return fmt.Sprintf("%dd %dh", d/(24*time.Hour), d/time.Hour%24)
}
