package integration

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"log"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/mdns"
	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/sys/unix"
)

// inside runs f on a thread that is in the machine's network namespace. What
// f opens stays there.
func (m *machine) inside(f func() error) {
	m.t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		ns, err := os.Open(filepath.Join("/run/netns", m.ns()))
		if err == nil {
			err = unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET)
			_ = ns.Close()
		}
		if err == nil {
			err = f()
		}
		done <- err
	}()
	must(m.t, <-done)
}

// tap is what went over a LAN.
type tap struct {
	mu     sync.Mutex
	frames [][]byte
}

// listen copies every frame of the LAN.
func (l *lan) listen() *tap {
	l.t.Helper()
	c := &tap{}
	var f *os.File
	l.m.inside(func() error {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0x0300) // ETH_P_ALL, in network order
		f = os.NewFile(uintptr(fd), "tap")
		return err
	})
	l.t.Cleanup(func() { _ = f.Close() })
	go func() {
		for buf := make([]byte, 1<<16); ; {
			n, err := f.Read(buf)
			if err != nil {
				return
			}
			c.mu.Lock()
			c.frames = append(c.frames, bytes.Clone(buf[:n]))
			c.mu.Unlock()
		}
	}()
	return c
}

// take returns what there is since the last call.
func (c *tap) take() (frames [][]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	frames, c.frames = c.frames, nil
	return frames
}

// payload is the content of an mDNS packet, nil of anything else.
func payload(frame []byte) []byte {
	const ethernet, udp = 14, 8
	if len(frame) < ethernet+40+udp {
		return nil
	}
	head := 0
	switch b := frame[ethernet:]; {
	case frame[12] == 0x08 && frame[13] == 0x00 && b[9] == syscall.IPPROTO_UDP:
		head = ethernet + 4*int(b[0]&15)
	case frame[12] == 0x86 && frame[13] == 0xdd && b[6] == syscall.IPPROTO_UDP:
		head = ethernet + 40
	default:
		return nil
	}
	if port := int(frame[head+2])<<8 | int(frame[head+3]); port != 5353 {
		return nil
	}
	return frame[head+udp:]
}

// randomLabel is what names of ours look like.
var randomLabel = regexp.MustCompile(`^[a-z2-7]{12}$`)

// words are what an answer of ours consists of: label, host name, nonce, tags.
// There may be nothing else in it but addresses.
func words(t *testing.T, packet []byte) (all []string) {
	t.Helper()
	var m dnsmessage.Message
	must(t, m.Unpack(packet))
	name := func(n dnsmessage.Name, under string) {
		label, ok := strings.CutSuffix(n.String(), under)
		if !ok || !randomLabel.MatchString(label) {
			t.Fatalf("the name %s", n)
		}
		all = append(all, label)
	}
	for _, rr := range m.Answers {
		switch body := rr.Body.(type) {
		case *dnsmessage.PTRResource:
			name(body.PTR, "._qsync._udp.local.")
		case *dnsmessage.SRVResource:
			name(body.Target, ".local.")
		case *dnsmessage.TXTResource:
			for _, s := range body.TXT {
				all = append(all, stringWords(t, s)...)
			}
		case *dnsmessage.AResource, *dnsmessage.AAAAResource:
			name(rr.Header.Name, ".local.")
			all = all[:len(all)-1] // again the host
		default:
			t.Fatalf("a record of type %v", rr.Header.Type)
		}
	}
	return all
}

func stringWords(t *testing.T, s string) (all []string) {
	t.Helper()
	k, v, _ := strings.Cut(s, "=")
	switch k {
	case "v", "a":
	case "n":
		all = append(all, v)
	case "t":
		for ; len(v) >= 16; v = v[16:] { // 12 bytes each
			all = append(all, v[:16])
		}
	default:
		t.Fatalf("the string %q", s)
	}
	return all
}

// Nobody who listens learns the ID, the key, the name of the machine or of the
// folder; and nothing but the addresses is the same after a restart, or in both
// families. (F107)
func TestNearTellsNothing(t *testing.T) {
	t.Parallel()
	l, a, b := newLAN(t), host(t, "a"), host(t, "b")
	l.plug(a, "net", "10.77.0.1/24", "2001:db8::1/64")
	l.plug(b, "net", "10.77.0.2/24", "2001:db8::2/64")
	wire := l.listen()
	name, err := os.Hostname()
	must(t, err)
	secrets := []string{string(rune(len(name))) + name + "\x05local", "." + name + ".", "=" + name + "\x00"}
	for _, n := range []byte{1, 2} {
		key, id := discoveryKey(n), folderID(n)
		for _, raw := range [][]byte{key[:], id[:]} {
			secrets = append(secrets, string(raw[:8]), hex.EncodeToString(raw)[:16], strings.ToUpper(hex.EncodeToString(raw))[:16],
				base64.StdEncoding.EncodeToString(raw)[:20], base64.URLEncoding.EncodeToString(raw)[:20])
		}
	}
	of := map[string]string{} // a word's answer
	runs := map[string]int{}  // an answer's run
	for run := range 3 {
		na, nb := a.beacon("[::]:2121", 1, 2), b.beacon("[::]:2121", 1)
		na.finds(1, "10.77.0.2:2121", na.started)
		nb.finds(1, "10.77.0.1:2121", nb.started)
		time.Sleep(time.Second)
		na.end()
		nb.end()
		answers := 0
		for _, frame := range wire.take() {
			for _, s := range secrets {
				if bytes.Contains(lower(frame), lower([]byte(s))) {
					t.Fatalf("on the wire: %q", s)
				}
			}
			packet := payload(frame)
			if packet == nil {
				continue
			}
			all := words(t, packet)
			if len(all) == 0 {
				continue // a question
			}
			answers++
			if len(all) != 7 {
				t.Fatalf("an answer has the words %q, want a label, a host, a nonce and four tags", all)
			}
			whole := strings.Join(all, " ")
			if first, ok := runs[whole]; ok && first != run {
				t.Fatalf("an answer comes again after a restart")
			}
			runs[whole] = run
			for _, word := range all {
				if other, ok := of[word]; ok && other != whole {
					t.Fatalf("%q is in two different answers", word)
				}
				of[word] = whole
			}
		}
		if answers < 8 || len(runs) != 4*(run+1) {
			t.Fatalf("%d answers, %d different ones in %d runs: two machines with two families have four a run", answers, len(runs), run+1)
		}
	}
}

// A flood of adverts that are foreign, malformed or repeated makes nobody dial
// anything, costs little, and two nodes find each other in it. (F98, F99)
func TestNearInAFlood(t *testing.T) {
	t.Parallel()
	l, a, b, c := newLAN(t), host(t, "a"), host(t, "b"), host(t, "c")
	l.plug(a, "net", "10.77.0.1/24")
	l.plug(b, "net", "10.77.0.2/24")
	l.plug(c, "net", "10.77.0.3/24")
	wire := l.listen()
	stranger := c.beacon("[::]:6666", 9)
	na := a.beacon("[::]:2121", 1)
	time.Sleep(1500 * time.Millisecond)
	stranger.end()
	var seen [][]byte // of a stranger, and of a itself
	for _, frame := range wire.take() {
		if packet := payload(frame); packet != nil {
			seen = append(seen, bytes.Clone(packet))
		}
	}
	var out net.PacketConn
	c.inside(func() (err error) {
		ip(t, "-n", c.ns(), "route", "add", "224.0.0.0/4", "dev", "net")
		out, err = net.ListenPacket("udp4", "10.77.0.3:0")
		return err
	})
	defer out.Close()
	random := rand.New(rand.NewPCG(1, 2))
	stop := time.Now().Add(4 * time.Second)
	var nb *beacon
	sent := 0
	for ; sent < 10_000 || time.Now().Before(stop); sent++ {
		packet := bytes.Clone(seen[random.IntN(len(seen))])
		for range sent % 4 { // every fourth is as it was
			packet[random.IntN(len(packet))] = byte(random.Uint32())
		}
		if sent%10 == 0 {
			packet = append(packet, make([]byte, 8900)...)
		}
		_, _ = out.WriteTo(packet, &net.UDPAddr{IP: net.IPv4(224, 0, 0, 251), Port: 5353})
		if sent == 5000 {
			nb = b.beacon("[::]:2121", 1)
		}
		if sent%10 == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	na.finds(1, "10.77.0.2:2121", nb.started)
	took := nb.finds(1, "10.77.0.1:2121", nb.started)
	memory := na.peak()
	na.end()
	nb.end()
	na.wants(t, "10.77.0.2:2121", "["+b.linkLocal("net")+"%net]:2121")
	nb.wants(t, "10.77.0.1:2121", "["+a.linkLocal("net")+"%net]:2121")
	lived := time.Since(na.started)
	t.Logf("%d packets; found after %v; busy for %v of %v, %d KiB", sent, took, na.busy(), lived, memory)
	if na.busy() > lived/10 {
		t.Errorf("a was busy for %v of %v", na.busy(), lived)
	}
	if memory > 64<<10 {
		t.Errorf("a took %d KiB of memory", memory)
	}
}

var peakLine = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// peak is the most memory that it had so far, in KiB. What the kernel tells at
// the end would count the process that started it.
func (b *beacon) peak() (n int) {
	b.m.t.Helper()
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(b.cmd.Process.Pid), "status"))
	must(b.m.t, err)
	m := peakLine.FindSubmatch(text)
	if m == nil {
		b.m.t.Fatal("no VmHWM")
	}
	n, err = strconv.Atoi(string(m[1]))
	must(b.m.t, err)
	return n
}

// A browser of other people sees the announcement, and no name in it.
func TestNearSeenByOthers(t *testing.T) {
	t.Parallel()
	l, a, b := newLAN(t), host(t, "a"), host(t, "b")
	l.plug(a, "net", "10.77.0.1/24")
	l.plug(b, "net", "10.77.0.2/24")
	ip(t, "-n", b.ns(), "route", "add", "default", "via", "10.77.0.254") // the library needs one
	a.beacon("[::]:2121", 1)
	time.Sleep(1500 * time.Millisecond)
	entries := make(chan *mdns.ServiceEntry, 16)
	b.inside(func() error {
		return mdns.QueryContext(context.Background(), &mdns.QueryParam{Service: "_qsync._udp", Domain: "local", Timeout: 2 * time.Second,
			Entries: entries, DisableIPv6: true, Logger: log.New(testWriter{t}, "", 0)})
	})
	select {
	case e := <-entries:
		if !strings.HasSuffix(e.Name, "._qsync._udp.local.") || len(e.Name) != 12+len("._qsync._udp.local.") ||
			e.Port != 2121 || e.AddrV4.String() != "10.77.0.1" || len(e.InfoFields) != 4 || e.InfoFields[0] != "v=1" {
			t.Errorf("it sees %+v", e)
		}
	default:
		t.Error("it sees nothing")
	}
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(b []byte) (int, error) {
	w.t.Logf("%s", b)
	return len(b), nil
}

// lower makes ASCII capitals small. [bytes.ToLower] would make one and the same
// character of all bytes that are no UTF-8, and find what is not there.
func lower(b []byte) []byte {
	out := bytes.Clone(b)
	for i, c := range out {
		if 'A' <= c && c <= 'Z' {
			out[i] = c + 'a' - 'A'
		}
	}
	return out
}
