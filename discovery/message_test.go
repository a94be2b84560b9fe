package discovery

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

func pack(t testing.TB, m *dns.Msg) []byte {
	t.Helper()
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func txt(name string, strings ...string) dns.RR {
	return &dns.TXT{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: 120}, Txt: strings}
}

func TestAnswer(t *testing.T) {
	f := face{"label2345678", "host23456789", sample()}
	packet, err := f.answer()
	if err != nil {
		t.Fatal(err)
	}
	if len(packet) > 512 {
		t.Errorf("%d bytes", len(packet))
	}
	h, ok := parse(packet)
	if !ok || !mentions(packet) || h.asked || h.refused != 0 || !reflect.DeepEqual(h.adverts, []advert{sample()}) {
		t.Errorf("heard %+v, %v", h, ok)
	}
	var m dns.Msg
	if err := m.Unpack(packet); err != nil {
		t.Fatal(err)
	}
	if !m.Response || !m.Authoritative || m.Id != 0 || len(m.Question) != 0 {
		t.Errorf("header %+v", m.MsgHdr)
	}
	var got []string
	for _, rr := range m.Answer {
		if rr.Header().Rrtype != dns.TypeTXT {
			got = append(got, strings.ReplaceAll(rr.String(), "\t", " "))
		}
	}
	want := []string{
		"_qsync._udp.local. 120 IN PTR label2345678._qsync._udp.local.",
		"label2345678._qsync._udp.local. 120 IN SRV 10 1 2121 host23456789.local.",
		"host23456789.local. 120 IN A 10.0.0.7",
		"host23456789.local. 120 IN AAAA 2001:db8::1",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
}

// As many folders and addresses as there may be fit one packet.
func TestLargestAnswer(t *testing.T) {
	l := link{}
	for i := range maxCandidates {
		ip := netip.MustParseAddr("2001:db8:1111:2222:3333:4444:5555:6666").As16()
		ip[15] = byte(i)
		l.at = append(l.at, netip.AddrPortFrom(netip.AddrFrom16(ip), 65535))
	}
	f := newFace(l, make([]key, maxTags))
	packet, err := f.answer()
	if err != nil || len(packet) > maxPacket {
		t.Fatalf("%d bytes, %v", len(packet), err)
	}
	if h, ok := parse(packet); !ok || len(h.adverts) != 1 || len(h.adverts[0].addrs) != maxCandidates {
		t.Errorf("heard %d adverts, %v", len(h.adverts), ok)
	}
}

func TestQuestions(t *testing.T) {
	asks := func(name string, kind uint16) []byte {
		m := new(dns.Msg)
		m.SetQuestion(name, kind)
		return pack(t, m)
	}
	packet, id, err := question()
	if err != nil {
		t.Fatal(err)
	}
	if h, ok := parse(packet); !ok || !h.asked || h.id != id || !mentions(packet) {
		t.Errorf("our own question is heard as %+v, %v", h, ok)
	}
	for _, c := range []struct {
		packet []byte
		asked  bool
	}{
		{asks("_QSYNC._udp.Local.", dns.TypePTR), true},
		{asks(browse, dns.TypeANY), true},
		{asks(browse, dns.TypeTXT), false},
		{asks("x."+browse, dns.TypePTR), false},
		{asks("_http._tcp.local.", dns.TypePTR), false},
	} {
		if h, ok := parse(c.packet); !ok || h.asked != c.asked {
			t.Errorf("%q: asked %v, %v", c.packet, h.asked, ok)
		}
	}
	if !mentions(asks("_QSYNC._UDP.local.", dns.TypePTR)) || mentions(asks("_http._tcp.local.", dns.TypePTR)) {
		t.Error("the first look is wrong")
	}
}

func TestAnswersOfOthers(t *testing.T) {
	name := "label2345678." + browse
	ours := txt(name, golden...)
	response := func(rr ...dns.RR) *dns.Msg { return &dns.Msg{MsgHdr: dns.MsgHdr{Response: true}, Answer: rr} }
	several := make([]dns.RR, maxAdverts+1)
	for i := range several {
		several[i] = ours
	}
	coded := response(ours)
	coded.Rcode = dns.RcodeNameError
	update := response(ours)
	update.Opcode = dns.OpcodeUpdate
	extra := response()
	extra.Extra = []dns.RR{ours}
	for what, c := range map[string]struct {
		msg              *dns.Msg
		adverts, refused int
		ok               bool
	}{
		"one":                {response(ours), 1, 0, true},
		"among the extras":   {extra, 1, 0, true},
		"too many":           {response(several...), maxAdverts, 1, true},
		"another service":    {response(txt("printer._ipp._tcp.local.", golden...)), 0, 0, true},
		"another's suffix":   {response(txt("x_qsync._udp.local.", golden...)), 0, 0, true},
		"junk":               {response(txt(name, "path=/"), ours), 1, 1, true},
		"bytes":              {response(txt(name, append([]string{`x=\000\255"`}, golden...)...)), 1, 0, true},
		"a code":             {coded, 0, 0, false},
		"another operation":  {update, 0, 0, false},
		"a question with it": {&dns.Msg{Question: []dns.Question{{Name: browse, Qtype: dns.TypePTR}}, Answer: []dns.RR{ours}}, 0, 0, true},
	} {
		h, ok := parse(pack(t, c.msg))
		if ok != c.ok || len(h.adverts) != c.adverts || h.refused != c.refused {
			t.Errorf("%s: %d adverts, %d refused, %v", what, len(h.adverts), h.refused, ok)
		}
	}
}

// hostile is noise, a damaged answer, or a header that promises too much.
func hostile(random *rand.Rand, answer []byte, i int) []byte {
	b := bytes.Clone(answer)
	switch i % 4 {
	case 0:
		b = make([]byte, 1+random.IntN(maxPacket))
		for j := range b {
			b[j] = byte(random.Uint32())
		}
		copy(b[len(b)/2:], "\x06_qsync\x04_udp")
	case 1:
		for range 1 + random.IntN(8) {
			b[random.IntN(len(b))] = byte(random.Uint32())
		}
	case 2:
		b = b[:random.IntN(len(b))]
	case 3:
		for j := 4; j < 12; j++ {
			b[j] = byte(random.Uint32())
		}
	}
	return b
}

// Ten thousand packets of people who mean no good cost little time and leave
// nothing behind; none of them is of a folder of ours. (F98, F99)
func TestHostileAdverts(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const rounds = 10_000
	var packets [][]byte
	for i := range rounds {
		foreign, err := newFace(link{at: sample().addrs}, []key{keyOf(9)}).answer()
		if err != nil {
			t.Fatal(err)
		}
		if i%5 > 0 {
			foreign = hostile(random, foreign, i)
		}
		packets = append(packets, foreign)
	}
	r := &run{b: New(Config{Found: func([32]byte, []netip.AddrPort) { t.Error("found") }}), keys: []key{keyOf(1), keyOf(2)}}
	s := &station{link: link{name: "eth0"}, conn: &conn{}, answer: []byte{1}}
	r.stations = map[string]*station{"": s}
	before, began := inUse(), time.Now()
	read := 0
	for _, packet := range packets {
		h, ok := parse(packet)
		if ok {
			read++
		}
		r.take(event{from: s.conn, heard: h})
	}
	took, after := time.Since(began), inUse()
	if per := took / rounds; per > time.Millisecond {
		t.Errorf("%v a packet", per)
	}
	if after > before+1<<20 {
		t.Errorf("%d bytes are kept", after-before)
	}
	if read < rounds/5 || read == rounds {
		t.Errorf("%d of %d packets could be read: the test misses its purpose", read, rounds)
	}
	t.Logf("%d packets could be read, %v each", read, took/rounds)
}

func inUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func FuzzPacket(f *testing.F) {
	answer, err := face{"label2345678", "host23456789", sample()}.answer()
	if err != nil {
		f.Fatal(err)
	}
	asked, _, err := question()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(answer)
	f.Add(asked)
	f.Fuzz(func(t *testing.T, packet []byte) {
		h, ok := parse(packet)
		if len(h.adverts) > maxAdverts || !ok && (h.asked || len(h.adverts) > 0) {
			t.Errorf("heard %+v, %v", h, ok)
		}
	})
}
