//go:build unix

package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// pair is two nodes that keep a folder each, for programs that work in it.
type pair struct {
	*testing.T
	nodes [2]*machine
	dirs  []string
}

func newPair(t *testing.T) *pair {
	t.Helper()
	p := &pair{T: t, nodes: [2]*machine{newMachine(t, "a"), newMachine(t, "b")}, dirs: dirs(t, "a", "b")}
	args := []string{"--listen", "127.0.0.1:0", "--no-discovery", "--max-delete", "100%"}
	ready := p.nodes[0].start(append([]string{"share", p.dirs[0], "--json"}, args...)...).ready()
	p.nodes[1].startFed(ready.ID, append([]string{"join", "-", p.dirs[1], "--remote", ready.Listen[0]}, args...)...)
	p.nodes[0].settles(1)
	return p
}

// equal waits until both sides have come to rest, and compares them to the byte.
// A program that works on one side alone leaves no conflict.
func (p *pair) equal() {
	p.Helper()
	p.nodes[0].settles(1)
	p.nodes[1].settles(1)
	same(p.T, p.dirs...)
	for path := range synced.must(p.T, p.dirs[1]) {
		if strings.Contains(path, ".conflict-") {
			p.Fatalf("a conflict where one side works: %s", path)
		}
	}
}

// does runs a program in a directory of its own network and settings.
func does(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Dir(dir), "TMPDIR=" + t.TempDir()}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// goTree is the source of the Go installation, or as much of it as a short run
// has time for.
func goTree(t *testing.T) (at string, packages []string) {
	t.Helper()
	out, err := exec.Command("go", "env", "GOROOT").Output()
	must(t, err)
	at = filepath.Join(strings.TrimSpace(string(out)), "src")
	if long {
		return at, []string{"."}
	}
	return at, []string{"archive", "text"}
}

// What people run in their folders: on the other side all of it arrives, whole,
// and goes again.
func TestPrograms(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	a, b := p.dirs[0], p.dirs[1]
	src, packages := goTree(t)

	must(t, os.Mkdir(filepath.Join(a, "tar"), 0o755))
	does(t, a, "sh", append([]string{"-c", `src=$1; shift; tar -C "$src" -cf - "$@" | tar -xf - -C tar`, "sh", src}, packages...)...)
	p.equal()
	for _, name := range packages {
		must(t, differs(synced.must(t, filepath.Join(src, name)), synced.must(t, filepath.Join(b, "tar", name))))
	}
	does(t, b, "rm", "-rf", "tar")
	p.equal()
	if left := synced.must(t, a); len(left) > 0 {
		t.Fatalf("rm -rf leaves %v", left)
	}

	sync := func(args ...string) {
		does(t, a, "rsync", append(args, filepath.Join(src, packages[0])+"/", "rsync")...)
	}
	sync("-a")
	p.equal()
	write(t, filepath.Join(b, "rsync", "extra"), "x")
	must(t, os.WriteFile(filepath.Join(b, "rsync", "extra"), []byte("y"), 0o600))
	p.equal()
	sync("-a", "--delete", "--checksum", "--inplace")
	p.equal()
	sync("-a", "--delete") // the second pass of rsync finds nothing to do, and sync neither
	p.equal()
	must(t, differs(synced.must(t, filepath.Join(src, packages[0])), synced.must(t, filepath.Join(b, "rsync"))))

	p.builds()
	p.installs()
}

// builds compiles Go, with the cache of the compiler in the folder, and the
// other side finds the cache good.
func (p *pair) builds() {
	p.Helper()
	a, b := p.dirs[0], p.dirs[1]
	src := filepath.Join(a, "src")
	target := "./..."
	if long {
		target = "./cmd/qsync"
		does(p.T, a, "git", "clone", "-q", repository(p.T), "src")
	} else {
		write(p.T, filepath.Join(src, "go.mod"), "module example.org/m\n\ngo 1.25\n")
		for i := range 12 {
			name := fmt.Sprint("p", i)
			write(p.T, filepath.Join(src, name, "p.go"), fmt.Sprintf("package %s\n\nfunc F(n int) int { return n * %d }\n", name, i))
		}
	}
	build := func(root string, more ...string) string {
		cmd := exec.Command("go", append(append([]string{"build"}, more...), target)...)
		cmd.Dir = filepath.Join(root, "src")
		cmd.Env = append(os.Environ(), "GOCACHE="+filepath.Join(root, "cache"), "GOFLAGS=-trimpath -buildvcs=false", "GOTOOLCHAIN=local")
		out, err := cmd.CombinedOutput()
		if err != nil {
			p.Fatalf("go build: %v\n%s", err, out)
		}
		return string(out)
	}
	build(a)
	p.equal()
	if out := build(b, "-x"); strings.Contains(out, "/compile ") {
		p.Errorf("the cache of the other side does not do:\n%s", tail(out))
	}
	p.equal()
}

// repository is the project's own.
func repository(t *testing.T) string {
	t.Helper()
	at, err := filepath.Abs("..")
	must(t, err)
	return at
}

// installs has npm install a package with all that it depends on, from the registry
// that npm is set to. The other side runs it, takes out what that needed, and this
// side is as it was.
func (p *pair) installs() {
	p.Helper()
	t := p.T
	here, there := filepath.Join(p.dirs[0], "app"), filepath.Join(p.dirs[1], "app")
	packages := []string{"express@4.21.2"} // some 70 packages, 640 files, a program that is a symlink
	if long {
		packages = append(packages, "webpack@5.99.9")
	}
	write(t, filepath.Join(here, "package.json"), `{"name":"app","version":"1.0.0","private":true}`)
	npm(t, here, append([]string{"install"}, packages...)...)
	p.equal()
	files := 0
	for range synced.must(t, filepath.Join(there, "node_modules")) {
		files++
	}
	if files < 500 {
		t.Fatalf("npm installed %d entries: too few to show anything", files)
	}
	npm(t, there, "ls", "--all")
	const program = `const app = require("express")(); app.get("/", () => {}); console.log(typeof app.listen)`
	if out := does(t, there, "node", "-e", program); out != "function\n" {
		t.Errorf("on the other side the program says %q", out)
	}
	if out := does(t, there, "node_modules/.bin/mime", "a.html"); out != "text/html\n" {
		t.Errorf("on the other side the program of a package says %q", out)
	}
	for _, name := range packages {
		name, _, _ = strings.Cut(name, "@")
		npm(t, there, "uninstall", name)
	}
	p.equal()
	npm(t, here, "ls", "--all")
	for path := range synced.must(t, filepath.Join(here, "node_modules")) {
		if strings.HasSuffix(path, ".js") {
			t.Fatalf("npm removed it on one side, and it is on the other: %s", path)
		}
	}
}

// npm runs it with the settings of whoever runs the test, so that it finds the
// registry that this machine uses, and what it fetched before. No package's own
// script is run.
func npm(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("npm", append(args, "--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts", "--no-update-notifier", "--loglevel=error")...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("npm %s: %v\n%s\nThe test needs a real package once: from npm's registry (npm config get registry;\n"+
			"npm_config_registry=URL for another one), or from npm's cache (npm_config_cache=DIR)\n"+
			"where a run with a network left it.", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// A repository that people use on both sides in turn: clone, rebase, gc, worktree,
// and a commit here, a commit there. Each finds what the other did, whole.
func TestGitInTurn(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	repo := func(side int) string { return filepath.Join(p.dirs[side], "repo") }
	must(t, os.Mkdir(repo(0), 0o755))
	git(t, repo(0), "init", "-q", "-b", "main")
	fill(t, repo(0), 30)
	git(t, repo(0), "add", "-A")
	git(t, repo(0), "commit", "-q", "-m", "first")
	p.equal()
	rounds := 2
	if long {
		rounds = 40
	}
	for i := range rounds {
		here, there := repo(i%2), repo(1-i%2)
		git(t, here, "switch", "-q", "-c", fmt.Sprint("topic", i))
		write(t, filepath.Join(here, "topics", fmt.Sprint(i)), "topic")
		git(t, here, "add", "-A")
		git(t, here, "commit", "-q", "-m", fmt.Sprint("topic ", i))
		git(t, here, "switch", "-q", "main")
		p.equal()
		write(t, filepath.Join(there, "d1", fmt.Sprint("by the other ", i)), "x")
		git(t, there, "add", "-A")
		git(t, there, "commit", "-q", "-m", fmt.Sprint("main ", i))
		p.equal()
		git(t, here, "rebase", "-q", "main", fmt.Sprint("topic", i))
		git(t, here, "switch", "-q", "main")
		git(t, here, "merge", "-q", "--ff-only", fmt.Sprint("topic", i))
		switch i % 3 {
		case 0:
			git(t, here, "worktree", "add", "-q", "../work", "-b", fmt.Sprint("work", i))
			write(t, filepath.Join(here, "../work/w"), fmt.Sprint(i))
			git(t, filepath.Join(here, "../work"), "add", "-A")
			git(t, filepath.Join(here, "../work"), "commit", "-q", "-m", "in a worktree")
			p.equal()
			git(t, here, "worktree", "remove", "../work")
		case 1:
			git(t, here, "gc", "-q", "--prune=now")
			git(t, filepath.Dir(here), "clone", "-q", "repo", fmt.Sprint("clone", i))
		}
		p.equal()
		for side := range 2 {
			git(t, repo(side), "fsck", "--strict")
			if out := git(t, repo(side), "status", "--porcelain"); out != "" {
				t.Fatalf("git status:\n%s", out)
			}
		}
		if x, y := git(t, here, "log", "--oneline", "--all"), git(t, there, "log", "--oneline", "--all"); x != y {
			t.Fatalf("the history is\n%s here and there\n%s", x, y)
		}
	}
}
