package main

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"qsync/peer"
)

// statusWidth is how wide the text form is at most.
const statusWidth = 80

// Run shows what the running nodes of the home do.
func (c *statusCmd) Run(p *program) error {
	h, dir, err := p.homeAnd(c.Dir)
	if err != nil {
		return err
	}
	if err := h.knows(c.Dir, dir); err != nil {
		return err
	}
	if c.Watch {
		return p.watch(h, dir)
	}
	return p.showStatus(h, dir)
}

// knows is an error where dir, typed as name, is no folder that the home knows
// or runs. A directory that is there may become one yet: as long as nothing runs
// that is no mistake.
func (h home) knows(name, dir string) error {
	if name == "" {
		return nil
	}
	_, known, err := h.find(dir)
	if err != nil || known {
		return err
	}
	nodes := h.ask(askTime)
	if runs(nodes, dir) != 0 || len(nodes) == 0 && existingDir("DIR", dir) == nil {
		return nil
	}
	if len(longHex.FindString(name)) > 0 {
		return usagef("give a directory, not an ID; 'qsync folders' lists what this home knows")
	}
	if c, err := h.config(); err == nil {
		if _, listed := folderAt(c, dir); listed {
			return nil
		}
	}
	return usagef("this home knows no folder at %s; 'qsync folders' lists what it knows", quote(dir))
}

type statusJSON struct {
	Nodes  []peer.Status `json:"nodes"`
	Halted []halted      `json:"halted,omitempty"`
}

// halted is a folder that nothing runs, and that its brake has stopped.
type halted struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
	starts string
}

// haltedFolders are those of the home, or if dir is given that one.
func (p *program) haltedFolders(h home, dir string, nodes []peer.Status) (out []halted) {
	all, err := h.entries()
	if err != nil {
		return nil // whoever wants a folder by name is told
	}
	for _, e := range all {
		runs := slices.ContainsFunc(nodes, func(n peer.Status) bool {
			return slices.ContainsFunc(n.Folders, func(f peer.FolderStatus) bool { return sameDir(f.Path, e.Dir) })
		})
		if runs || dir != "" && !sameDir(e.Dir, dir) {
			continue
		}
		if why := peer.HeldIn(h.state(e.tag), e.Dir); why != "" {
			out = append(out, halted{e.Dir, why, p.starts(place{h, e})})
		}
	}
	return out
}

// statuses asks the running nodes of the home, about one folder if dir names one.
func (p *program) statuses(h home, dir string) []peer.Status {
	nodes := []peer.Status{}
	for _, n := range h.ask(askTime) {
		st := n.Status
		if dir != "" {
			st.Folders = slices.DeleteFunc(st.Folders, func(f peer.FolderStatus) bool { return !sameDir(f.Path, dir) })
			if len(st.Folders) == 0 {
				continue
			}
		}
		for _, f := range st.Folders {
			sortPeers(f.Peers)
		}
		nodes = append(nodes, st)
	}
	return nodes
}

func (p *program) showStatus(h home, dir string) error {
	nodes := p.statuses(h, dir)
	stops := p.haltedFolders(h, dir, nodes)
	if p.flags.JSON {
		return p.printJSON(statusJSON{nodes, stops})
	}
	var b strings.Builder
	for _, n := range nodes {
		b.WriteString(nodeText(n, p.now()))
	}
	if len(nodes) == 0 {
		b.WriteString(strings.Join(wrap(h.noNode(dir), statusWidth), "\n") + "\n")
	}
	for _, x := range stops {
		t := &page{}
		t.name(0, "folder", x.Path, "")
		t.row(2, "stopped", "nothing runs it now; when that is decided, "+x.starts)
		t.row(2, "reason", x.Reason)
		b.WriteString(t.String())
	}
	return p.print(b.String())
}

// noNode says that nobody answers, and what to do.
func (h home) noNode(dir string) string {
	what := "no qsync is running on this home"
	if dir != "" {
		what = "no running qsync of this home has this folder"
		if c, err := h.config(); err == nil {
			if f, listed := folderAt(c, dir); listed {
				return what + fmt.Sprintf(": 'qsync share %s' runs it, 'qsync serve' all that config.yaml names", quote(f.Path))
			}
		}
	}
	return what + ": start one with 'qsync share DIR' or 'qsync join - DIR', or name its home with --home"
}

// page is text of at most statusWidth columns.
type page struct{ strings.Builder }

// row prints a label and what belongs to it, cleaned and wrapped below itself.
func (t *page) row(indent int, label, text string) {
	room := statusWidth - indent - 10
	for i, line := range wrap(clean(text), room) {
		if i > 0 {
			label = ""
		}
		fmt.Fprintf(t, "%*s%-9s %s\n", indent, "", label, line)
	}
}

// name prints a label and a name, which is shortened and never wrapped.
func (t *page) name(indent int, label, name, rest string) {
	room := statusWidth - indent - 10 - columns(rest)
	fmt.Fprintf(t, "%*s%-9s %s%s\n", indent, "", label, shorten(quote(name), max(room, 20)), rest)
}

func nodeText(n peer.Status, now time.Time) string {
	t := &page{}
	t.name(0, "node", n.Name, fmt.Sprintf("  (process %d, up %s)", n.PID, span(time.Duration(n.Uptime)*time.Second)))
	if len(n.Listen) > 0 {
		t.row(0, "listening", strings.Join(n.Listen, " "))
	}
	if n.Web != "" {
		t.row(0, "page", n.Web)
	}
	for line := range strings.Lines(n.Config) {
		t.row(0, "config", "not in force: "+strings.TrimSuffix(line, "\n"))
	}
	for _, f := range n.Folders {
		folderText(t, f, now)
	}
	if len(n.Folders) == 0 {
		t.row(0, "folders", "none")
	}
	return t.String()
}

// maxListed is how many problems or conflicts of a folder are shown; --json has all.
const maxListed = 10

func folderText(t *page, f peer.FolderStatus, now time.Time) {
	t.name(0, "folder", f.Path, "")
	t.row(2, f.State, stateText(f))
	if f.Reason != "" {
		t.row(2, "reason", f.Reason)
	}
	if f.Note != "" {
		t.row(2, "note", f.Note)
	}
	if !f.NextScan.IsZero() {
		t.row(2, "next run", fmt.Sprintf("%s, in %s", f.NextScan.Local().Format("2006-01-02 15:04:05"), span(max(f.NextScan.Sub(now), 0))))
	}
	t.row(2, "holds", strings.Join([]string{plural(f.Entries.Files, "file", "files"), plural(f.Entries.Dirs, "directory", "directories"),
		plural(f.Entries.Symlinks, "symlink", "symlinks"), size(f.Entries.Bytes)}, ", "))
	if f.Want != (peer.Amount{}) {
		text := amount(f.Want) + " still to come"
		if f.ETA != nil {
			text += ", about " + span(time.Duration(*f.ETA)*time.Second)
		}
		if !anyConnected(f) {
			text += "; no peer is connected that could have it"
		}
		t.row(2, "wants", text)
	}
	if text := apartText(f); text != "" {
		t.row(2, "differs", text)
	}
	for i, p := range f.Peers {
		t.name(2, "peer", p.Name, namesake(f.Peers, i))
		t.row(4, "", peerText(p, now))
	}
	if len(f.Peers) == 0 {
		t.row(2, "peers", "none yet: 'qsync join - DIR' on the other device; where that does not find this one add --remote and its address")
	}
	if l := f.Last; l != nil {
		t.row(2, "last run", fmt.Sprintf("ended %s ago: %s", span(max(now.Sub(l.Ended), 0)), totalsText(l.Totals)))
	}
	for i, q := range f.Problems {
		if i == maxListed {
			t.row(2, "", fmt.Sprintf("… and %d more: 'qsync status --json'", len(f.Problems)-i))
			break
		}
		t.name(2, "problem", q.Path, "")
		t.row(4, "", q.Problem+remedy(q.Problem))
	}
	for i, c := range f.Conflicts {
		if i == maxListed {
			t.row(2, "", fmt.Sprintf("… and %d more: 'qsync status --json'", len(f.Conflicts)-i))
			break
		}
		t.name(2, "conflict", c, "")
	}
	if len(f.Conflicts) > 0 {
		t.row(4, "", "'qsync conflicts "+quote(f.Path)+"' shows both sides and how to end it")
	}
}

func stateText(f peer.FolderStatus) string {
	text := modeOf(f)
	connected, synced := 0, 0
	for _, p := range f.Peers {
		if p.Connected {
			connected++
		}
		if p.InSync {
			synced++
		}
	}
	if len(f.Peers) > 0 {
		text += fmt.Sprintf(", %d of %s connected, %d in sync", connected, plural(int64(len(f.Peers)), "peer", "peers"), synced)
	}
	if f.Rate.In > 0 || f.Rate.Out > 0 {
		text += fmt.Sprintf(", %s/s in, %s/s out", size(f.Rate.In), size(f.Rate.Out))
	}
	return text
}

// modeOf is a folder's mode for people.
func modeOf(f peer.FolderStatus) string {
	if f.Mirror {
		return f.Mode + " (mirror)"
	}
	return f.Mode
}

// apartText says what the two sides of a one-way folder have of their own, and how
// they become alike, "" where nothing is.
func apartText(f peer.FolderStatus) string {
	var parts []string
	for _, x := range []struct {
		n    int64
		what string
	}{{f.Own.Added, "added"}, {f.Own.Modified, "modified"}, {f.Own.Deleted, "deleted"}} {
		if x.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", x.n, x.what))
		}
	}
	switch {
	case len(parts) > 0:
		return fmt.Sprintf("%s here, and known here alone: 'qsync revert -n %[2]s' lists it, 'qsync revert %[2]s' makes the folder like the source", strings.Join(parts, ", "), quote(f.Path))
	case f.Differing > 0:
		return fmt.Sprintf("peers have made %s other than here: 'qsync override -n %[2]s' lists it, 'qsync override %[2]s' puts what is here above that", plural(f.Differing, "entry", "entries"), quote(f.Path))
	}
	return ""
}

func anyConnected(f peer.FolderStatus) bool {
	for _, p := range f.Peers {
		if p.Connected {
			return true
		}
	}
	return false
}

// sortPeers puts those that are connected first, by name, and then those that
// are away, the latest first.
func sortPeers(peers []peer.PeerStatus) {
	slices.SortStableFunc(peers, func(a, b peer.PeerStatus) int {
		switch {
		case a.Connected != b.Connected && a.Connected:
			return -1
		case a.Connected != b.Connected:
			return 1
		case a.Connected:
			return strings.Compare(a.Name, b.Name)
		}
		return b.LastSeen.Compare(a.LastSeen)
	})
}

// namesake is what tells peer i from others of its name: the beginning of its node ID.
func namesake(peers []peer.PeerStatus, i int) string {
	for j, p := range peers {
		if j != i && p.Name == peers[i].Name {
			return fmt.Sprintf(" (%.6s)", clean(peers[i].Node))
		}
	}
	return ""
}

// peerText says how a peer is, and when it is not in sync why.
func peerText(p peer.PeerStatus, now time.Time) string {
	text := "connected"
	if p.Address != "" {
		text += " at " + p.Address
	}
	if t := p.Transport; t != nil && t.Link == "tcp" {
		text += " over TCP"
	} else if t != nil && t.Lanes > 0 && t.Content == "tcp" {
		text += ", large content over TCP"
	}
	if !p.Connected {
		text = "away"
		if !p.LastSeen.IsZero() {
			text += fmt.Sprintf(" for %s", span(now.Sub(p.LastSeen)))
		}
	}
	switch {
	case p.Reason != "":
		text += "; " + p.Reason
	case p.InSync:
		text += ", in sync"
	case p.Queued == (peer.Amount{}):
		text += ", nothing queued for it"
	case p.Connected:
		text += fmt.Sprintf(", %s on the way to it", amount(p.Queued))
	default:
		text += fmt.Sprintf(", %s queued; they go when it is back (is qsync running there, and %s open?)", amount(p.Queued), udpPortOf(p.Address))
	}
	return text
}

// udpPortOf names the UDP port of a peer's address, as far as that is known.
func udpPortOf(address string) string {
	_, port, err := net.SplitHostPort(address)
	if n, perr := strconv.ParseUint(port, 10, 16); err == nil && perr == nil { // else it is no number, and may be anything
		return fmt.Sprint("UDP port ", n)
	}
	return "its UDP port"
}

func amount(a peer.Amount) string {
	text := plural(a.Entries, "entry", "entries")
	if a.Bytes > 0 {
		text += " (" + size(a.Bytes) + ")"
	}
	return text
}

// remedy is what to do about a problem that has a usual cause.
func remedy(problem string) string {
	problem = strings.ToLower(problem)
	switch {
	case strings.Contains(problem, "permission denied") || strings.Contains(problem, "not permitted"):
		return "; give qsync's user the right to it, or exclude it"
	case strings.Contains(problem, "no space") || strings.Contains(problem, "enough space") || strings.Contains(problem, "quota"):
		return "; make room, it then goes on by itself"
	case strings.Contains(problem, "read-only"):
		return "; make the disk writable again"
	}
	return ""
}
