package main

import (
	"cmp"
	"fmt"
	"net"
	"strconv"
	"strings"

	"golang.org/x/term"

	"qsync/certs"
	"qsync/peer"
)

// announcement is what share and join print when they are ready.
type announcement struct {
	id     certs.SyncID // zero: not to be told
	show   bool         // in text too, with its words
	qr     bool         // and as a QR code though this is no terminal
	qrFile string       // and as a picture, "" for none
	typed  bool         // the other device finds this one only where its address is typed
}

// readyJSON is the first line of --json.
type readyJSON struct {
	Event  string   `json:"event"`
	ID     string   `json:"id,omitempty"`
	Folder string   `json:"folder"`
	Node   string   `json:"node"`
	Name   string   `json:"name"`
	Listen []string `json:"listen"`
	Mode   string   `json:"mode"`
}

// announce says that the node is up: with the ID what a person needs to bring in
// another device, else just where it is.
func (p *program) announce(st peer.Status, m *managed, a announcement) error {
	v := invitation{a.id, invitable(st.Listen)}
	if a.qrFile != "" {
		if err := writeQR(v, a.qrFile); err != nil {
			p.ui.printf("qsync: %s", explain(err)) // the folder is served all the same
		}
	}
	if p.flags.JSON {
		r := readyJSON{Event: "ready", Folder: m.entry.Dir, Node: st.Node, Name: st.Name, Listen: st.Listen, Mode: m.role()}
		if a.id != (certs.SyncID{}) {
			r.ID = a.id.Hex()
		}
		return p.printJSON(r)
	}
	if !a.show {
		if len(st.Listen) > 0 {
			p.ui.say("folder     %s (%s), listening on %s", quote(m.entry.Dir), m.role(), strings.Join(st.Listen, " "))
		}
		return nil
	}
	text, err := p.inviteText(v, m.entry.Dir, st.Listen, a)
	if err != nil {
		return err
	}
	return p.print(text)
}

// inviteText is the announcement as people read it, in 80 columns; only a
// folder's path is longer where it is. The words stay on one line where a script
// may read them.
func (p *program) inviteText(v invitation, dir string, listen []string, a announcement) (string, error) {
	var b strings.Builder
	row := func(label, text string) { fmt.Fprintf(&b, "%-9s %s\n", label, text) }
	_, isTerminal := terminalOf(p.out)
	row("sync ID", v.id.Hex())
	words := []string{v.id.Words()}
	if isTerminal {
		words = wrap(words[0], statusWidth-10)
	}
	for i, line := range words {
		row([]string{"words", ""}[min(i, 1)], line)
	}
	above := b.Len()
	if isTerminal || a.qr {
		code, err := p.qrCode(v)
		if err != nil {
			return "", err
		}
		b.WriteString(code)
	}
	row("folder", quote(dir))
	for i, addr := range listen {
		row([]string{"listening", ""}[min(i, 1)], addr)
	}
	b.WriteString("on the other device\n          qsync join - DIR        and paste the ID\n")
	row("", "(or type the words, or paste what the QR code says; the same on")
	row("", "Linux, macOS, Windows and in Termux)")
	if flag := remoteFlag(listen); a.typed && flag != "" {
		row("", "add "+flag+"  so that it finds this one")
	}
	if isTerminal && scrollsAway(b.String()[above:], p.height()) {
		row("", "(the QR code alone: qsync id qr "+quote(dir)+")")
	}
	return b.String(), nil
}

// height is how many lines the terminal on standard output has, 0 if unknown.
func (p *program) height() int {
	fd, _ := terminalOf(p.out)
	_, height, _ := term.GetSize(fd)
	return height
}

// scrollsAway reports whether text, the hint that it does and the line of
// progress after it need more lines than a window has.
func scrollsAway(text string, height int) bool {
	return height > 0 && strings.Count(text, "\n")+2 > height
}

// remoteFlag is what another device adds to its command to reach this one.
func remoteFlag(listen []string) string {
	if len(listen) == 0 {
		return ""
	}
	host, port, err := net.SplitHostPort(listen[0])
	if err != nil || port == strconv.Itoa(peer.DefaultPort) {
		return "--remote " + cmp.Or(host, listen[0])
	}
	return "--remote " + listen[0]
}
