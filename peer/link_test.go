package peer

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestLinkUDP(t *testing.T) {
	noLeaks(t)
	_, k := testKeys(t, 1)
	_, other := testKeys(t, 2)
	a, b := start(t, udp(t)), start(t, udp(t), other, k)
	dialed, accepted := join(t, a, b, k)
	if !dialed.Dialed || accepted.Dialed || dialed.Share != k.ShareID() || accepted.Share != k.ShareID() {
		t.Error("who dialed, or which share, is wrong")
	}
	if dialed.Ident.Node != b.device.ID() || accepted.Ident.Node != a.device.ID() || !accepted.Ident.Writer {
		t.Errorf("identities: %v, %v", dialed.Ident, accepted.Ident)
	}
	exchange(t, dialed.Control, accepted.Control)
	checkLink(t, dialed.Link, accepted.Link)
}

func TestLinkMemory(t *testing.T) {
	noLeaks(t)
	a, b := memPair()
	checkLink(t, a, b)
}

func TestLinkSimulated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, k := testKeys(t, 1)
		conns := sim(t, 2, nil)
		a, b := start(t, conns[0]), start(t, conns[1], k)
		dialed, accepted := join(t, a, b, k)
		exchange(t, dialed.Control, accepted.Control)
		time.Sleep(time.Hour) // kept alive
		checkLink(t, dialed.Link, accepted.Link)
	})
	synctest.Test(t, func(t *testing.T) {
		a, b := memPair()
		checkLink(t, a, b)
	})
}

// exchange sends a line each way.
func exchange(t testing.TB, a, b Stream) {
	t.Helper()
	for _, dir := range [][2]Stream{{a, b}, {b, a}} {
		if _, err := dir[0].Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 5)
		if _, err := io.ReadFull(dir[1], got); err != nil || string(got) != "hello" {
			t.Fatal(string(got), err)
		}
	}
}

// openBoth opens a stream from a to b, with one byte through it.
func openBoth(t testing.TB, a, b Link) (here, there Stream) {
	t.Helper()
	here, err := a.OpenStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := here.Write([]byte{1}); err != nil {
		t.Fatal(err)
	}
	if there, err = b.AcceptStream(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(there, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	return here, there
}

// checkLink holds both kinds of link to their contract, then closes a.
func checkLink(t testing.TB, a, b Link) {
	t.Helper()
	checkBulk(t, a, b)
	checkReset(t, a, b)
	checkDeadline(t, a, b)
	checkUni(t, a, b)
	if a.Err() != nil || a.Remote() == "" {
		t.Error("open, but", a.Err(), a.Remote())
	}
	here, there := openBoth(t, a, b)
	if err := a.Close(CodeNotHere, "gone"); err != nil {
		t.Error("Close:", err)
	}
	<-a.Done()
	<-b.Done()
	var la, lb *LinkError
	if !errors.As(a.Err(), &la) || *la != (LinkError{CodeNotHere, false, "gone"}) {
		t.Error("closing side:", a.Err())
	}
	if !errors.As(b.Err(), &lb) || *lb != (LinkError{CodeNotHere, true, "gone"}) || !strings.Contains(lb.Error(), `"gone"`) {
		t.Error("other side:", b.Err())
	}
	_, errRead := there.Read(make([]byte, 1))
	_, errWrite := here.Write([]byte("x"))
	_, errOpen := b.OpenStream(t.Context())
	_, errAccept := b.AcceptStream(t.Context())
	for _, err := range []error{errRead, errWrite, errOpen, errAccept} {
		if !errors.As(err, new(*LinkError)) {
			t.Error("after the end:", err)
		}
	}
}

// checkBulk moves more than any buffer holds, with an answer the other way.
func checkBulk(t testing.TB, a, b Link) {
	t.Helper()
	here, there := openBoth(t, a, b)
	sent := make([]byte, 5<<20)
	rand.Read(sent)
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := here.Write(sent); err != nil {
			t.Error("writing:", err)
		}
		if got, err := io.ReadAll(here); err != nil || string(got) != "thanks" {
			t.Errorf("answer %q, %v", got, err)
		}
		if err := here.Close(); err != nil {
			t.Error("Close after the peer's:", err)
		}
		here.Reset()
	})
	got := make([]byte, len(sent))
	if _, err := io.ReadFull(there, got); err != nil || !bytes.Equal(got, sent) {
		t.Error("content differs:", err)
	}
	if _, err := there.Write([]byte("thanks")); err != nil {
		t.Error(err)
	}
	if err := there.Close(); err != nil {
		t.Error("Close:", err)
	}
	there.Reset() // must not take back what Close promised
	wg.Wait()
}

func checkReset(t testing.TB, a, b Link) {
	t.Helper()
	here, there := openBoth(t, a, b)
	here.Reset()
	if _, err := io.ReadAll(there); !errors.Is(err, ErrReset) {
		t.Error("reading a reset stream:", err)
	}
	for {
		if _, err := there.Write(make([]byte, 1000)); err != nil {
			if !errors.Is(err, ErrReset) {
				t.Error("writing a reset stream:", err)
			}
			break
		}
	}
	there.Reset()
}

func checkDeadline(t testing.TB, a, b Link) {
	t.Helper()
	here, there := openBoth(t, a, b)
	start := time.Now()
	time.AfterFunc(20*time.Millisecond, func() { here.SetDeadline(start) })
	if _, err := here.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("deadline set while reading:", err)
	}
	here.SetDeadline(time.Now().Add(20 * time.Millisecond))
	for {
		if _, err := here.Write(make([]byte, 1<<20)); err != nil {
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("deadline while writing:", err)
			}
			break
		}
	}
	here.Reset()
	there.Reset()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := b.AcceptStream(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error("accepting nothing:", err)
	}
}

func checkUni(t testing.TB, a, b Link) {
	t.Helper()
	for range 3 * maxUni { // more than may be open at a time
		w, err := a.OpenUni(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("index")); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		r, err := b.AcceptUni(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || string(got) != "index" {
			t.Errorf("%q, %v", got, err)
		}
		r.Cancel()
	}
	w, err := a.OpenUni(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("index")); err != nil {
		t.Fatal(err)
	}
	r, err := b.AcceptUni(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.Cancel()
	for err == nil {
		_, err = w.Write(make([]byte, 1000))
	}
	if !errors.Is(err, ErrReset) {
		t.Error("writing to who cancelled:", err)
	}
	w.Close()
}
