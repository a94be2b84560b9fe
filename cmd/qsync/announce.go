package main

import (
	"cmp"
	"fmt"
	"net"
	"strconv"
	"strings"

	"qsync/certs"
	"qsync/peer"
)

// announcement is what share and join print when they are ready.
type announcement struct {
	id   certs.SyncID // zero: not to be told
	show bool         // in text too, with its words
	qr   bool         // and as a QR code though this is no terminal
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
func (s *session) announce(m *managed, a announcement) error {
	st := s.status()
	if s.p.flags.JSON {
		r := readyJSON{Event: "ready", Folder: m.entry.Dir, Node: st.Node, Name: st.Name, Listen: st.Listen, Mode: m.entry.Mode}
		if a.id != (certs.SyncID{}) {
			r.ID = a.id.Hex()
		}
		return s.p.printJSON(r)
	}
	if !a.show {
		if len(st.Listen) > 0 {
			s.p.ui.say("folder     %s (%s), listening on %s", quote(m.entry.Dir), m.entry.Mode, strings.Join(st.Listen, " "))
		}
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "sync ID   %s\n", a.id.Hex())
	fmt.Fprintf(&b, "words     %s\n", a.id.Words())
	if _, isTerminal := terminalOf(s.p.out); isTerminal || a.qr {
		code, err := s.p.qrCode(a.id)
		if err != nil {
			return err
		}
		b.WriteString(code)
	}
	fmt.Fprintf(&b, "folder    %s\n", quote(m.entry.Dir))
	for i, addr := range st.Listen {
		fmt.Fprintf(&b, "%-9s %s\n", []string{"listening", ""}[min(i, 1)], addr)
	}
	// Peers do not find each other by themselves: the address goes along.
	b.WriteString("on the other device\n          qsync join - DIR        and paste the ID\n")
	if flag := remoteFlag(st.Listen); flag != "" {
		fmt.Fprintf(&b, "          add %s  so that it finds this one\n", flag)
	}
	return s.p.print(b.String())
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
