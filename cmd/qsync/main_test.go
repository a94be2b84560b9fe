package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"qsync": main})
}

// TestScripts runs every file of testdata/script. Beside what testscript has, a
// script may use
//
//	exits N PROGRAM ARGS…       run it; it must end with exit code N. What of qsync ends at once is run within this process
//	ends NAME SIGNAL N          signal background process NAME; it must end with N within 30 s
//	signal NAME HUP             signal background process NAME, which goes on
//	until FILE TEXT             wait at most 30 s until FILE holds TEXT; ! until: until FILE is gone
//	mode PERM PATH…             the permission bits are PERM
//	start NAME PROGRAM ARGS…    run it in the background; output goes to NAME.out and NAME.err
//	fill DIR N                  N small files
//	hexid                       sets $ID to a fresh sync ID
//	mistake ARGS…               qsync with them ends with 2, one line on stderr, none of it kong's
//	invitation IDFILE AT FILE   FILE gets the link with the ID of IDFILE and those addresses
func TestScripts(t *testing.T) {
	dir, err := filepath.Abs(filepath.Join("testdata", "script"))
	if err != nil {
		t.Fatal(err)
	}
	if fi, err := os.Stat("/dev/shm"); err == nil && fi.IsDir() && os.Getenv("TMPDIR") == "" {
		t.Setenv("GOTMPDIR", "/dev/shm") // in memory, where no flush waits for a disk
	}
	testscript.Run(t, testscript.Params{
		Dir:                 dir,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			for _, name := range []string{"PORT1", "PORT2", "PORT3"} {
				port, err := freePort()
				if err != nil {
					return err
				}
				e.Setenv(name, port)
			}
			e.Setenv("QSYNC_HOME", filepath.Join(e.WorkDir, "home"))
			e.Setenv("HOME", e.WorkDir)
			e.Values["running"] = map[string]*background{}
			running := e.Values["running"].(map[string]*background)
			e.Defer(func() {
				for _, b := range running {
					_ = b.cmd.Process.Kill()
					<-b.ended
				}
			})
			return nil
		},
		Condition: func(cond string) (bool, error) {
			if cond == "root" {
				return os.Geteuid() == 0, nil
			}
			return false, fmt.Errorf("no condition %q", cond)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "start": start, "signal": signalTo, "ends": ends, "until": until, "mode": mode, "fill": fill, "hexid": hexid, "invitation": writeLink, "mistake": mistaken,
		},
	})
}

func freePort() (string, error) {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer c.Close()
	_, port, err := net.SplitHostPort(c.LocalAddr().String())
	return port, err
}

// background is a process that a script started.
type background struct {
	cmd   *exec.Cmd
	ended chan struct{}
}

func start(ts *testscript.TestScript, _ bool, args []string) {
	path, err := exec.LookPath(args[1])
	ts.Check(err)
	cmd := exec.Command(path, args[2:]...)
	cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"PATH", "HOME", "QSYNC_HOME", "QSYNC_ID", "TMPDIR"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	out, err := os.Create(ts.MkAbs(args[0] + ".out"))
	ts.Check(err)
	defer out.Close()
	messages, err := os.Create(ts.MkAbs(args[0] + ".err"))
	ts.Check(err)
	defer messages.Close()
	cmd.Stdout, cmd.Stderr = out, messages
	ts.Check(cmd.Start())
	b := &background{cmd, make(chan struct{})}
	go func() { _ = cmd.Wait(); close(b.ended) }()
	ts.Value("running").(map[string]*background)[args[0]] = b
}

func ends(ts *testscript.TestScript, _ bool, args []string) {
	b := ts.Value("running").(map[string]*background)[args[0]]
	if b == nil {
		ts.Fatalf("nothing called %s was started", args[0])
	}
	want, err := strconv.Atoi(args[2])
	ts.Check(err)
	switch args[1] {
	case "INT":
		ts.Check(b.cmd.Process.Signal(os.Interrupt))
	case "TERM":
		ts.Check(b.cmd.Process.Signal(terminate))
	case "none":
	default:
		ts.Fatalf("no signal %s", args[1])
	}
	select {
	case <-b.ended:
	case <-time.After(30 * time.Second): // a promise of 5 s, on a machine that does nothing else
		ts.Fatalf("%s did not end", args[0])
	}
	messages, _ := os.ReadFile(ts.MkAbs(args[0] + ".err"))
	ts.Logf("[%s]\n%s", args[0], messages)
	if got := b.cmd.ProcessState.ExitCode(); got != want {
		ts.Fatalf("%s ended with %d, want %d", args[0], got, want)
	}
}

func signalTo(ts *testscript.TestScript, _ bool, args []string) {
	b := ts.Value("running").(map[string]*background)[args[0]]
	if b == nil || args[1] != "HUP" {
		ts.Fatalf("nothing called %s was started, or no signal %s", args[0], args[1])
	}
	ts.Check(b.cmd.Process.Signal(hangup))
}

func until(ts *testscript.TestScript, neg bool, args []string) {
	path, text := ts.MkAbs(args[0]), strings.Join(args[1:], " ")
	last := ""
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		b, err := os.ReadFile(path)
		if neg && errors.Is(err, fs.ErrNotExist) {
			return
		}
		if _, serr := os.Stat(path); !neg && serr == nil && text == "" {
			return
		}
		if !neg && err == nil && strings.Contains(string(b), text) {
			return
		}
		last = string(b)
	}
	ts.Fatalf("%s did not come to hold %q but %q", args[0], text, last)
}

func mode(ts *testscript.TestScript, _ bool, args []string) {
	if runtime.GOOS == "windows" {
		return
	}
	want, err := strconv.ParseUint(args[0], 8, 32)
	ts.Check(err)
	for _, pattern := range args[1:] {
		paths, err := filepath.Glob(ts.MkAbs(pattern))
		ts.Check(err)
		if len(paths) == 0 {
			ts.Fatalf("nothing at %s", pattern)
		}
		for _, p := range paths {
			fi, err := os.Stat(p)
			ts.Check(err)
			if fi.Mode().Perm() != fs.FileMode(want) {
				ts.Fatalf("%s has mode %o, want %o", p, fi.Mode().Perm(), want)
			}
		}
	}
}

func fill(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o755))
	for i := range n {
		ts.Check(os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%d", filepath.Base(dir), i)), []byte(strconv.Itoa(i)), 0o644))
	}
}

func hexid(ts *testscript.TestScript, _ bool, _ []string) {
	var out strings.Builder
	if code := run([]string{"id", "new"}, nil, streams{strings.NewReader(""), &out, &out}); code != 0 {
		ts.Fatalf("id new: %d", code)
	}
	ts.Setenv("ID", strings.TrimSpace(out.String()))
}

func mistaken(ts *testscript.TestScript, _ bool, args []string) {
	var stdout, stderr strings.Builder
	if code := runWithin(ts, args, &stdout, &stderr); code != 2 {
		ts.Fatalf("exit code %d, want 2", code)
	}
	fmt.Fprint(ts.Stderr(), stderr.String())
	text := stderr.String()
	if out := stdout.String(); out != "" || strings.Count(text, "\n") != 1 || !strings.HasPrefix(text, "qsync: ") {
		ts.Fatalf("not one sentence: %q %q", out, text)
	}
	for _, raw := range []string{"EOL", "expected", "unexpected", "value value", "(did you mean one of", "<", "..", "help'?"} {
		if strings.Contains(text, raw) {
			ts.Fatalf("it says %q", raw)
		}
	}
}

func writeLink(ts *testscript.TestScript, _ bool, args []string) {
	link := linkStart + "id=" + strings.TrimSpace(ts.ReadFile(args[0])) + "&at=" + args[1]
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(link+"\n"), 0o600))
}

// call runs the program in this process.
func call(t *testing.T, env []string, stdin string, args ...string) (code int, out, messages string) {
	t.Helper()
	env = slices.Concat([]string{"HOME=" + t.TempDir()}, env)
	var o, e strings.Builder
	code = run(args, env, streams{strings.NewReader(stdin), &o, &e})
	return code, o.String(), e.String()
}
