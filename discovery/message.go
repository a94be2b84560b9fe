package discovery

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"net"
	"strings"

	"github.com/hashicorp/mdns"
	"github.com/miekg/dns"
)

const (
	service = "_qsync._udp"
	domain  = "local."
	browse  = service + "." + domain // what is asked for

	maxPacket    = 9000 // RFC 6762, section 17
	maxRecords   = 256  // of one packet
	maxQuestions = 32
	maxAdverts   = 16 // of one packet
)

// face is what a node calls itself on one socket until it takes another: names
// that say nothing, and an advert.
type face struct {
	label, host string
	advert      advert
}

func newFace(l link, keys []key) face {
	return face{randomName(), randomName(), seal(l.at, keys)}
}

// randomName is 12 base32 characters, 60 random bits.
func randomName() string { return strings.ToLower(rand.Text()[:12]) }

// question asks everybody on the link for adverts. Its random number is how
// the asker knows it again: it hears itself.
func question() (packet []byte, id uint16, err error) {
	m := new(dns.Msg)
	m.SetQuestion(browse, dns.TypePTR)
	m.RecursionDesired = false // RFC 6762, section 18.6
	packet, err = m.Pack()
	return packet, m.Id, err
}

// answer is the face as a response: PTR, SRV, TXT, and one address a family, for
// browsers that want one. The names in it are the random ones.
func (f face) answer() ([]byte, error) {
	zone, err := mdns.NewMDNSService(f.label, service, domain, f.host+"."+domain,
		int(f.advert.addrs[0].Port()), f.addresses(), f.advert.strings())
	if err != nil {
		return nil, fmt.Errorf("making records: %w", err)
	}
	return (&dns.Msg{
		MsgHdr:   dns.MsgHdr{Response: true, Authoritative: true},
		Compress: true,
		Answer:   zone.Records(dns.Question{Name: browse, Qtype: dns.TypePTR, Qclass: dns.ClassINET}),
	}).Pack()
}

// addresses are the first of each family. There is always one, so that the
// library never resolves the name of the machine.
func (f face) addresses() (ips []net.IP) {
	var seen [2]bool
	for _, a := range f.advert.addrs {
		i := 0
		if a.Addr().Is6() {
			i = 1
		}
		if !seen[i] {
			ips = append(ips, a.Addr().AsSlice())
		}
		seen[i] = true
	}
	return ips
}

// heard is what a packet said that concerns us.
type heard struct {
	asked   bool // somebody wants our advert
	id      uint16
	adverts []advert
	refused int // records under the service's name that are no adverts
}

// mentions is the cheap look that spares the parser everybody else's packets:
// a name may be cut short by pointers, but its labels stand somewhere once.
func mentions(packet []byte) bool {
	return len(packet) <= maxPacket && bytes.Contains(bytes.ToLower(packet), []byte("\x06_qsync\x04_udp"))
}

// parse reads a packet. False means malformed.
func parse(packet []byte) (h heard, ok bool) {
	if !modest(packet) {
		return h, false
	}
	m := new(dns.Msg)
	if err := m.Unpack(packet); err != nil || m.Opcode != dns.OpcodeQuery || m.Rcode != dns.RcodeSuccess {
		return h, false // RFC 6762, sections 18.3 and 18.11
	}
	h.id = m.Id
	if !m.Response {
		for _, q := range m.Question {
			ours := strings.EqualFold(q.Name, browse) && (q.Qtype == dns.TypePTR || q.Qtype == dns.TypeANY)
			h.asked = h.asked || ours
		}
		return h, true
	}
	for _, rr := range append(m.Answer, m.Extra...) {
		txt, isTXT := rr.(*dns.TXT)
		if !isTXT || !underService(txt.Hdr.Name) {
			continue
		}
		a, err := parseAdvert(txt.Txt)
		if err != nil || len(h.adverts) == maxAdverts {
			h.refused++
			continue
		}
		h.adverts = append(h.adverts, a)
	}
	return h, true
}

// modest looks at the counts of a header (RFC 1035, section 4.1.1) before
// anything is allocated for what they promise.
func modest(packet []byte) bool {
	if len(packet) < 12 {
		return false
	}
	count := func(at int) int { return int(packet[at])<<8 | int(packet[at+1]) }
	return count(4) <= maxQuestions && count(6)+count(8)+count(10) <= maxRecords
}

func underService(name string) bool {
	const suffix = "." + browse
	return len(name) > len(suffix) && strings.EqualFold(name[len(name)-len(suffix):], suffix)
}
