package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// candidatesFor returns what a shell is offered: texts, and what it is to add.
func candidatesFor(t *testing.T, env []string, args ...string) string {
	t.Helper()
	code, out, messages := call(t, env, "", append([]string{completeWord}, args...)...)
	if code != 0 || messages != "" {
		t.Fatalf("%q: %d %s", args, code, messages)
	}
	var texts []string
	for line := range strings.Lines(out) {
		text, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		texts = append(texts, text)
	}
	return strings.Join(texts, " ")
}

func TestCandidates(t *testing.T) {
	home, docs := t.TempDir(), t.TempDir()
	env := []string{"QSYNC_HOME=" + home}
	id := someInvitation(t).id
	if err := (homeAt(home)).save(entry{ID: id.Hex(), Dir: docs, Kind: "share", Mode: "two-way", tag: "t"}); err != nil {
		t.Fatal(err)
	}
	known := filepath.ToSlash(docs)
	for _, c := range []struct{ words, want string }{
		{"sta", "status :dirs"},
		{"id ", "new show words qr check"},
		{"id s", "show"},
		{"share --no-di", "--no-discovery"},
		{"--bi", "--bidirectional"},
		{"src --bi", "--bidirectional"},
		{"src dst ", ""},
		{"src ", ":dirs"},
		{"--mode ", "two-way send receive backup mirror"},
		{"src dst --mode ", "two-way send receive backup mirror"},
		{"src dst --mode=", "--mode=two-way --mode=send --mode=receive --mode=backup --mode=mirror"},
		{"src dst --mode=s", "--mode=send"},
		{"share --mode send ", known + " :dirs"},
		{"share -vq ", known + " :dirs"},
		{"share --name ", ""},
		{"share --log-file ", ":files"},
		{"share --home ", ":dirs"},
		{"share --home elsewhere ", ":dirs"},
		{"share --home=elsewhere ", ":dirs"},
		{"forget ", known + " :dirs"},
		{"id show " + docs[:3], known + " :dirs"},
		{"id show x ", ""},
		{"status -- ", known + " :dirs"},
		{"status -- --", ":dirs"},
		{"join ", "-"},
		{"join - ", ":dirs"},
		{"join - docs --id-file ", ":files"},
		{"completion ", "bash zsh fish powershell"},
		{"version ", ""},
		{"nosuch --nosuch ", ":dirs"},
	} {
		if got := candidatesFor(t, env, append([]string{"zsh"}, strings.Split(c.words, " ")...)...); got != c.want {
			t.Errorf("%q: %q, want %q", c.words, got, c.want)
		}
	}
	if got := candidatesFor(t, env, "bash", "share", "--mode", "=", "t"); got != "two-way" {
		t.Errorf("bash after a =: %q", got)
	}
	if got := candidatesFor(t, env, "bash", "a", "--remote", "nas", ":", "2121", "b", "--onc"); got != "--once" {
		t.Errorf("bash after a colon: %q", got)
	}
	if got := candidatesFor(t, env, "powershell-next", "id"); got != "new show words qr check" {
		t.Errorf("powershell after a space: %q", got)
	}
	if got := candidatesFor(t, env, "zsh"); !strings.HasPrefix(got, "share join") {
		t.Errorf("nothing typed: %q", got)
	}
	if got := candidatesFor(t, env); got != "" {
		t.Errorf("no shell: %q", got)
	}
}

func homeAt(dir string) home { return home{dir: dir} }

// Every word that is offered is one that the grammar takes, and the other way round.
func TestCandidatesAreTheGrammar(t *testing.T) {
	got := strings.TrimSuffix(candidatesFor(t, nil, "zsh", ""), " :dirs")
	if want := strings.Join(commandNames[:len(commandNames)-1], " "); got != want {
		t.Errorf("commands %q, want %q", got, want)
	}
	_, help, _ := call(t, nil, "", "help", "sync")
	for flag := range strings.FieldsSeq(candidatesFor(t, nil, "zsh", "a", "b", "--")) {
		if !strings.Contains(help, flag) {
			t.Errorf("%s is offered and not in the help", flag)
		}
	}
}

// The script runs in a bash of its own; the words on the command line are what
// a person has typed.
func TestBashCompletes(t *testing.T) {
	bin := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(bin, "qsync")); err != nil { // testscript makes this binary qsync by its name
		t.Fatal(err)
	}
	work := t.TempDir()
	for _, dir := range []string{"my photos", "music"} {
		if err := os.Mkdir(filepath.Join(work, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	script := filepath.Join(bin, "completion.bash")
	if err := os.WriteFile(script, []byte(bashScript+`
compopt() { :; } # only known while bash itself completes
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_qsync
for c in "${COMPREPLY[@]}"; do printf '%s|' "$c"; done
`), 0o600); err != nil {
		t.Fatal(err)
	}
	for words, want := range map[string]string{
		"qsync,sta": "status|", "qsync,id,": "new|show|words|qr|check|", "qsync,share,mu": "music|",
		"qsync,a,b,--mode,=,": "two-way|send|receive|backup|mirror|", "qsync,a,b,--mode,=,r": "receive|", "qsync,share,--qr-file,my": "my photos|",
	} {
		cmd := exec.Command("bash", append([]string{"--norc", script}, strings.Split(words, ",")...)...)
		cmd.Dir = work
		cmd.Env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "QSYNC_HOME="+bin)
		out, err := cmd.Output()
		if err != nil || string(out) != want {
			t.Errorf("%s: %q, %v; want %q", words, out, err, want)
		}
	}
}

// Shells that are here check the syntax of their script; of the others what can
// be seen from outside is checked: that the script calls us with its name, and
// that its brackets and quotes are closed.
func TestShellScripts(t *testing.T) {
	for shell, script := range shellScripts {
		if !strings.Contains(script, completeWord+" "+shell) && !strings.Contains(script, completeWord+" $shell") {
			t.Errorf("%s does not call back", shell)
		}
		code, out, _ := call(t, nil, "", "completion", shell)
		if code != 0 || out != script {
			t.Errorf("completion %s: %d", shell, code)
		}
		if path, err := exec.LookPath(shell); err == nil && shell != "powershell" && runtime.GOOS != "windows" {
			cmd := exec.Command(path, "-n", "/dev/stdin")
			cmd.Stdin = strings.NewReader(script)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s", shell, err, out)
			}
		}
		for _, pair := range []string{"{}", "[]"} {
			if strings.Count(script, pair[:1]) != strings.Count(script, pair[1:]) {
				t.Errorf("%s: %s do not match", shell, pair)
			}
		}
		if strings.Count(script, `"`)%2 != 0 {
			t.Errorf("%s: a quote is open", shell)
		}
	}
}
