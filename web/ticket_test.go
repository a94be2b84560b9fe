package web

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestTickets: they end after a minute, and are bounded.
func TestTickets(t *testing.T) {
	s, err := newSessions([]byte(testSecret), "")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	old := s.ticket(now.Add(-ticketTime), anybodys)
	first := s.ticket(now.Add(-time.Second), anybodys)
	if s.spend(old, now, nil) == nil {
		t.Error("one that is a minute old is good")
	}
	var last string
	for range maxTickets {
		last = s.ticket(now, anybodys)
	}
	if s.spend(first, now, nil) == nil || s.spend(last, now, nil) != nil || s.spend(last, now, nil) == nil || s.spend("", now, nil) == nil {
		t.Error("of too many, the first goes; the last is good once")
	}
	for range 2 * maxEnded {
		cookie, _, _ := s.begin(now)
		s.end(cookie, now)
	}
	if len(s.ended) > maxEnded {
		t.Errorf("%d ended sessions are remembered", len(s.ended))
	}
}

// TestOwners reads whose a connection is from tables as Linux has them.
func TestOwners(t *testing.T) {
	end := func(a string) netip.AddrPort { return bare(netip.MustParseAddrPort(a)) }
	write := func(a string) string { return tableEnd(netip.MustParseAddrPort(a)) }
	line := func(local, remote, user, inode string) string {
		return "   4: " + write(local) + " " + write(remote) + " 01 00000000:00000000 00:00000000 00000000 " + user + "        0 " + inode + " 1 0000000000000000 20 4 30 10 -1\n"
	}
	table := "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n" +
		line("127.0.0.1:7555", "127.0.0.1:40000", "1000", "71") + // our own end
		line("127.0.0.1:40000", "127.0.0.1:7555", "1001", "72") +
		line("127.0.0.1:40001", "127.0.0.1:7555", "0", "0") + // ends
		line("127.0.0.1:40000", "127.0.0.1:7556", "1002", "73") + // to another port
		line("[::1]:40000", "[::1]:7555", "1003", "74") +
		line("[::ffff:127.0.0.1]:40002", "[::ffff:127.0.0.1]:7555", "1004", "75") +
		"broken\n"
	for _, c := range []struct {
		far, near string
		want      []int
		here      bool
	}{
		{"127.0.0.1:40000", "127.0.0.1:7555", []int{1001}, true}, {"127.0.0.1:40001", "127.0.0.1:7555", []int{nobodys}, false}, {"127.0.0.1:40009", "127.0.0.1:7555", nil, false},
		{"[::1]:40000", "[::1]:7555", []int{1003}, false}, {"127.0.0.1:40002", "[::ffff:127.0.0.1]:7555", []int{1004}, false}, {"127.0.0.2:40000", "127.0.0.1:7555", nil, false},
	} {
		got, here, err := readOwners(strings.NewReader(table), end(c.far), end(c.near))
		if err != nil || !slices.Equal(got, c.want) || here != c.here {
			t.Errorf("%s to %s is of %v, %v, %v", c.far, c.near, got, here, err)
		}
	}
}

// TestOwnersByAFewLooks: what one look passes over another one sees, and who has hung up
// is nobody. A relay that has no socket here is told by our end of what it talks over.
func TestOwnersByAFewLooks(t *testing.T) {
	type looked struct {
		known  bool
		owners []int
		here   bool
	}
	for _, c := range []struct {
		name   string
		looks  []looked
		known  bool
		owners []int
	}{
		{"seen", []looked{{true, []int{7}, true}}, true, []int{7}},
		{"passed over", []looked{{true, nil, true}, {true, nil, true}, {true, []int{7}, true}}, true, []int{7}},
		{"a relay", []looked{{true, nil, true}, {true, nil, true}, {true, nil, true}}, true, nil},
		{"hangs up", []looked{{true, nil, true}, {true, nil, false}, {true, nil, false}}, true, []int{nobodys}},
		{"no table", []looked{{}, {}, {}}, false, nil},
	} {
		left := c.looks
		known, owners := owned(func() (bool, []int, bool) {
			l := left[0]
			left = left[1:]
			return l.known, l.owners, l.here
		})
		if known != c.known || !slices.Equal(owners, c.owners) {
			t.Errorf("%s: %v %v", c.name, known, owners)
		}
	}
}

// tableEnd is an address as the table has it.
func tableEnd(a netip.AddrPort) string {
	b := a.Addr().AsSlice()
	for i := 0; i < len(b); i += 4 {
		binary.BigEndian.PutUint32(b[i:], binary.NativeEndian.Uint32(b[i:]))
	}
	return fmt.Sprintf("%X:%04X", b, a.Port())
}
