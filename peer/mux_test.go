package peer

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// muxConns returns the two ends of a connection.
func muxConns(t testing.TB, w *wires) (dialed, accepted net.Conn) {
	t.Helper()
	a, b := netip.MustParseAddrPort("10.0.0.1:1"), netip.MustParseAddrPort("10.0.0.2:1")
	l := w.listen(b)
	t.Cleanup(func() { l.Close() })
	dialed, err := w.listen(a).Dial(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	if accepted, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return dialed, accepted
}

func unbounded() *growth { return &growth{of: func(int) bool { return true }} }

func muxPair(t testing.TB, w *wires) (a, b *muxLink) {
	t.Helper()
	d, acc := muxConns(t, w)
	a, b = newMuxLink(d, true, false, unbounded()), newMuxLink(acc, false, false, unbounded())
	a.start()
	b.start()
	t.Cleanup(func() {
		for _, l := range []*muxLink{a, b} {
			l.Close(CodeShutdown, "")
			l.gone.Wait()
		}
	})
	return a, b
}

func TestLinkMux(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := muxPair(t, newWires())
		checkLink(t, a, b)
	})
	synctest.Test(t, func(t *testing.T) {
		a, b := muxPair(t, newWires())
		time.Sleep(time.Hour) // kept alive
		checkLink(t, b, a)
		if n := len(a.streams) + len(b.streams); n > 2 {
			t.Errorf("%d streams are left", n) // the two that the end of the link cut
		}
	})
}

// TestMuxHoldsUp: a stream that nobody reads holds no more than its window, and
// no other stream up; one that is read fast gets a window that fits.
func TestMuxHoldsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := muxPair(t, newWires())
		here, there := openBoth(t, a, b)
		here.SetDeadline(time.Now().Add(time.Second))
		if n, err := here.Write(make([]byte, 1<<20)); err == nil || n > muxWindow {
			t.Errorf("%d bytes were taken that nobody reads, %v", n, err)
		}
		exchange2, back := openBoth(t, a, b)
		exchange(t, exchange2, back)
		_ = there
		// An answer: with 10 ms for a round trip and 512 KiB on the way it would be 50 MB/s.
		const size = 64 << 20
		go func() {
			_, _ = back.Write(make([]byte, size))
			_ = back.Close()
		}()
		began := time.Now()
		if n, err := io.Copy(io.Discard, exchange2); err != nil || n != size {
			t.Errorf("%d bytes, %v", n, err)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("64 MiB took %v", took)
		}
		if s := exchange2.(*muxStream); s.window <= muxAnswers || s.window > muxGrown {
			t.Errorf("a window of %d", s.window)
		}
		exchange2.Close()
		a.Close(CodeShutdown, "")
		time.Sleep(time.Second)
		if a.grow.held != 0 && !a.grow.over {
			t.Error("the budget has not got back what it lent")
		}
	})
}

// TestMuxSilence: a link whose peer says nothing ends, a lane sooner if something
// is asked on it.
func TestMuxSilence(t *testing.T) {
	for _, lane := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWires()
			a, _ := muxPair(t, w)
			a.mu.Lock()
			a.lane = lane
			a.mu.Unlock()
			time.Sleep(time.Minute)
			if _, err := a.OpenStream(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			if err := a.Err(); err != nil {
				t.Fatal("a link that lives:", err)
			}
			w.set(func() { w.dark = true })
			began := time.Now()
			<-a.Done()
			most := idleTimeout + linkPing
			if lane {
				most = laneSilent + lanePing
			}
			if took := time.Since(began); took > most {
				t.Errorf("lane %v: a dead link was found after %v", lane, took)
			}
			w.set(func() { w.dark = false })
		})
	}
}

// TestMuxViolations: what a peer may not send ends the link, and takes no memory.
func TestMuxViolations(t *testing.T) {
	head := func(kind byte, id, value uint32) []byte {
		b := binary.BigEndian.AppendUint32([]byte{kind}, id)
		return binary.BigEndian.AppendUint32(b, value)
	}
	open := head(muxOpen, 0, 0)
	many := bytes.Repeat(append(head(muxData, 0, muxFrame), make([]byte, muxFrame)...), 2)
	opens := []byte{}
	for i := range uint32(maxBidi + 1) {
		opens = append(opens, head(muxOpen, i*muxStep, 0)...)
	}
	for name, sent := range map[string][]byte{
		"no type":            head(77, 0, 0),
		"unknown stream":     head(muxData, 0, 1),
		"stream of ours":     head(muxOpen, muxByListener, 0),
		"stream of ours 2":   head(muxCredit, muxByListener, 1),
		"number left out":    head(muxOpen, muxStep, 0),
		"twice":              append(open, open...),
		"too many":           opens,
		"large frame":        append(open, head(muxData, 0, muxFrame+1)...),
		"empty frame":        append(open, head(muxData, 0, 0)...),
		"beyond the window":  append(open, many...),
		"after the end":      append(append(open, head(muxEnd, 0, 0)...), append(head(muxData, 0, 1), 1)...),
		"large window":       head(muxOpen, 0, muxGrown+1),
		"large credit":       append(open, head(muxCredit, 0, 1<<31)...),
		"credit upon credit": append(open, bytes.Repeat(head(muxCredit, 0, muxGrown), 3)...),
		"words":              head(muxClose, 1, muxReason+1),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, acc := muxConns(t, newWires())
				l := newMuxLink(acc, false, false, unbounded())
				l.start()
				if _, err := d.Write(sent); err != nil {
					t.Fatal(err)
				}
				go io.Copy(io.Discard, d)
				<-l.Done()
				var le *LinkError
				if !errors.As(l.Err(), &le) || le.Code != CodeProtocol || le.Remote {
					t.Error(l.Err())
				}
				d.Close()
				l.gone.Wait()
			})
		})
	}
}

// TestMuxFloods: who opens and abandons without end, and who asks for signs of
// life and reads nothing, holds nothing.
func TestMuxFloods(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := muxPair(t, newWires())
		for range 10 * maxBidi {
			s, err := a.OpenStream(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Write([]byte{1}); err != nil {
				t.Fatal(err)
			}
			s.Reset()
		}
		time.Sleep(time.Second)
		b.mu.Lock()
		if n := len(b.streams) + len(b.queue[0]); n != 0 || b.err != nil {
			t.Errorf("%d streams that nobody wants, %v", n, b.err)
		}
		b.mu.Unlock()
	})
	synctest.Test(t, func(t *testing.T) {
		d, acc := muxConns(t, newWires())
		l := newMuxLink(acc, false, false, unbounded())
		l.start()
		pings := bytes.Repeat([]byte{muxPing, 0, 0, 0, 0, 0, 0, 0, 0}, 1000)
		for l.Err() == nil {
			if _, err := d.Write(pings); err != nil {
				break
			}
		}
		<-l.Done()
		if !errors.Is(l.Err(), errBacklog) {
			t.Error(l.Err())
		}
		d.Close()
		l.gone.Wait()
	})
}

// TestRing: what is written is what is read, whatever the steps.
func TestRing(t *testing.T) {
	var r ring
	var in, out []byte
	step := make([]byte, 3)
	for len(in) < 3<<20 {
		_, _ = rand.Read(step)
		n := int(binary.BigEndian.Uint16(step))%(48<<10) + 1
		b := make([]byte, n)
		_, _ = rand.Read(b[:min(n, 100)])
		in = append(in, b...)
		for len(b) > 0 {
			space := r.space(len(b))
			k := copy(space, b)
			r.wrote(k)
			b = b[k:]
		}
		if step[2]%3 == 0 {
			p := make([]byte, 1+int(step[2])<<10)
			out = append(out, p[:r.read(p)]...)
		}
	}
	for r.len() > 0 {
		p := make([]byte, 1<<20)
		out = append(out, p[:r.read(p)]...)
	}
	if !bytes.Equal(in, out) {
		t.Error("it is not what was written")
	}
}
