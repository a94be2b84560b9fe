//go:build unix

package integration

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait; what takes longer on a busy machine is broken.
const patience = time.Minute

// parallel is how many tests run at once: they mostly wait for each other's
// nodes, not for a core.
const parallel = "8"

// long says that trees are larger and rounds more.
var long = os.Getenv("QSYNC_INTEGRATION") == "long"

// atEnd is done when all tests are: what they share is put away.
var atEnd []func()

// binary is the program, built once by TestMain.
var binary string

func TestMain(m *testing.M) {
	if os.Getenv(beaconEnv) != "" {
		os.Exit(beaconMain())
	}
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		_ = flag.Set("test.parallel", parallel)
	}
	go measureStrain()
	os.Exit(inMemory(func() int { return withBinary(m.Run) }))
}

// inMemory runs with temporary directories in memory where the system has such
// a place, so that flushes of other programs do not slow down the tests. Long
// runs, and those with a TMPDIR, are on the disk.
func inMemory(run func() int) int {
	const memory = "/dev/shm"
	fi, err := os.Stat(memory)
	if err != nil || !fi.IsDir() || long || os.Getenv("TMPDIR") != "" {
		return run()
	}
	dir, err := os.MkdirTemp(memory, "qsync-integration-")
	if err != nil {
		return run()
	}
	defer os.RemoveAll(dir)
	if err := errors.Join(os.Chmod(dir, 0o755), os.Setenv("TMPDIR", dir)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return run()
}

func withBinary(run func() int) int {
	dir, err := os.MkdirTemp("", "qsync-integration-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	// Others have to be able to run it, in tests of what a user may not read.
	if err := os.Chmod(dir, 0o755); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	binary = filepath.Join(dir, "qsync")
	if err := build(binary, nil); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := run()
	for _, f := range atEnd {
		f()
	}
	return code
}

// build links the program. go run keeps what it has linked until something
// changes, as go build does not, and linking takes seconds.
func build(exe string, env []string, flags ...string) error {
	args := append([]string{"run", "-exec", "cp"}, flags...)
	cmd := exec.Command("go", append(args, "qsync/cmd/qsync", exe)...)
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building the program: %w\n%s", err, out)
	}
	return nil
}

// machine is where qsync runs: a home of its own and perhaps a network
// namespace, which on Linux is as good as a computer.
type machine struct {
	t    testing.TB
	name string
	home string
	env  []string
	wrap []string // a command that runs the one after it
	exe  string   // another build of the program than [binary], "" for that
}

func newMachine(t testing.TB, name string) *machine {
	t.Helper()
	return &machine{t: t, name: name, home: filepath.Join(t.TempDir(), "home-"+name)}
}

// command is the binary with this machine's home. Options of the test come
// first, so that args may end in "--".
func (m *machine) command(ctx context.Context, args ...string) *exec.Cmd {
	all := append(append([]string{}, m.wrap...), cmp.Or(m.exe, binary))
	all = append(all, args...)
	cmd := exec.CommandContext(ctx, all[0], all[1:]...)
	cmd.Dir = filepath.Dir(m.home)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Dir(m.home), "TMPDIR=" + os.TempDir(), "QSYNC_HOME=" + m.home}, m.env...)
	cmd.WaitDelay = time.Second
	return cmd
}

// result is a command that has ended.
type result struct {
	code     int
	out, err string
}

// run runs the binary to its end.
func (m *machine) run(args ...string) result {
	m.t.Helper()
	return m.feed("", args...)
}

// feed is run with something on standard input.
func (m *machine) feed(stdin string, args ...string) result {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	cmd := m.command(ctx, args...)
	var out, messages bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &messages
	err := startProcess(cmd)
	if err == nil {
		err = cmd.Wait()
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		m.t.Fatalf("%s: qsync %s: %v\n%s", m.name, strings.Join(args, " "), err, messages.String())
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), messages.String()}
}

// must is run that has to end with that code.
func (m *machine) must(code int, args ...string) result {
	m.t.Helper()
	r := m.run(args...)
	if r.code != code {
		m.t.Fatalf("%s: qsync %s ended with %d, want %d\n%s%s", m.name, strings.Join(args, " "), r.code, code, r.out, r.err)
	}
	return r
}

// process is a running node.
type process struct {
	m        *machine
	args     []string
	cmd      *exec.Cmd
	out, err output
	ended    chan struct{}
}

// output is what a process has written so far.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// start runs the binary in the background until it is ended or the test is over.
func (m *machine) start(args ...string) *process {
	m.t.Helper()
	return m.startFed("", args...)
}

func (m *machine) startFed(stdin string, args ...string) *process {
	m.t.Helper()
	p := &process{m: m, args: args, ended: make(chan struct{})}
	p.cmd = m.command(context.Background(), args...)
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = strings.NewReader(stdin), &p.out, &p.err
	if err := startProcess(p.cmd); err != nil {
		m.t.Fatalf("%s: %v", m.name, err)
	}
	go func() { _ = p.cmd.Wait(); close(p.ended) }()
	m.t.Cleanup(func() {
		if m.t.Failed() && p.running() {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			status, _ := m.command(ctx, "status", "--json").Output() // where it stands is worth more than what it said
			m.t.Logf("%s: its status is\n%s", m.name, tail(string(status)))
		}
		p.kill()
		if m.t.Failed() {
			m.t.Logf("%s: qsync %s said\n%s%s", m.name, strings.Join(args, " "), p.out.String(), tail(p.err.String()))
		}
	})
	return p
}

// tail is the end of a long text.
func tail(text string) string {
	const most = 6000
	if len(text) > most {
		return "…" + text[len(text)-most:]
	}
	return text
}

// kill is SIGKILL: what a crash or a power cut leaves of a process.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// end signals the process, which has to end with that code in the time that is
// promised.
func (p *process) end(sig syscall.Signal, code int) {
	p.m.t.Helper()
	began := time.Now()
	_ = p.cmd.Process.Signal(sig)
	p.exits(code)
	if took := time.Since(began); overdue(began, took, 6*time.Second) {
		p.m.t.Errorf("%s took %v to end, want 5 s at most", p.m.name, took)
	}
}

// exits waits until the process ends by itself.
func (p *process) exits(code int) {
	p.m.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.m.t.Fatalf("%s: qsync %s does not end", p.m.name, strings.Join(p.args, " "))
	}
	if got := p.cmd.ProcessState.ExitCode(); got != code {
		p.m.t.Fatalf("%s: qsync %s ended with %d, want %d\n%s", p.m.name, strings.Join(p.args, " "), got, code, tail(p.err.String()))
	}
}

// running reports whether the process has not ended.
func (p *process) running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// readyLine is the first line that --json prints.
type readyLine struct {
	Event, ID, Folder, Node, Name, Mode string
	Listen                              []string
}

// ready waits for the ready line of a node started with --json.
func (p *process) ready() (line readyLine) {
	p.m.t.Helper()
	p.m.eventually(func() error {
		if !p.running() {
			p.m.t.Fatalf("%s ended: %s", p.m.name, p.err.String())
		}
		first, _, whole := strings.Cut(p.out.String(), "\n")
		if !whole {
			return fmt.Errorf("%s: no ready line", p.m.name)
		}
		return json.Unmarshal([]byte(first), &line)
	})
	if line.Event != "ready" || len(line.Listen) == 0 {
		p.m.t.Fatalf("%s: the first line is %+v", p.m.name, line)
	}
	return line
}

// says waits until the messages of a process hold a text.
func (p *process) says(text string) {
	p.m.t.Helper()
	p.m.eventually(func() error {
		if !strings.Contains(p.err.String(), text) {
			return fmt.Errorf("%s does not say %q but\n%s", p.m.name, text, tail(p.err.String()))
		}
		return nil
	})
}

// eventually repeats check until it has no complaint.
func (m *machine) eventually(check func() error) {
	m.t.Helper()
	eventually(m.t, check)
}

func eventually(t testing.TB, check func() error) {
	t.Helper()
	pause := 5 * time.Millisecond
	for end := time.Now().Add(patience); ; time.Sleep(pause) {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("still after %v: %v", patience, err)
		}
		pause = min(2*pause, 200*time.Millisecond)
	}
}
