package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestOpenStartsABrowser with an address that lets in its user alone, since others see
// it in the list of processes. What is printed lets in whoever has it.
func TestOpenStartsABrowser(t *testing.T) {
	bin := t.TempDir()
	got := filepath.Join(bin, "got")
	t.Setenv("PATH", bin)
	for _, c := range []struct {
		name, starter string
		cmd           openCmd
		asked         []bool // with a user
		out           string
		got           string // what the browser is started with
	}{
		{"a desktop", "#!/bin/sh\necho \"$1\" > " + got + "\n", openCmd{}, []bool{true}, "opening http://here/ in the browser\n", "http://here/#ticket=mine\n"},
		{"a starter that fails", "#!/bin/sh\nexit 3\n", openCmd{}, []bool{true, false}, "no browser can be started here; open this, it lets in once, within a minute:\nhttp://here/#ticket=any\n", ""},
		{"no starter", "", openCmd{}, []bool{true, false}, "no browser can be started here; open this, it lets in once, within a minute:\nhttp://here/#ticket=any\n", ""},
		{"--url", "#!/bin/sh\necho \"$1\" > " + got + "\n", openCmd{URL: true}, []bool{false}, "http://here/#ticket=any\n", ""},
	} {
		_ = os.Remove(got)
		starter := filepath.Join(bin, "xdg-open")
		if _ = os.Remove(starter); c.starter != "" {
			if err := os.WriteFile(starter, []byte(c.starter), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		var out strings.Builder
		var asked []bool
		p := &program{vars: map[string]string{"DISPLAY": ":9"}, out: &out, flags: &globals{}}
		err := c.cmd.show(p, func(q windowRequest) (windowAnswer, error) {
			asked = append(asked, q.User != nil)
			if q.User == nil {
				return windowAnswer{URL: "http://here/#ticket=any"}, nil
			}
			if *q.User != os.Getuid() {
				t.Errorf("%s: the ticket is for user %d", c.name, *q.User)
			}
			return windowAnswer{URL: "http://here/#ticket=mine", User: q.User}, nil
		}, time.Hour) // until it has ended, however slow the machine is
		text, _ := os.ReadFile(got)
		if err != nil || out.String() != c.out || string(text) != c.got || !slices.Equal(asked, c.asked) {
			t.Errorf("%s: %v, asked %v, printed %q, started with %q", c.name, err, asked, out.String(), text)
		}
	}
}

// An older node takes no notice of whom it is to let in: a browser is not started with its
// address.
func TestOpenWithAnOlderNode(t *testing.T) {
	bin := t.TempDir()
	got := filepath.Join(bin, "got")
	t.Setenv("PATH", bin)
	if err := os.WriteFile(filepath.Join(bin, "xdg-open"), []byte("#!/bin/sh\necho > "+got+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	older := func(windowRequest) (windowAnswer, error) {
		return windowAnswer{URL: "http://here/#ticket=any"}, nil
	}
	var out strings.Builder
	p := &program{vars: map[string]string{"DISPLAY": ":9"}, out: &out, flags: &globals{}}
	err := (&openCmd{}).show(p, older, time.Hour)
	if _, stat := os.Stat(got); err == nil || !strings.Contains(err.Error(), "Start it again, or use --url") || stat == nil || out.String() != "" {
		t.Errorf("%v, %v, printed %q", err, stat, out.String())
	}
	if err := (&openCmd{URL: true}).show(p, older, time.Hour); err != nil || out.String() != "http://here/#ticket=any\n" {
		t.Errorf("--url: %v, printed %q", err, out.String())
	}
}
