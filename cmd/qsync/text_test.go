package main

import (
	"strings"
	"testing"
	"time"

	"rsc.io/qr"

	"qsync/certs"
	"qsync/peer"
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
		"--no-discovery", "--transport", "--mode", "--exclude", "--no-default-ignores", "--name", "--versions", "--max-delete", "--home", "--json", "--log-level", "--log-file",
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

// Every form of a command is a line of its usage, with its arguments.
func TestUsageLines(t *testing.T) {
	for topic, want := range map[string]string{
		"conflicts": "qsync conflicts [DIR] [flags]\nqsync conflicts resolve PATH [flags]\n",
		"revert":    "qsync revert DIR [flags]\n",
		"override":  "qsync override DIR [flags]\n",
		"id":        "qsync id new|show|words|qr|check [flags]\n",
		"restore":   "qsync restore PATH [flags]\n",
	} {
		if got, ok := commandHelp(topic); !ok || !strings.HasPrefix(got, want) {
			t.Errorf("%.120s", got)
		}
	}
}

// A renamed entry's line in the log keeps both names whole where they fit, and
// their brackets always.
func TestRenamed(t *testing.T) {
	long := strings.Repeat("directory/", 6)
	for _, c := range []struct {
		name, from string
		width      int
		want       string
	}{
		{"new", quote(""), 20, "new"},
		{"new", "old", 20, "new (was old)"},
		{long + "a", "old", 30, shorten(long+"a", 20) + " (was old)"},
		{"new", long + "a", 30, "new (was " + shorten(long+"a", 20) + ")"},
		{long + "a", long + "b", 37, shorten(long+"a", 15) + " (was " + shorten(long+"b", 15) + ")"},
	} {
		if got := renamed(c.name, c.from, c.width); got != c.want || columns(got) > c.width {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// The line of a version has whole years and fits a screen, whoever replaced it.
func TestVersionLine(t *testing.T) {
	at := time.Date(2026, 11, 29, 14, 0, 0, 0, time.Local)
	for _, by := range []string{"here", "via " + strings.Repeat("x", 60), strings.Repeat("y", 60)} {
		text := versionLine{Number: 3, Replaced: at, MTime: at, Kind: "file", Size: 1 << 30, By: by}.text()
		if strings.Count(text, "2026-11-29 14:00") != 2 || columns(strings.TrimSuffix(text, "\n")) > 80 {
			t.Errorf("%d: %s", columns(text), text)
		}
	}
}

// What is said of a peer that is away names the port at which it was, not a usual one.
func TestPortOfAPeer(t *testing.T) {
	for at, want := range map[string]string{"": "its UDP port", "192.0.2.1:3000": "UDP port 3000", "[fe80::1%eth0]:2121": "UDP port 2121"} {
		p := peer.PeerStatus{Address: at, Queued: peer.Amount{Entries: 1}}
		if text := peerText(p, time.Now()); !strings.Contains(text, "(is qsync running there, and "+want+" open?)") {
			t.Error(text)
		}
	}
	if got := portsOf([]string{"nas", "192.0.2.1:3000", "[fe80::1]:3000"}); got != "UDP port 2121, 3000" {
		t.Error(got)
	}
}

// A repair without versions does not say that the rotten ones are among them.
func TestVerifySummary(t *testing.T) {
	for unkept, want := range map[bool]string{
		false: "3 files, 9 B read; 2 rotten, all repaired; the rotten ones are in .qsync/versions",
		true:  "3 files, 9 B read; 2 rotten, all repaired; no versions are kept here (--versions 0), so the rotten ones are gone",
	} {
		for _, js := range []bool{false, true} {
			r, out, messages := testReporter(globals{JSON: js})
			v := verifying{p: r.p, repair: true}
			_, more, err := v.part(verifyAnswer{Files: 3, Bytes: 9, Unkept: unkept, Found: []verifyLine{
				{Event: "rotten", Path: "a", Repaired: "done"}, {Event: "rotten", Path: "b", Repaired: "done"}}})
			if more || err != nil || v.summary() != nil {
				t.Fatal(more, err)
			}
			if js && strings.Contains(out.String(), `"unkept":true`) != unkept || !js && strings.TrimSpace(messages.String()) != want {
				t.Errorf("%v, %v: %q, %q", unkept, js, out, messages)
			}
		}
	}
}
