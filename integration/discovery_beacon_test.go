//go:build unix

package integration

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"qsync/certs"
	"qsync/discovery"
)

// beaconEnv makes the test binary a process that runs a beacon and nothing
// else: a beacon in another network namespace needs a process there.
const beaconEnv = "QSYNC_TEST_BEACON"

// beaconConfig is what the variable holds. Folders have numbers: folderID.
type beaconConfig struct {
	Listen  netip.AddrPort
	Folders []byte
}

// beaconLine is what it prints: what it found, or at its end how that went.
type beaconLine struct {
	Folder byte
	Addrs  []string
	Ended  time.Duration // how long Run took to end
	Report []discovery.Link
}

// beaconMain runs until standard input ends; each line of it is a new set of
// folders.
func beaconMain() int {
	var c beaconConfig
	if err := json.Unmarshal([]byte(os.Getenv(beaconEnv)), &c); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var mu sync.Mutex
	out := json.NewEncoder(os.Stdout)
	b := discovery.New(discovery.Config{
		Listen: c.Listen,
		Shares: func() (all [][32]byte) {
			mu.Lock()
			defer mu.Unlock()
			for _, n := range c.Folders {
				all = append(all, discoveryKey(n))
			}
			return all
		},
		Found: func(key [32]byte, addrs []netip.AddrPort) {
			line := beaconLine{}
			for line.Folder = 0; discoveryKey(line.Folder) != key; line.Folder++ {
			}
			for _, a := range addrs {
				line.Addrs = append(line.Addrs, a.String())
			}
			_ = out.Encode(line)
		},
	})
	ctx, cancel := context.WithCancel(context.Background())
	var ended time.Time
	go func() {
		for in := bufio.NewScanner(os.Stdin); in.Scan(); b.Refresh() {
			mu.Lock()
			c.Folders = slices.Clone(in.Bytes())
			mu.Unlock()
		}
		ended = time.Now()
		cancel()
	}()
	if err := b.Run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	line := beaconLine{Ended: time.Since(ended), Report: b.Report()}
	for i := range line.Report {
		if err := line.Report[i].Err; err != nil {
			fmt.Fprintln(os.Stderr, line.Report[i].Interface, line.Report[i].Family, err)
			line.Report[i].Err = nil
		}
	}
	_ = out.Encode(line)
	return 0
}

// folderID is the sync ID of a folder of these tests.
func folderID(n byte) (id certs.SyncID) {
	for i := range id {
		id[i] = 0xd0 + 7*byte(i) + n
	}
	return id
}

func discoveryKey(n byte) [32]byte {
	keys, err := certs.Derive(folderID(n))
	if err != nil {
		panic(err)
	}
	return keys.Discovery()
}

// beacon is such a process.
type beacon struct {
	m       *machine
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     output
	err     output
	started time.Time
}

// beacon starts one that listens, as far as anybody can tell, and holds those
// folders.
func (m *machine) beacon(listen string, folders ...byte) *beacon {
	m.t.Helper()
	self, err := os.Executable()
	must(m.t, err)
	config, err := json.Marshal(beaconConfig{netip.MustParseAddrPort(listen), folders})
	must(m.t, err)
	b := &beacon{m: m, started: time.Now()}
	all := append(slices.Clone(m.wrap), self)
	b.cmd = exec.Command(all[0], all[1:]...)
	b.cmd.Env = append(os.Environ(), beaconEnv+"="+string(config))
	b.cmd.Stdout, b.cmd.Stderr = &b.out, &b.err
	b.in, err = b.cmd.StdinPipe()
	must(m.t, err)
	must(m.t, startProcess(b.cmd))
	m.t.Cleanup(func() {
		if b.cmd.ProcessState == nil {
			_ = b.cmd.Process.Kill()
			_ = b.cmd.Wait()
		}
		if m.t.Failed() {
			m.t.Logf("%s found\n%s%s", m.name, b.out.String(), b.err.String())
		}
	})
	return b
}

// lines are what it has printed so far.
func (b *beacon) lines() (all []beaconLine) {
	b.m.t.Helper()
	whole := b.out.String()
	whole = whole[:strings.LastIndexByte(whole, '\n')+1]
	for text := range strings.Lines(whole) {
		var line beaconLine
		must(b.m.t, json.Unmarshal([]byte(text), &line))
		all = append(all, line)
	}
	return all
}

// finds waits until it has found that address for that folder, and returns how
// long that took since a moment.
func (b *beacon) finds(folder byte, addr string, since time.Time) time.Duration {
	b.m.t.Helper()
	var took time.Duration
	b.m.eventually(func() error {
		for _, line := range b.lines() {
			if line.Folder == folder && slices.Contains(line.Addrs, addr) {
				took = time.Since(since)
				return nil
			}
		}
		return fmt.Errorf("%s has not found %s", b.m.name, addr)
	})
	return took
}

// addresses are all that it has found so far.
func (b *beacon) addresses() (all []string) {
	for _, line := range b.lines() {
		all = append(all, line.Addrs...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// end ends it and returns its last line.
func (b *beacon) end() beaconLine {
	b.m.t.Helper()
	must(b.m.t, b.in.Close())
	began := time.Now()
	timer := time.AfterFunc(patience, func() { _ = b.cmd.Process.Kill() })
	err := b.cmd.Wait()
	timer.Stop()
	if err != nil {
		b.m.t.Fatalf("%s: %v after %v: %s", b.m.name, err, time.Since(began), b.err.String())
	}
	all := b.lines()
	last := all[len(all)-1]
	if last.Ended > time.Second {
		b.m.t.Errorf("%s: Run took %v to end", b.m.name, last.Ended)
	}
	return last
}

// busy is how much processor time it took in all.
func (b *beacon) busy() time.Duration {
	return b.cmd.ProcessState.UserTime() + b.cmd.ProcessState.SystemTime()
}

// wants checks that exactly these addresses were found.
func (b *beacon) wants(t *testing.T, addrs ...string) {
	t.Helper()
	slices.Sort(addrs)
	if got := b.addresses(); !slices.Equal(got, addrs) {
		t.Errorf("%s found %v, want %v", b.m.name, got, addrs)
	}
}
