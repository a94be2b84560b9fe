//go:build unix

package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// The source tree of the Go installation, in a short run that of its
// cryptography, to a directory here and to another
// node: byte for byte, with modes and times; then a pass that changes nothing.
func TestGoSourceTree(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "env", "GOROOT").Output()
	must(t, err)
	src, least := filepath.Join(strings.TrimSpace(string(out)), "src", "crypto"), 500
	if long {
		src, least = filepath.Dir(src), 5000
	}
	a, b := newMachine(t, "a"), newMachine(t, "b")
	d := dirs(t, "here", "there")
	before := synced.must(t, src)
	if len(before) < least {
		t.Fatalf("%s has %d entries: that is not the source tree", src, len(before))
	}
	id, at := newID(b), address(t)
	b.startFed(id, "join", "-", d[1], "--listen", at)
	r := a.must(0, src, "-", "--remote", at, "--once", "--force-id", id, "--listen", "127.0.0.1:0", "--timeout", "20")
	must(t, differs(before, synced.must(t, d[1])))
	t.Log(strings.TrimSpace(r.err))
	a.must(0, src, "-", "--remote", at, "--once", "--listen", "127.0.0.1:0").names(t, "0 added, 0 modified, 0 deleted, 0 B, 0 conflicts, 0 problems\n")
	a.must(0, src, d[0], "--once", "--versions", "0")
	must(t, differs(before, synced.must(t, d[0])))
	a.must(0, src, d[0], "--once", "--versions", "0").names(t, "0 added, 0 modified, 0 deleted, 0 B")
	must(t, differs(before, synced.must(t, d[0])))
	must(t, differs(before, synced.must(t, src)))
}

// A git repository in use on one side: on the other it is whole and clean, at
// rest, whatever happened. git gc removes more than half of all files here, which
// the brake does not mind.
func TestGitRepository(t *testing.T) {
	t.Parallel()
	a, b := newMachine(t, "a"), newMachine(t, "b")
	d := dirs(t, "a", "b")
	repo := filepath.Join(d[0], "repo")
	must(t, os.Mkdir(repo, 0o755))
	git(t, repo, "init", "-q", "-b", "main")
	fill(t, repo, 40)
	git(t, repo, "add", "-A")
	git(t, repo, "commit", "-q", "-m", "first")
	ready := a.start("share", d[0], "--listen", "127.0.0.1:0", "--json").ready()
	b.startFed(ready.ID, "join", "-", d[1], "--remote", ready.Listen[0], "--listen", "127.0.0.1:0")
	rounds := 3
	if long {
		rounds = 40
	}
	for i := range rounds {
		git(t, repo, "switch", "-q", "-c", fmt.Sprint("topic", i))
		for j := range 10 {
			write(t, filepath.Join(repo, fmt.Sprint("d", j%7), fmt.Sprint("f", j)), fmt.Sprintf("round %d %d", i, j))
			write(t, filepath.Join(repo, "topics", fmt.Sprint(i), fmt.Sprint(j)), fmt.Sprint(i, j))
			git(t, repo, "add", "-A")
			if j%3 == 1 {
				git(t, repo, "commit", "-q", "-m", fmt.Sprint("topic ", i, j))
			}
		}
		git(t, repo, "commit", "-q", "-m", "the rest")
		git(t, repo, "switch", "-q", "main")
		git(t, repo, "merge", "-q", "--no-ff", "-m", "merged", fmt.Sprint("topic", i))
		git(t, repo, "branch", "-q", "-d", fmt.Sprint("topic", i))
		switch i % 3 {
		case 0:
			git(t, repo, "gc", "-q", "--prune=now")
		case 1:
			git(t, repo, "stash", "-q", "-u", "--", ".")
			git(t, repo, "reset", "-q", "--hard", "HEAD~1")
		}
		a.settles(1)
		same(t, d...)
		other := filepath.Join(d[1], "repo")
		git(t, other, "fsck", "--strict")
		if out := git(t, other, "status", "--porcelain"); out != "" {
			t.Fatalf("git status on the other side:\n%s", out)
		}
		if here, there := git(t, repo, "rev-parse", "HEAD"), git(t, other, "rev-parse", "HEAD"); here != there {
			t.Fatalf("HEAD is %s here and %s there", here, there)
		}
	}
}

// git gc in a repository that is nearly all of a folder passes the brakes of both
// sides, live and in one pass; the repository's removal does not.
func TestGitCollects(t *testing.T) {
	t.Parallel()
	a, b, pair := newMachine(t, "a"), newMachine(t, "b"), newMachine(t, "pair")
	d := dirs(t, "a", "b", "copy")
	commits := func(n int) { // few of many files: what counts is what they leave in .git
		for i := range n {
			for j := range 20 {
				write(t, filepath.Join(d[0], fmt.Sprint("f", j)), fmt.Sprint(n, i, j))
			}
			git(t, d[0], "add", "-A")
			git(t, d[0], "commit", "-q", "-m", fmt.Sprint(i))
		}
	}
	git(t, d[0], "init", "-q", "-b", "main")
	commits(12)
	sharing := a.start("share", d[0], "--listen", "127.0.0.1:0", "--json")
	ready := sharing.ready()
	b.startFed(ready.ID, "join", "-", d[1], "--remote", ready.Listen[0], "--listen", "127.0.0.1:0")
	a.settles(1)
	pair.must(0, d[0], d[2], "--once")
	before := len(synced.must(t, d[0]))
	git(t, d[0], "gc", "-q")
	after := len(synced.must(t, d[0]))
	if before-after <= 100 || (before-after)*2 <= before {
		t.Fatalf("git gc left %d of %d entries: no brake would mind", after, before)
	}
	a.settles(1)
	same(t, d[0], d[1])
	pair.must(0, d[0], d[2], "--once")
	for _, dir := range d {
		git(t, dir, "fsck", "--strict")
	}
	commits(10)
	a.settles(1)
	pair.must(0, d[0], d[2], "--once")
	sharing.end(syscall.SIGINT, 130)
	must(t, os.RemoveAll(filepath.Join(d[0], ".git")))
	pair.must(6, d[0], d[2], "--once").names(t, "--max-delete")
	if n := git(t, d[2], "rev-list", "--count", "HEAD"); n != "22\n" {
		t.Errorf("%s commits are left in the copy", n)
	}
}

// git runs git with nobody's configuration. Locks are not taken for what only
// looks, so that looking is no change.
func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GIT_CONFIG_NOSYSTEM=1", "GIT_OPTIONAL_LOCKS=0", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=gc.auto", "GIT_CONFIG_VALUE_0=0"}
	for _, who := range []string{"AUTHOR", "COMMITTER"} {
		cmd.Env = append(cmd.Env, "GIT_"+who+"_NAME=test", "GIT_"+who+"_EMAIL=test@example.org")
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}
