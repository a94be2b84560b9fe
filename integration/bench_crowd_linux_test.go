package integration

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
)

// benchNodes is QSYNC_BENCH_NODES, or 20.
func benchNodes(b *testing.B) int {
	b.Helper()
	text := os.Getenv("QSYNC_BENCH_NODES")
	if text == "" {
		return 20
	}
	n, err := strconv.Atoi(text)
	must(b, err)
	return n
}

// BenchmarkCrowd tells what it takes to bring a folder from one node to many that find
// each other on a LAN, on which each can send 1 Gbit/s (QSYNC_BENCH_RATE, as tc has it):
// 1000 files of 100 KB, or one of 200 MiB, and then a change of 1 KiB. Run it with
// -benchtime 1x. All nodes share the processors of this machine, which are most of what
// it waits for; how often the content leaves its source does not depend on them.
func BenchmarkCrowd(b *testing.B) {
	for _, kind := range []string{"files", "one"} {
		b.Run(kind, func(b *testing.B) {
			for b.Loop() {
				benchCrowd(b, kind)
			}
		})
	}
}

func benchCrowd(b *testing.B, kind string) {
	lan := newLAN(b)
	source := crowdNode(b, lan, 1)
	from := filepath.Join(b.TempDir(), "source")
	must(b, os.MkdirAll(from, 0o755))
	content := int64(0)
	put := func(name string, size int) {
		bytes := make([]byte, size)
		_, err := rand.Read(bytes)
		must(b, errors.Join(err, os.MkdirAll(filepath.Dir(filepath.Join(from, name)), 0o755), os.WriteFile(filepath.Join(from, name), bytes, 0o644)))
		content += int64(size)
	}
	if kind == "one" {
		put("large", 200<<20)
	} else {
		for i := range 1000 {
			put(fmt.Sprintf("d%d/f%d", i%20, i), 100_000)
		}
	}
	id := source.start("share", from, "--json").ready().ID
	source.looked(b)
	var all []*machine
	var dirs []string
	for i := 2; i <= benchNodes(b); i++ {
		m := crowdNode(b, lan, i)
		dir := filepath.Join(b.TempDir(), "copy")
		must(b, errors.Join(os.MkdirAll(dir, 0o755), os.MkdirAll(m.home, 0o700)))
		must(b, os.WriteFile(filepath.Join(m.home, "config.yaml"), fmt.Appendf(nil, "folders:\n  - path: %s\n    id: %s\n", dir, id), 0o600))
		all, dirs = append(all, m), append(dirs, dir)
	}
	before := source.sent("net")
	b.ReportMetric(seconds(func() {
		for _, m := range all {
			m.start("serve", "--json").ready()
		}
		for _, m := range all {
			m.inSync(b, len(all))
		}
	}), "s-first-sync")
	b.ReportMetric(float64(source.sent("net")-before)/float64(content), "x-left-the-source")

	text := make([]byte, 1<<10)
	_, err := rand.Read(text)
	must(b, err)
	began := time.Now()
	must(b, os.WriteFile(filepath.Join(from, "change"), text, 0o644))
	took := make([]time.Duration, len(dirs))
	var wg sync.WaitGroup
	for i, dir := range dirs {
		wg.Go(func() {
			for time.Since(began) < patience {
				if got, err := os.ReadFile(filepath.Join(dir, "change")); err == nil && string(got) == string(text) {
					break
				}
				time.Sleep(time.Millisecond)
			}
			took[i] = time.Since(began)
		})
	}
	wg.Wait()
	slices.Sort(took)
	b.ReportMetric(took[len(took)/2].Seconds()*1000, "ms-change-median")
	b.ReportMetric(took[len(took)-1].Seconds()*1000, "ms-change-last")
	b.ReportMetric(0, "ns/op")
}

// crowdNode is a machine on the LAN with a line of its own.
func crowdNode(b *testing.B, lan *lan, n int) *machine {
	b.Helper()
	m := newMachine(b, fmt.Sprint("n", n)).onOwnNetwork()
	lan.plug(m, "net", fmt.Sprintf("10.77.0.%d/24", n))
	rate := os.Getenv("QSYNC_BENCH_RATE")
	if rate == "" {
		rate = "1gbit"
	}
	ip(b, "netns", "exec", m.ns(), "tc", "qdisc", "add", "dev", "net", "root", "tbf", "rate", rate, "burst", "1mb", "latency", "50ms")
	return m
}

// inSync waits until the machine has so many peers, and all that they have.
func (m *machine) inSync(b *testing.B, peers int) {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	defer cancel()
	for {
		var status struct {
			Nodes []struct {
				Folders []struct {
					Peers []struct{ Connected bool }
				}
			}
		}
		out, err := m.command(ctx, "status", "--json").Output()
		must(b, errors.Join(err, json.Unmarshal(out, &status)))
		n := 0
		for _, node := range status.Nodes {
			for _, f := range node.Folders {
				for _, p := range f.Peers {
					if p.Connected {
						n++
					}
				}
			}
		}
		if n >= peers {
			break
		}
		must(b, ctx.Err())
		time.Sleep(100 * time.Millisecond)
	}
	if out, err := m.command(ctx, "wait", "--peers", "1", "--timeout", "19m").CombinedOutput(); err != nil {
		b.Fatalf("wait: %v\n%s", err, out)
	}
}

// sent is how many bytes have gone out on an interface.
func (m *machine) sent(name string) int64 {
	m.t.Helper()
	text, err := exec.Command("ip", "netns", "exec", m.ns(), "cat", "/sys/class/net/"+name+"/statistics/tx_bytes").Output()
	must(m.t, err)
	n, err := strconv.ParseInt(string(text[:len(text)-1]), 10, 64)
	must(m.t, err)
	return n
}

// BenchmarkFirstContact tells what crosses the line when two nodes meet for the first
// time that hold the same files already (QSYNC_BENCH_FILES, 500000 are promised), times
// and all, and when 100 of them differ. Run it with -benchtime 1x.
func BenchmarkFirstContact(b *testing.B) {
	for _, differ := range []int{0, 100} {
		b.Run(fmt.Sprint(differ), func(b *testing.B) {
			for b.Loop() {
				files := benchFiles(b)
				lan := newLAN(b)
				one, other := crowdNode(b, lan, 1), crowdNode(b, lan, 2)
				from, to := filepath.Join(b.TempDir(), "one"), filepath.Join(b.TempDir(), "other")
				benchTiny(b, from, files)
				if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
					b.Fatalf("cp: %v %s", err, out)
				}
				for i := range differ {
					must(b, os.WriteFile(tiny(from, i*files/100), []byte("changed since"), 0o644))
				}
				id := one.start("share", from, "--json").ready().ID
				one.looked(b)
				before := one.sent("net") + other.sent("net")
				took := seconds(func() {
					other.startFed(id+"\n", "join", "-", to, "--json").ready()
					other.waits()
					one.waits()
				})
				b.ReportMetric(took, "s")
				b.ReportMetric(float64(one.sent("net")+other.sent("net")-before)/1024, "KiB-both-ways")
				b.ReportMetric(0, "ns/op")
			}
		})
	}
}

// tiny is the path of the i-th file of benchTiny.
func tiny(dir string, i int) string {
	return filepath.Join(dir, fmt.Sprintf("d%04d", i/500), fmt.Sprintf("f%06d", i))
}

// benchTiny makes files of 64 bytes, 500 a directory.
func benchTiny(b *testing.B, dir string, files int) {
	b.Helper()
	for i := range files {
		p := tiny(dir, i)
		if i%500 == 0 {
			must(b, os.MkdirAll(filepath.Dir(p), 0o755))
		}
		must(b, os.WriteFile(p, fmt.Appendf(nil, "%064d", i), 0o644))
	}
}

// looked waits until the only node of a folder has looked at all of it.
func (m *machine) looked(b *testing.B) {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	if out, err := m.command(ctx, "wait", "--timeout", "9m").CombinedOutput(); err != nil {
		b.Fatalf("wait: %v\n%s", err, out)
	}
}
