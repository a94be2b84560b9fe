package main

import (
	"fmt"
	"strings"

	"qsync/peer"
)

// peers is a line a peer; of those that are in sync, where room is short, one.
func (v view) peers(f peer.FolderStatus, d detail) (lines []line) {
	if len(f.Peers) == 0 {
		return v.wrapped("peers", held, "none yet: 'qsync join - DIR' on the other device")
	}
	width := 8
	var synced []string
	for i, p := range f.Peers {
		name := quote(p.Name) + namesake(f.Peers, i)
		width = min(max(width, columns(name)), v.width/4)
		if p.InSync {
			synced = append(synced, name)
		}
	}
	if d == shorter && len(synced) > 1 {
		text := fmt.Sprintf("%d in sync: %s", len(synced), strings.Join(synced, ", "))
		lines = append(lines, labelled("peers", fine, shorten(text, v.width-10)))
	}
	for i, p := range f.Peers {
		if d == shorter && len(synced) > 1 && p.InSync {
			continue
		}
		which := namesake(f.Peers, i)
		name := shorten(shorten(quote(p.Name), max(width-columns(which), width/2))+which, width)
		text, l := v.peer(p)
		text = name + strings.Repeat(" ", width-columns(name)+2) + clean(text)
		if where := clean(p.Address); p.Connected && where != "" && columns(text)+columns(where)+12 <= v.width {
			text += "  " + where
		}
		lines = append(lines, labelled("peer", l, shorten(text, v.width-10)))
		if p.Reason != "" {
			lines = append(lines, v.wrapped("", plainly, p.Reason)...)
		} else if !p.Connected && p.Queued != (peer.Amount{}) && d == everything {
			lines = append(lines, labelled("", plainly, "is qsync running there, and "+udpPortOf(p.Address)+" open?"))
		}
	}
	return lines
}

// peer says in few words how a peer is.
func (v view) peer(p peer.PeerStatus) (string, look) {
	queued := ""
	if p.Queued != (peer.Amount{}) {
		queued = ", " + amount(p.Queued)
	}
	switch {
	case p.Reason != "":
		return "left out", wrong
	case p.InSync:
		return "in sync", fine
	case p.Connected && queued != "":
		return strings.TrimPrefix(queued, ", ") + " on the way to it", moving
	case p.Connected:
		return "connected, comparing", moving
	}
	text := "away"
	if !p.LastSeen.IsZero() {
		text += " for " + span(v.now.Sub(p.LastSeen))
	}
	if queued != "" {
		queued += " queued"
	}
	return text + queued, held
}

// stuck lists problems and conflicts with what a person can do about them.
func (v view) stuck(f peer.FolderStatus, d detail) (lines []line) {
	most := 8
	if d == shorter {
		most = 2
	}
	for i, q := range f.Problems {
		if i == most {
			lines = append(lines, labelled("", plainly, fmt.Sprintf("… and %d more: 'qsync status'", len(f.Problems)-i)))
			break
		}
		why := ": " + clean(q.Problem+remedy(q.Problem))
		if room := v.width - 10 - columns(why); room >= 20 {
			lines = append(lines, labelled("stuck", wrong, shorten(quote(q.Path), room)+why))
			continue
		}
		lines = append(lines, labelled("stuck", wrong, shorten(quote(q.Path), v.width-10)))
		lines = append(lines, v.wrapped("", plainly, strings.TrimPrefix(why, ": "))...)
	}
	for i, c := range f.Conflicts {
		if i == most {
			lines = append(lines, labelled("", plainly, fmt.Sprintf("… and %d more: 'qsync status'", len(f.Conflicts)-i)))
			break
		}
		lines = append(lines, labelled("conflict", held, shorten(quote(c), v.width-10)))
	}
	if len(f.Conflicts) > 0 {
		lines = append(lines, v.wrapped("", plainly, "keep what you want of each and of the file of the plain name, delete the rest")...)
	}
	return lines
}
