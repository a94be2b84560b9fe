package service

import (
	"encoding/xml"
	"io"
	"slices"
	"strings"
	"testing"
)

func TestManual(t *testing.T) {
	for goos, want := range map[string]string{
		"darwin": "launchctl bootstrap", "windows": "schtasks /Create", "android": "termux-wake-lock",
		"freebsd": "@reboot", "linux": "@reboot",
	} {
		text := Manual(goos, "/opt/qsync", "/home/u/q")
		if !strings.Contains(text, want) || !strings.Contains(text, "/opt/qsync") || !strings.Contains(text, "/home/u/q") {
			t.Errorf("%s:\n%s", goos, text)
		}
		for line := range strings.Lines(text) {
			if len(line) > 81 && !strings.Contains(line, "DOCTYPE") && !strings.Contains(line, "schtasks") {
				t.Errorf("%s: the line is wider than 80 columns: %s", goos, line)
			}
		}
	}
}

func TestPlist(t *testing.T) {
	program, home := "/Applications/a & <b>/qsync", `/Users/u/"h"`
	d := xml.NewDecoder(strings.NewReader(plist(program, home)))
	var texts []string
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if c, ok := token.(xml.CharData); ok && strings.TrimSpace(string(c)) != "" {
			texts = append(texts, string(c))
		}
	}
	at := slices.Index(texts, program)
	if at < 0 || !slices.Equal(texts[at:at+4], []string{program, "serve", "--home", home}) {
		t.Errorf("the plist holds %q", texts)
	}
}

func TestCronWord(t *testing.T) {
	if got := cronWord("/a b/100%'s"); got != `'/a b/100\%'\''s'` {
		t.Errorf("cron would read %s", got)
	}
}
