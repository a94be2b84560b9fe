package main

import (
	"fmt"

	"qsync/peer"
)

// levelOf sorts the states of a folder, of which word is the headline, by what
// they mean for a person.
func levelOf(f peer.FolderStatus, word string) string {
	switch word {
	case "stopped":
		return "bad"
	case "paused":
		return "paused"
	}
	switch {
	case len(f.Problems) > 0:
		return "bad"
	case word == "in sync":
		return "good"
	case word == "waiting" || word == "no peer":
		return "waiting"
	}
	return "busy"
}

// sentenceOf says how a folder is, and what a person can do about it, in one
// sentence. No time is in it that goes by.
func sentenceOf(f peer.FolderStatus, word string) string {
	text := stateSentence(f, word)
	if n := int64(len(f.Problems)); n > 0 && word != "stopped" {
		text += fmt.Sprintf("; %s cannot be synced%s", plural(n, "path", "paths"), remedy(f.Problems[0].Problem))
	}
	return clean(text)
}

func stateSentence(f peer.FolderStatus, word string) string {
	switch word {
	case "stopped", "paused":
		if f.Reason != "" {
			return f.Reason
		}
		return word
	case "scanning":
		return "looking at the files on the disk"
	case "waiting":
		text := amount(f.Want) + " still to come"
		if f.Reason != "" {
			text += ": " + f.Reason
		}
		return text
	case "no peer":
		switch {
		case f.Reason != "":
			return f.Reason
		case len(f.Peers) == 0:
			return "no peer yet: 'qsync join - DIR' on the other device; where that does not find this one add --remote and its address"
		}
		return "no peer is connected; start qsync on the other device"
	case "sending":
		return sendingText(f)
	case "in sync":
		return "in sync with " + plural(int64(connectedOf(f)), "peer", "peers")
	}
	if f.Want == (peer.Amount{}) {
		return "applying what has changed"
	}
	return amount(f.Want) + " to come"
}

// sendingText says what goes to whom.
func sendingText(f peer.FolderStatus) string {
	var queued peer.Amount
	to, n := "", 0
	for _, p := range f.Peers {
		if !p.Connected || p.InSync {
			continue
		}
		n++
		to = quote(p.Name)
		queued.Entries, queued.Bytes = max(queued.Entries, p.Queued.Entries), max(queued.Bytes, p.Queued.Bytes)
	}
	if n != 1 {
		to = plural(int64(n), "peer", "peers")
	}
	if queued == (peer.Amount{}) {
		return "comparing with " + to
	}
	return amount(queued) + " on the way to " + to
}

func connectedOf(f peer.FolderStatus) (n int) {
	for _, p := range f.Peers {
		if p.Connected {
			n++
		}
	}
	return n
}
