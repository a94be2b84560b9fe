package certs

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func mustSelf(t testing.TB, name string) Self {
	t.Helper()
	d, err := NewDevice()
	if err != nil {
		t.Fatal(err)
	}
	return Self{Device: d, Ident: Ident{Epoch: uint64(len(name)), Caps: 5, Name: name}}
}

func ekm(n byte) (e [32]byte) { return [32]byte(bytes.Repeat([]byte{n}, 32)) }

// tap records what is written to a stream.
type tap struct {
	io.ReadWriteCloser
	mu  sync.Mutex
	out []byte
}

func (w *tap) Write(b []byte) (int, error) {
	w.mu.Lock()
	w.out = append(w.out, b...)
	w.mu.Unlock()
	return w.ReadWriteCloser.Write(b)
}

// outcome is how one side's handshake ended, and when.
type outcome struct {
	peer Ident
	keys Keys
	err  error
	sent []byte
	at   time.Time
}

// meet runs both sides over a pipe. Each closes the stream when it fails.
func meet(t *testing.T, dial, listen func(io.ReadWriteCloser) (Ident, Keys, error)) (d, l outcome) {
	t.Helper()
	a, b := net.Pipe()
	run := func(o *outcome, c net.Conn, f func(io.ReadWriteCloser) (Ident, Keys, error)) {
		w := &tap{ReadWriteCloser: c}
		o.peer, o.keys, o.err = f(w)
		o.at = time.Now()
		if o.err != nil {
			c.Close()
		}
		o.sent = w.out
	}
	var wg sync.WaitGroup
	wg.Go(func() { run(&d, a, dial) })
	wg.Go(func() { run(&l, b, listen) })
	wg.Wait()
	a.Close()
	b.Close()
	return d, l
}

func prover(e [32]byte, self Self, keys Keys) func(io.ReadWriteCloser) (Ident, Keys, error) {
	return func(s io.ReadWriteCloser) (Ident, Keys, error) {
		p, err := Prove(Channel{s, e}, self, keys)
		return p, keys, err
	}
}

func verifier(e [32]byte, self Self, shares ...Keys) func(io.ReadWriteCloser) (Ident, Keys, error) {
	return func(s io.ReadWriteCloser) (Ident, Keys, error) { return Verify(Channel{s, e}, self, shares) }
}

// raw sends b as a dialer that knows no key, and reads what comes back.
func raw(b []byte) func(io.ReadWriteCloser) (Ident, Keys, error) {
	return func(s io.ReadWriteCloser) (Ident, Keys, error) {
		_, _ = s.Write(b)
		got, _ := io.ReadAll(s)
		if len(got) > 0 {
			return Ident{}, Keys{}, errors.New("the listener answered")
		}
		return Ident{}, Keys{}, nil
	}
}

func TestHandshake(t *testing.T) {
	one, two := mustDerive(t, testID(1)), mustDerive(t, testID(2))
	alice, bob := mustSelf(t, "alice"), mustSelf(t, "bob\x1b[31m\u202e")
	id := testID(2)
	d, l := meet(t, prover(ekm(1), alice, two), verifier(ekm(1), bob, one, two))
	if d.err != nil || l.err != nil {
		t.Fatal(d.err, l.err)
	}
	if want := (Ident{11, 5, "bob?[31m?", bob.Device.ID(), true, 1}); d.peer != want {
		t.Errorf("the dialer met %+v", d.peer)
	}
	if want := (Ident{5, 5, "alice", alice.Device.ID(), true, 1}); l.peer != want {
		t.Errorf("the listener met %+v", l.peer)
	}
	if l.keys.ShareID() != two.ShareID() {
		t.Error("the listener took the share", l.keys.ShareID())
	}
	// Even inside the encryption there is nothing to learn (secret never on the wire).
	findSecrets(t, slices.Concat(d.sent, l.sent), append(secretsOf(id, two), alice.Device.key.open().Seed(), bob.Device.key.open().Seed()))
}

// TestWrongID shows that failures cannot be told apart: no byte, one delay.
func TestWrongID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		held := mustDerive(t, testID(1))
		alice, bob := mustSelf(t, "alice"), mustSelf(t, "bob")
		try := func(id SyncID, shares ...Keys) {
			t.Helper()
			start := time.Now()
			d, l := meet(t, prover(ekm(1), alice, mustDerive(t, id)), verifier(ekm(1), bob, shares...))
			if !errors.Is(d.err, ErrWrongID) || !errors.Is(l.err, ErrWrongID) || len(l.sent) != 0 || len(d.sent) != flightSize {
				t.Fatalf("dialer %v, listener %v, which sent %d bytes", d.err, l.err, len(l.sent))
			}
			if took := d.at.Sub(start); took != FailDelay {
				t.Fatalf("refused after %v", took)
			}
		}
		for range 1000 {
			var id SyncID
			rand.Read(id[:])
			try(id, held)
		}
		for bit := range 256 {
			id := testID(1)
			id[bit/8] ^= 1 << (bit % 8)
			try(id, held)
		}
		try(testID(1))
	})
}

// TestListenerAnonymity: a prober learns nothing about what a node holds.
func TestListenerAnonymity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := mustDerive(t, testID(1))
		bob := mustSelf(t, "bob")
		right := shareTag(k, ekm(1))
		probes := [][]byte{bytes.Repeat([]byte{0}, flightSize), bytes.Repeat([]byte{0xff}, flightSize)}
		named := hello{vmin: 1, vmax: 1, share: right}.encode()
		probes = append(probes, append(named[:], make([]byte, tagSize)...))
		// The key that an unknown share is checked with is no way in.
		h := &handshake{Channel: Channel{EKM: ekm(1)}, helloD: hello{vmin: 1, vmax: 1}.encode()}
		if err := h.setKey([32]byte{}); err != nil {
			t.Fatal(err)
		}
		decoy := h.dialerTag()
		probes = append(probes, append(h.helloD[:], decoy[:]...))
		for i, probe := range probes {
			for _, shares := range [][]Keys{nil, {k}, {mustDerive(t, testID(2))}} {
				start := time.Now()
				d, l := meet(t, raw(probe), verifier(ekm(1), bob, shares...))
				if d.err != nil || !errors.Is(l.err, ErrWrongID) || len(l.sent) != 0 || d.at.Sub(start) != FailDelay {
					t.Errorf("probe %d with %d shares: %v, %v after %v", i, len(shares), d.err, l.err, d.at.Sub(start))
				}
			}
		}
	})
}

// splice passes bytes between two pipes, as an attacker who terminates TLS on
// both sides does.
func splice(a, b net.Conn) {
	go func() { _, _ = io.Copy(a, b); a.Close() }()
	go func() { _, _ = io.Copy(b, a); b.Close() }()
}

func TestRelayRejected(t *testing.T) {
	k := mustDerive(t, testID(1))
	alice, bob := mustSelf(t, "alice"), mustSelf(t, "bob")
	a1, a2 := net.Pipe()
	b1, b2 := net.Pipe()
	splice(a2, b1)
	got := make(chan error, 1)
	go func() {
		_, _, err := Verify(Channel{b2, ekm(2)}, bob, []Keys{k})
		b2.Close()
		got <- err
	}()
	_, err := Prove(Channel{a1, ekm(1)}, alice, k)
	a1.Close()
	if there := <-got; !errors.Is(err, ErrWrongID) || !errors.Is(there, ErrWrongID) {
		t.Errorf("dialer %v, listener %v", err, there)
	}
}

// TestReflectionRejected: a listener that knows no key echoes the dialer.
func TestReflectionRejected(t *testing.T) {
	k := mustDerive(t, testID(1))
	echo := func(s io.ReadWriteCloser) (Ident, Keys, error) {
		b := make([]byte, flightSize)
		if _, err := io.ReadFull(s, b); err != nil {
			return Ident{}, Keys{}, err
		}
		_, err := s.Write(b)
		return Ident{}, Keys{}, err
	}
	d, _ := meet(t, prover(ekm(1), mustSelf(t, "alice"), k), echo)
	if !errors.Is(d.err, ErrWrongID) {
		t.Errorf("the dialer said %v", d.err)
	}
}

// TestSelfie: two connections of one victim, joined by an attacker, each have
// their own exporter; and a connection to oneself is noticed as such.
func TestSelfie(t *testing.T) {
	k := mustDerive(t, testID(1))
	alice := mustSelf(t, "alice")
	d, l := meet(t, prover(ekm(1), alice, k), verifier(ekm(2), alice, k))
	if !errors.Is(d.err, ErrWrongID) || !errors.Is(l.err, ErrWrongID) {
		t.Errorf("spliced: %v, %v", d.err, l.err)
	}
	d, _ = meet(t, prover(ekm(1), alice, k), verifier(ekm(1), alice, k))
	if !errors.Is(d.err, ErrSelf) {
		t.Errorf("self: %v", d.err)
	}
	clone := alice
	clone.Ident.Epoch++
	d, _ = meet(t, prover(ekm(1), alice, k), verifier(ekm(1), clone, k))
	if !errors.Is(d.err, ErrClone) {
		t.Errorf("clone: %v", d.err)
	}
}

// TestReplayRefused sends a recorded flight on a new connection.
func TestReplayRefused(t *testing.T) {
	k := mustDerive(t, testID(1))
	alice, bob := mustSelf(t, "alice"), mustSelf(t, "bob")
	d, l := meet(t, prover(ekm(1), alice, k), verifier(ekm(1), bob, k))
	if d.err != nil || l.err != nil {
		t.Fatal(d.err, l.err)
	}
	_, l = meet(t, raw(d.sent[:flightSize]), verifier(ekm(2), bob, k))
	if !errors.Is(l.err, ErrWrongID) || len(l.sent) != 0 {
		t.Errorf("replayed: %v", l.err)
	}
}

// flip changes one bit of what passes through Read.
type flip struct {
	io.ReadWriteCloser
	bit, seen int
}

func (f *flip) Read(b []byte) (int, error) {
	n, err := f.ReadWriteCloser.Read(b)
	if at := f.bit/8 - f.seen; at >= 0 && at < n {
		b[at] ^= 1 << (f.bit % 8)
	}
	f.seen += n
	return n, err
}

// TestNoDowngrade flips every bit of both first flights.
func TestNoDowngrade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := mustDerive(t, testID(1))
		alice, bob := mustSelf(t, "alice"), mustSelf(t, "bob")
		for bit := range flightSize * 8 {
			_, l := meet(t, prover(ekm(1), alice, k), func(s io.ReadWriteCloser) (Ident, Keys, error) {
				return Verify(Channel{&flip{ReadWriteCloser: s, bit: bit}, ekm(1)}, bob, []Keys{k})
			})
			if !errors.Is(l.err, ErrWrongID) || len(l.sent) != 0 {
				t.Fatalf("bit %d of the dialer's flight: %v", bit, l.err)
			}
			d, _ := meet(t, func(s io.ReadWriteCloser) (Ident, Keys, error) {
				p, err := Prove(Channel{&flip{ReadWriteCloser: s, bit: bit}, ekm(1)}, alice, k)
				return p, Keys{}, err
			}, verifier(ekm(1), bob, k))
			if !errors.Is(d.err, ErrWrongID) {
				t.Fatalf("bit %d of the listener's flight: %v", bit, d.err)
			}
		}
	})
}

// TestVersions: the highest common version, or ErrVersion on both sides (F91).
func TestVersions(t *testing.T) {
	k := mustDerive(t, testID(1))
	alice, bob := mustSelf(t, "alice"), mustSelf(t, "bob")
	for _, c := range []struct{ dmin, dmax, lmin, lmax, want uint16 }{
		{1, 1, 1, 1, 1}, {1, 3, 2, 5, 3}, {2, 5, 1, 3, 3}, {1, 9, 4, 4, 4}, {4, 4, 1, 9, 4},
		{1, 1, 2, 2, 0}, {2, 2, 1, 1, 0}, {1, 2, 3, 4, 0}, {3, 4, 1, 2, 0}, {1, 1, 2, 5, 0},
	} {
		d, l := meet(t, func(s io.ReadWriteCloser) (Ident, Keys, error) {
			h := &handshake{Channel: Channel{s, ekm(1)}, self: alice, keys: k, role: roleDialer, vmin: c.dmin, vmax: c.dmax}
			p, err := h.prove()
			return p, Keys{}, err
		}, func(s io.ReadWriteCloser) (Ident, Keys, error) {
			h := &handshake{Channel: Channel{s, ekm(1)}, self: bob, role: roleListener, vmin: c.lmin, vmax: c.lmax}
			p, err := h.verify([]Keys{k})
			return p, Keys{}, err
		})
		if c.want == 0 {
			if !errors.Is(d.err, ErrVersion) || !errors.Is(l.err, ErrVersion) {
				t.Errorf("%+v: %v, %v", c, d.err, l.err)
			}
		} else if d.err != nil || l.err != nil || d.peer.Version != c.want || l.peer.Version != c.want {
			t.Errorf("%+v: %d %v, %d %v", c, d.peer.Version, d.err, l.peer.Version, l.err)
		}
	}
}
