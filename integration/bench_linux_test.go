package integration

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// benchFiles is the size of the tree of the benchmarks.
func benchFiles(b *testing.B) int {
	n, err := strconv.Atoi(os.Getenv("QSYNC_BENCH_FILES"))
	if err != nil {
		n = 50_000
	}
	b.Logf("%d files; QSYNC_BENCH_FILES sets another number", n)
	return n
}

// benchTree makes files of 0.5 to 16 KiB, fifty a directory.
func benchTree(b *testing.B, dir string, files int) {
	b.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	pool := make([]byte, 1<<20)
	for i := range pool {
		pool[i] = byte(random.Uint32())
	}
	for i := range files {
		d := filepath.Join(dir, fmt.Sprintf("d%03d", i/2500), fmt.Sprintf("s%04d", i/50))
		if i%50 == 0 {
			must(b, os.MkdirAll(d, 0o755))
		}
		n := 512 + random.IntN(16<<10-512)
		at := random.IntN(len(pool) - n)
		head := []byte(strconv.Itoa(i))
		must(b, os.WriteFile(filepath.Join(d, fmt.Sprintf("f%06d", i)), append(head, pool[at:at+n]...), 0o644))
	}
}

// sshd serves rsync's other end on loopback, with keys of its own.
func sshd(b *testing.B) (shell string) {
	b.Helper()
	server, err := exec.LookPath("/usr/sbin/sshd")
	must(b, err)
	dir := b.TempDir()
	must(b, os.Chmod(dir, 0o700))
	must(b, os.MkdirAll("/run/sshd", 0o755))
	for _, k := range []string{"id", "host"} {
		must(b, exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, k)).Run())
	}
	me, err := exec.Command("id", "-un").Output()
	must(b, err)
	const port = "2929"
	conf := fmt.Sprintf("Port %s\nListenAddress 127.0.0.1\nHostKey %s/host\nAuthorizedKeysFile %s/id.pub\nStrictModes no\nUsePAM no\nPermitRootLogin yes\nPidFile none\n", port, dir, dir)
	must(b, os.WriteFile(filepath.Join(dir, "conf"), []byte(conf), 0o600))
	cmd := exec.Command(server, "-D", "-f", filepath.Join(dir, "conf"))
	must(b, cmd.Start())
	b.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	shell = fmt.Sprintf("ssh -p %s -l %s -i %s/id -o IdentitiesOnly=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=%s/known -o LogLevel=ERROR", port, strings.TrimSpace(string(me)), dir, dir)
	for range 100 {
		if exec.Command("sh", "-c", shell+" 127.0.0.1 true").Run() == nil {
			return shell
		}
		time.Sleep(50 * time.Millisecond)
	}
	b.Fatal("sshd does not answer")
	return ""
}

// waits is `qsync wait` with the time that a large tree takes.
func (m *machine) waits() {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	defer cancel()
	if out, err := m.command(ctx, "wait", "--peers", "1", "--timeout", "19m").CombinedOutput(); err != nil {
		m.t.Fatalf("wait: %v\n%s", err, out)
	}
}

func seconds(do func()) float64 {
	start := time.Now()
	do()
	return time.Since(start).Seconds()
}

func median(x []float64) float64 {
	slices.Sort(x)
	return x[len(x)/2]
}

// benchPair is two nodes on loopback, connected and empty but for a's tree.
func benchPair(b *testing.B, tree string) (src, dst *machine, dirs [2]string) {
	b.Helper()
	root := b.TempDir()
	src, dst = newMachine(b, "a"), newMachine(b, "b")
	dirs = [2]string{filepath.Join(root, "a"), filepath.Join(root, "b")}
	for _, d := range dirs {
		must(b, os.Mkdir(d, 0o755))
	}
	ready := src.start("share", dirs[0], "--json", "--listen", "127.0.0.1:0").ready()
	dst.startFed(ready.ID, "join", "-", dirs[1], "--remote", ready.Listen[0], "--listen", "127.0.0.1:0")
	src.settles(1)
	if tree != "" {
		must(b, exec.Command("cp", "-a", tree, filepath.Join(root, "stage")).Run())
		must(b, os.Rename(filepath.Join(root, "stage"), filepath.Join(dirs[0], "tree")))
	}
	return src, dst, dirs
}

// BenchmarkBesideRsync prints, as medians of three rounds in turn, how long the
// first sync of many small files and a pass over the unchanged tree take, for
// qsync between two nodes on loopback and for rsync over ssh. Both need rsync,
// ssh and sshd. TMPDIR says where: on a disk, flushes count as they do in life.
func BenchmarkBesideRsync(b *testing.B) {
	shell, files := sshd(b), benchFiles(b)
	tree := filepath.Join(b.TempDir(), "tree")
	benchTree(b, tree, files)
	var first, pass, rsyncFirst, rsyncPass []float64
	for b.Loop() {
		for range 3 {
			src, _, d := benchPair(b, tree)
			first = append(first, seconds(src.waits))
			pass = append(pass, seconds(src.waits))
			must(b, synced.unequal(d[0], d[1]))
			to := filepath.Join(b.TempDir(), "rsync")
			rsync := func() {
				out, err := exec.Command("rsync", "-a", "-e", shell, tree+"/", "127.0.0.1:"+to+"/").CombinedOutput()
				if err != nil {
					b.Fatalf("rsync: %v\n%s", err, out)
				}
			}
			rsyncFirst = append(rsyncFirst, seconds(rsync))
			rsyncPass = append(rsyncPass, seconds(rsync))
		}
	}
	report := func(name string, ours, theirs []float64) {
		b.ReportMetric(median(ours), name+"-s")
		b.ReportMetric(median(theirs), name+"-rsync-s")
		b.ReportMetric(median(ours)/median(theirs), name+"-ratio")
	}
	report("first", first, rsyncFirst)
	report("unchanged", pass, rsyncPass)
}

// BenchmarkLatency prints how long a new file of 1 KiB takes from its close on
// one node to being complete on the other: median and worst of fifty.
func BenchmarkLatency(b *testing.B) {
	_, _, d := benchPair(b, "")
	var took []float64
	content := []byte(strings.Repeat("x", 1024))
	for b.Loop() {
		for i := range 50 {
			name := fmt.Sprintf("f%d-%d", b.N, i)
			must(b, os.WriteFile(filepath.Join(d[0], name), content, 0o644))
			took = append(took, 1000*seconds(func() {
				for deadline := time.Now().Add(patience); ; time.Sleep(500 * time.Microsecond) {
					if got, err := os.ReadFile(filepath.Join(d[1], name)); err == nil && len(got) == len(content) {
						return
					}
					if time.Now().After(deadline) {
						b.Fatal(name + " does not arrive")
					}
				}
			}))
			time.Sleep(30 * time.Millisecond)
		}
	}
	b.ReportMetric(median(took), "median-ms")
	b.ReportMetric(slices.Max(took), "worst-ms")
}

// BenchmarkMemory prints the peak resident memory of both nodes after a first
// sync; with QSYNC_BENCH_FILES=500000 that is the figure of the design.
func BenchmarkMemory(b *testing.B) {
	tree := filepath.Join(b.TempDir(), "tree")
	benchTree(b, tree, benchFiles(b))
	for b.Loop() {
		src, dst, _ := benchPair(b, tree)
		src.waits()
		b.ReportMetric(peakMiB(b, src), "source-MiB")
		b.ReportMetric(peakMiB(b, dst), "destination-MiB")
	}
}

func peakMiB(b *testing.B, m *machine) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", m.status().Nodes[0].PID))
	must(b, err)
	for line := range strings.Lines(string(text)) {
		var kib float64
		if n, _ := fmt.Sscanf(line, "VmHWM: %f kB", &kib); n == 1 {
			return kib / 1024
		}
	}
	b.Fatal("no VmHWM")
	return 0
}

// BenchmarkIdle tells what a headless node costs that has nothing to do: with five
// folders, of which two have a peer that is connected. Run it with
// QSYNC_BENCH_FILES=100000 and -benchtime 1x.
func BenchmarkIdle(b *testing.B) {
	files := max(benchFiles(b), 5)
	m := newMachine(b, "idle").onOwnNetwork()
	other := newMachine(b, "other")
	other.wrap = m.wrap
	var config, mirror strings.Builder
	config.WriteString("folders:\n")
	mirror.WriteString("folders:\n")
	for i := range 5 {
		dir := filepath.Join(b.TempDir(), "d")
		benchTree(b, dir, files/5)
		id := newID(m)
		fmt.Fprintf(&config, "  - path: %s\n    id: %s\n", dir, id)
		if i < 2 {
			fmt.Fprintf(&mirror, "  - path: %s\n    id: %s\n    remotes: ['127.0.0.1:2121']\n", b.TempDir(), id)
		}
	}
	cable := newLAN(b)
	cable.plug(m, "net", "10.77.0.1/24")
	for b.Loop() {
		p := m.serves(config.String())
		q := other.serves(mirror.String())
		other.waits()
		time.Sleep(30 * time.Second) // what was opened last comes to rest
		const span = 60 * time.Second
		before := cpuTime(b, p)
		time.Sleep(span)
		used := cpuTime(b, p) - before
		b.ReportMetric(100*used.Seconds()/span.Seconds(), "%-of-a-core")
		b.ReportMetric(float64(resident(b, p))/1024, "MiB-resident")
		q.end(sigterm, 143)
		p.end(sigterm, 143)
	}
}

// cpuTime is the processor time that a process has used (proc(5)).
func cpuTime(b *testing.B, p *process) time.Duration {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	must(b, err)
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	user, err := strconv.Atoi(fields[11])
	must(b, err)
	system, err := strconv.Atoi(fields[12])
	must(b, err)
	return time.Duration(user+system) * 10 * time.Millisecond // USER_HZ is 100
}
