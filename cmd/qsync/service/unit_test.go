package service

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// systemdWord reads one word as systemd.syntax(7) and systemd.unit(5) describe
// it; written apart from unquote, which only reads what quote writes.
func systemdWord(t interface{ Fatalf(string, ...any) }, text string) string {
	var out []byte
	quote := byte(0)
	for len(text) > 0 {
		c := text[0]
		text = text[1:]
		switch {
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && c == ' ':
			t.Fatalf("the word ends before %q", text)
		case c == '\\':
			kind := text[0]
			text = text[1:]
			if kind == 'x' {
				n := strings.IndexByte("0123456789abcdef", text[0])<<4 | strings.IndexByte("0123456789abcdef", text[1])
				out = append(out, byte(n))
				text = text[2:]
			} else if kind == '"' || kind == '\\' {
				out = append(out, kind)
			} else {
				t.Fatalf("systemd may not know \\%c", kind)
			}
		case c == '%':
			if text == "" || text[0] != '%' {
				t.Fatalf("%%%.1s is a specifier", text)
			}
			out = append(out, '%')
			text = text[1:]
		case c < ' ' || c > '~':
			t.Fatalf("byte %#x stands as it is", c)
		default:
			out = append(out, c)
		}
	}
	if quote != 0 {
		t.Fatalf("a quote is open at the end")
	}
	return string(out)
}

// TestQuote holds the words of a command line to what systemd reads.
func TestQuote(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := string(rapid.SliceOf(rapid.OneOf(rapid.Byte(), rapid.SampledFrom([]byte(`%$"'\ ;-{}#`+"\n")))).Draw(t, "word"))
		word = strings.ReplaceAll(word, "\x00", "")
		if got := systemdWord(t, quote(word)); got != word {
			t.Fatalf("%q is read as %q", word, got)
		}
		got, rest, ok := unquote(quote(word) + " x")
		if !ok || got != word || rest != " x" {
			t.Fatalf("%q is read back as %q, %q, %v", word, got, rest, ok)
		}
	})
}

func TestUnitReadsBack(t *testing.T) {
	for _, u := range []Unit{
		{Program: "/usr/bin/qsync", Home: "/home/u/.local/state/qsync"},
		{Program: "/opt/a b%c/qs$ync", Home: "/home/ü \"q\"\n\\/h%i", User: "sync"},
	} {
		text, err := u.Text()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := parse(text); err != nil || got.Program != u.Program || got.Home != u.Home || got.User != u.User {
			t.Errorf("%+v is read back as %+v, %v", u, got, err)
		}
	}
	if _, err := parse("[Service]\nExecStart=/usr/bin/qsync serve\n"); err == nil {
		t.Error("a unit of somebody else's is taken for ours")
	}
}

func TestUnitRefuses(t *testing.T) {
	for name, u := range map[string]Unit{
		"quote in program":   {Program: `/opt/"x"/qsync`, Home: "/h"},
		"newline in program": {Program: "/opt/\n/qsync", Home: "/h"},
		"relative program":   {Program: "qsync", Home: "/h"},
		"two users":          {Program: "/q", Home: "/h", User: "a b"},
		"quote in hole":      {Program: "/q", Home: "/h", User: "a", Writable: []string{`/etc/"x"`}},
	} {
		if text, err := u.Text(); err == nil {
			t.Errorf("%s: no error but\n%s", name, text)
		}
	}
}

func TestSealed(t *testing.T) {
	for path, want := range map[string]bool{"/etc": true, "/etc/nginx": true, "/usr/local/share/x": true, "/home/etc": false, "/etcetera": false, "/srv/x": false} {
		if Sealed(path) != want {
			t.Errorf("Sealed(%s) is %v", path, !want)
		}
	}
}

// TestVerify has systemd itself read the units. That it finds the program, which
// lies under names of all kinds, shows that it reads the path that was meant.
func TestVerify(t *testing.T) {
	if runtime.GOOS != "linux" {
		return // there is no systemd elsewhere
	}
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Fatal("this test needs systemd-analyze: apt-get install systemd (it need not run), or the like")
	}
	for _, user := range []string{"", "root"} {
		var units []Unit // each where its program is, and where it is not
		for _, dir := range []string{"plain", "two words", "100%", "%h", "$HOME", "${x}", "ümlaut", "-@:+!", "semi;colon", "#", "bad\xffutf8", "日本"} {
			base := t.TempDir()
			program := filepath.Join(base, dir, "qsync")
			if err := os.Mkdir(filepath.Dir(program), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			u := Unit{Program: program, Home: filepath.Join(base, "h\n\"% "+dir), User: user}
			if user != "" {
				u.Writable = []string{"/etc/a b%c", "/usr/$x"}
			}
			gone := u
			gone.Program += "-gone"
			units = append(units, u, gone)
		}
		for i, text := range complaints(t, analyze, units) {
			switch gone := i%2 == 1; {
			case gone && text == "":
				t.Errorf("systemd does not look at the program %q", units[i].Program)
			case !gone && text != "":
				t.Errorf("systemd says of %+v:\n%s", units[i], text)
			}
		}
	}
}

// complaints is what systemd says of each unit. It reads all of them in one go,
// for what it does before it reads the first takes the most time.
func complaints(t *testing.T, analyze string, units []Unit) []string {
	t.Helper()
	dir := t.TempDir()
	args := []string{"verify", "--man=no"}
	if units[0].User == "" {
		args = append([]string{"--user"}, args...)
	}
	name := func(i int) string { return fmt.Sprintf("qsync-%02d.service", i) }
	for i, u := range units {
		text, err := u.Text()
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name(i))
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		args = append(args, path)
	}
	cmd := exec.Command(analyze, args...)
	cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+dir)
	out, err := cmd.CombinedOutput()
	said := make([]string, len(units))
	for line := range bytes.Lines(out) {
		of := -1
		for i := range units {
			if bytes.Contains(line, []byte(name(i))) {
				of = i
			}
		}
		switch {
		case of >= 0:
			said[of] += string(line)
		case bytes.Contains(line, []byte("qsync")): // the machine's other units are read too, and are not ours to judge
			t.Errorf("systemd says, and not of which unit: %s", line)
		}
	}
	if err != nil && strings.Join(said, "") == "" {
		t.Errorf("%v\n%s", err, out)
	}
	return said
}
