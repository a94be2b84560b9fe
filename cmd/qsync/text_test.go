package main

import (
	"strings"
	"testing"

	"rsc.io/qr"

	"qsync/certs"
)

func TestHelpFitsAScreen(t *testing.T) {
	code, out, _ := call(t, nil, "", "--help")
	if code != 0 || strings.Count(out, "\n") > 24 {
		t.Errorf("code %d, %d lines", code, strings.Count(out, "\n"))
	}
	texts := []string{out}
	for topic := range examples {
		code, out, messages := call(t, nil, "", "help", topic)
		if code != 0 || !strings.Contains(out, examples[topic]) || strings.Index(out, examples[topic]) > 200 || messages != "" {
			t.Errorf("help of %s: %d %q", topic, code, messages)
		}
		texts = append(texts, out)
	}
	for _, text := range texts {
		for line := range strings.Lines(text) {
			if columns(strings.TrimSuffix(line, "\n")) > 80 {
				t.Errorf("too wide: %s", line)
			}
		}
	}
}

// Every command and every flag of the grammar is in the help.
func TestHelpIsComplete(t *testing.T) {
	_, out, _ := call(t, nil, "", "help", "sync")
	for _, flag := range []string{"-b, --bidirectional", "--remote", "--force-id", "--loop-time", "--once", "-n, --dry-run", "--listen",
		"--no-discovery", "--mode", "--exclude", "--no-default-ignores", "--name", "--versions", "--max-delete", "--home", "--json", "--log-level", "--log-file",
		"-v, --verbose", "-q, --quiet", "--no-color", "--no-progress", "--timeout", "--id-file"} {
		if !strings.Contains(out, "\n"+flag) {
			t.Errorf("%s is not in the help", flag)
		}
	}
}

func TestVariablesStandForFlags(t *testing.T) {
	for _, c := range []struct {
		env  []string
		args []string
		want bool // JSON
	}{
		{nil, []string{"version"}, false},
		{[]string{"QSYNC_JSON=1"}, []string{"version"}, true},
		{[]string{"QSYNC_JSON=yes"}, []string{"version"}, true},
		{[]string{"QSYNC_JSON=0"}, []string{"version"}, false},
		{[]string{"QSYNC_JSON=0"}, []string{"version", "--json"}, true},
		{[]string{"QSYNC_JSON=1"}, []string{"version", "--json=false"}, false},
	} {
		code, out, messages := call(t, c.env, "", c.args...)
		if code != 0 || strings.HasPrefix(out, "{") != c.want {
			t.Errorf("%v %v: %d %q %q", c.env, c.args, code, out, messages)
		}
	}
	if code, _, _ := call(t, []string{"QSYNC_VERSIONS=many"}, "", "share", t.TempDir()); code != 2 {
		t.Errorf("a bad value in a variable: %d", code)
	}
}

// The ID is read by hand alone: kong, which echoes what it reads, never sees it.
func TestNoVariableForForceID(t *testing.T) {
	code, out, messages := call(t, []string{"QSYNC_FORCE_ID=nonsense"}, "", "-n", t.TempDir(), t.TempDir())
	if code != 0 {
		t.Errorf("%d %q %q", code, out, messages)
	}
}

func TestIDFromStandardInput(t *testing.T) {
	id, err := certs.NewSyncID()
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{id.Hex(), id.Hex() + "\n", "\n\n  " + strings.ToUpper(id.Hex()) + "\r\nmore", id.Words(), "0x" + id.Hex()} {
		code, out, messages := call(t, nil, text, "id", "check", "-")
		if code != 0 || out != "valid\n" || messages != "" {
			t.Errorf("%d %q %q", code, out, messages)
		}
	}
	words := append([]string{"id", "check"}, strings.Fields(id.Words())...)
	if code, _, messages := call(t, nil, "", words...); code != 0 || strings.Contains(messages, words[2]) {
		t.Errorf("words as arguments: %d %q", code, messages)
	}
	if code, _, _ := call(t, []string{"QSYNC_ID=" + id.Hex()}, "", "id", "check", "-"); code != 0 {
		t.Errorf("variable with empty input: %d", code)
	}
}

// The drawing is the code, row by row of half blocks, with its quiet zone.
func TestQRCodeIsDrawnRight(t *testing.T) {
	code, err := qr.Encode(strings.Repeat("7f3a", 16), qr.L)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix((picture{code, quietZone}).draw(false), "\n"), "\n")
	for i, line := range lines {
		for x, r := range []rune(line) {
			top := r == '█' || r == '▀'
			bottom := r == '█' || r == '▄'
			cx, cy := x-quietZone, 2*i-quietZone
			if top == code.Black(cx, cy) || bottom == code.Black(cx, cy+1) {
				t.Fatalf("module %d,%d", cx, cy)
			}
		}
	}
	if width := columns(lines[0]); width != code.Size+2*quietZone || len(lines) < width/2 {
		t.Errorf("%d by %d for a code of %d", width, len(lines), code.Size)
	}
	if colour := (picture{code, quietZone}).draw(true); strings.Count(colour, "\x1b[0m") != len(lines) {
		t.Error("a line does not end its colours")
	}
}

func TestUnknownCommandSuggestsTheNearest(t *testing.T) {
	for word, want := range map[string]string{"stauts": "status", "joni": "join", "Share": "share", "forgt": "forget", "xyzzy": ""} {
		got := didYouMean(word)
		if want == "" && got != "" || want != "" && !strings.Contains(got, "'qsync "+want+"'") {
			t.Errorf("didYouMean(%s) = %q", word, got)
		}
	}
}
