package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What has come is known by the digest it came with: a large file is not read once
// more only because it was in place within a tick of the clock that stamps it. (F32)
func TestReceivedIsNotReadAgain(t *testing.T) {
	t.Parallel()
	pair := newCouple(t)
	pair.start(0)
	p := pair.start(1)
	pair.settle()
	was, total := bytesRead(t, p), int64(0)
	for i := range 4 {
		size := int64(12<<20 + i)
		bigFile(t, filepath.Join(pair.dirs[0], fmt.Sprint("big", i)), size)
		pair.settle()
		total += size
	}
	time.Sleep(time.Second) // a look comes within milliseconds
	if n := bytesRead(t, p) - was; n > total+total/4 {
		t.Errorf("%d bytes came, and %d were read from the network and the disk", total, n)
	}
}

// bytesRead is how much a process has read so far, from files and from others.
func bytesRead(t *testing.T, p *process) int64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", p.cmd.Process.Pid))
	must(t, err)
	text, _, _ := strings.Cut(strings.TrimPrefix(string(b), "rchar: "), "\n")
	n, err := strconv.ParseInt(text, 10, 64)
	must(t, err)
	return n
}
