//go:build failpoint

package fault

import (
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// plan is what the environment asks for, and how far it is.
type plan struct {
	crash   string
	crashAt int
	op      string // "" for all
	at      int    // 0 for never
	on      bool   // every later one too
	errno   syscall.Errno
	short   bool
	slow    bool
	while   string
	from    string // a point; "" once it was passed
	log     string

	mu     sync.Mutex
	passes int
	calls  int
}

var asked = sync.OnceValue(func() *plan {
	p := &plan{while: os.Getenv("QSYNC_FAIL_WHILE"), from: os.Getenv("QSYNC_FAIL_FROM"), log: os.Getenv("QSYNC_FAULT_LOG")}
	if name, n, ok := strings.Cut(os.Getenv("QSYNC_CRASH_AT"), ":"); ok {
		p.crash, p.crashAt = name, number(n)
	}
	where, what, ok := strings.Cut(os.Getenv("QSYNC_FAIL_AT"), ":")
	if !ok {
		return p
	}
	if op, n, ok := strings.Cut(where, "@"); ok {
		p.op, where = op, n
	}
	n, on := strings.CutSuffix(where, "+")
	p.at, p.on, p.short, p.slow = number(n), on, what == "SHORT", what == "SLOW"
	p.errno = map[string]syscall.Errno{"EIO": syscall.EIO, "ENOSPC": syscall.ENOSPC, "EACCES": syscall.EACCES, "EROFS": syscall.EROFS, "EINTR": syscall.EINTR}[what]
	if p.errno == 0 && !p.short && !p.slow {
		panic("QSYNC_FAIL_AT: " + what)
	}
	return p
})

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		panic("fault: " + text)
	}
	return n
}

func (p *plan) note(line string) {
	if p.log == "" {
		return
	}
	f, err := os.OpenFile(p.log, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		panic(err)
	}
	defer f.Close()
	if _, err := f.WriteString(line + "\n"); err != nil {
		panic(err)
	}
}

// Point is a place at which a test may kill the program.
func Point(name string) {
	p := asked()
	p.note("point " + name)
	p.mu.Lock()
	defer p.mu.Unlock()
	if name == p.from {
		p.from = ""
	}
	if name != p.crash {
		return
	}
	if p.passes++; p.passes < p.crashAt {
		return
	}
	self, err := os.FindProcess(os.Getpid())
	if err != nil || self.Kill() != nil {
		panic("fault: cannot kill myself")
	}
	select {} // it may take a moment
}

// changes are the calls that write to the disk.
var changes = map[string]bool{
	"create": true, "write": true, "truncate": true, "link": true, "symlink": true, "mkdir": true, "unlink": true,
	"rename": true, "chmod": true, "utimes": true, "sync": true, "syncdir": true, "syncfs": true, "clone": true,
}

// fails counts a call and reports whether it is to fail.
func (p *plan) fails(op string) bool {
	p.note("call " + op)
	if p.at == 0 || p.op != "" && p.op != op && (p.op != "change" || !changes[op]) {
		return false
	}
	if p.while != "" {
		if _, err := os.Lstat(p.while); err != nil {
			return false
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.from != "" {
		return false
	}
	p.calls++
	return p.calls == p.at || p.on && p.calls > p.at
}

// Call is asked before a call to the system, which is not made where the answer
// is an error.
func Call(op string) error {
	p := asked()
	if !p.fails(op) || p.short {
		return nil
	}
	p.note("fails " + op)
	if p.slow {
		time.Sleep(500 * time.Millisecond)
		return nil
	}
	return p.errno
}

// File is [Call] for calls that package os makes, which hides EINTR.
func File(op string) error {
	err := Call(op)
	if err == syscall.EINTR {
		return nil
	}
	return err
}

// Reader is r, whose reads may fail or bring less than they could.
func Reader(r io.Reader) io.Reader { return reader{r} }

type reader struct{ io.Reader }

func (r reader) Read(b []byte) (int, error) {
	p := asked()
	if p.fails("read") {
		p.note("fails read")
		switch {
		case p.short:
			b = b[:(len(b)+1)/2]
		case p.slow:
			time.Sleep(500 * time.Millisecond)
		case p.errno != syscall.EINTR:
			return 0, p.errno
		}
	}
	return r.Reader.Read(b)
}
