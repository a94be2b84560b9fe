package web

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// TestTicketOfAUser: other users of the machine see what a browser is started with. A
// ticket that was made for one lets nobody else in, and is not spoiled by who tries.
func TestTicketOfAUser(t *testing.T) {
	r := serve(t, nil)
	enter := func(ticket string, as int) (int, string) {
		t.Helper()
		transport := &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string, string) (net.Conn, error) { return dialAs(r.host, as) }}
		q, err := http.NewRequest("POST", r.url+"/session", strings.NewReader(`{"ticket":"`+ticket+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		q.Header.Set("Content-Type", "application/json")
		q.Header.Set("Origin", r.url)
		a, err := (&http.Client{Transport: transport}).Do(q)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Body.Close()
		body, _ := io.ReadAll(a.Body)
		return a.StatusCode, string(body)
	}
	me := os.Getuid()
	const other, third = 65534, 65533
	mine := r.TicketFor(me)
	if me == 0 { // who alone can be somebody else
		if code, text := enter(mine, other); code != 401 || !strings.Contains(text, "qsync open --url") {
			t.Errorf("another user is answered %d %s", code, text)
		}
		theirs := r.TicketFor(other)
		if code, text := enter(theirs, third); code != 401 {
			t.Errorf("a third user is answered %d %s", code, text)
		}
		for range 50 {
			hangUp(t, r, theirs, third)
		}
		if code, text := enter(theirs, other); code != 200 {
			t.Errorf("the user of a ticket is answered %d %s", code, text)
		}
		if code, text := enter(r.Ticket(), third); code != 200 {
			t.Errorf("with a ticket for anybody: %d %s", code, text)
		}
	}
	if code, text := enter(mine, me); code != 200 {
		t.Errorf("who it was made for is answered %d %s", code, text)
	}
	if code, text := enter(mine, me); code != 401 || !strings.Contains(text, "used already") {
		t.Errorf("a second time: %d %s", code, text)
	}
}

// hangUp shows a ticket as a user who is gone, most times, before the node looks: then
// the system knows of no socket there.
func hangUp(t *testing.T, r *running, ticket string, as int) {
	t.Helper()
	c, err := dialAs(r.host, as)
	if err != nil {
		t.Fatal(err)
	}
	body := `{"ticket":"` + ticket + `"}`
	if _, err := fmt.Fprintf(c, "POST /session HTTP/1.1\r\nHost: %s\r\nOrigin: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", r.host, r.url, len(body), body); err != nil {
		t.Fatal(err)
	}
	_ = c.(*net.TCPConn).SetLinger(0)
	_ = c.Close()
}

// dialAs connects with a socket that belongs to a user.
func dialAs(address string, user int) (net.Conn, error) {
	at, err := net.ResolveTCPAddr("tcp4", address)
	if err != nil {
		return nil, err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	was, _, _ := syscall.RawSyscall(syscall.SYS_SETFSUID, uintptr(user), 0, 0) // of this thread
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	syscall.RawSyscall(syscall.SYS_SETFSUID, was, 0, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "socket")
	defer f.Close()
	to := &syscall.SockaddrInet4{Port: at.Port}
	copy(to.Addr[:], at.IP.To4())
	if err := syscall.Connect(fd, to); err != nil {
		return nil, err
	}
	return net.FileConn(f)
}
