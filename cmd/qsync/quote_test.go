package main

import (
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestQuote(t *testing.T) {
	for name, want := range map[string]string{
		"plain name.txt": "plain name.txt",
		"Zażółć":         "Zażółć",
		"写真/夏":           "写真/夏",
		"":               `''`,
		" edge":          `' edge'`,
		"a\nb":           `$'a\nb'`,
		"a\x1b[31mb":     `$'a\033[31mb'`,
		"bad\xff":        `$'bad\377'`,
		"bad\xff7":       `$'bad\3777'`,
		"c1\u009b":       `$'c1\302\233'`,
		"rtl\u202etxt":   `$'rtl\342\200\256txt'`,
		"say \"hi\"":     `'say "hi"'`,
		`back\slash`:     `'back\slash'`,
		`\ and '`:        `$'\\ and \''`,
		"Anna's":         "Anna's",
		"'Anna's":        `$'\'Anna\'s'`,
		"$'a'":           `$'$\'a\''`,
		"nbsp\u00a0":     `$'nbsp\302\240'`,
		"\ufffd":         "\ufffd",
	} {
		if got := quote(name); got != want {
			t.Errorf("quote(%+q) = %s, want %s", name, got, want)
		}
	}
}

// Whatever a name holds, it can be read back and nothing in it reaches the
// terminal as more than text.
func TestQuoteAnyName(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := string(rapid.SliceOf(rapid.Byte()).Draw(t, "name"))
		q := quote(name)
		back := unquote(q)
		if back != name {
			t.Fatalf("%+q came back as %+q", name, back)
		}
		for _, text := range []string{q, clean(name)} {
			for _, r := range text {
				if !strconv.IsPrint(r) || r == utf8.RuneError && !strings.ContainsRune(name, utf8.RuneError) {
					t.Fatalf("%+q is printed with %U in it", name, r)
				}
			}
		}
	})
}

// unquote reads what quote wrote, by the rules of shells.
func unquote(q string) string {
	if inner, ok := strings.CutPrefix(q, "$'"); ok {
		inner = strings.NewReplacer(`\'`, `'`, `\"`, `"`, `"`, `\"`).Replace(strings.TrimSuffix(inner, "'"))
		back, err := strconv.Unquote(`"` + inner + `"`)
		if err != nil {
			return err.Error()
		}
		return back
	}
	if inner, ok := strings.CutPrefix(q, "'"); ok {
		return strings.TrimSuffix(inner, "'")
	}
	return q
}

func TestShortenAndWrap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.RuneFrom([]rune("abc /é写真\u0301"))).Draw(t, "text")
		width := rapid.IntRange(0, 40).Draw(t, "width")
		short := shorten(text, width)
		if columns(short) > width {
			t.Fatalf("%q is %d wide, want at most %d", short, columns(short), width)
		}
		if columns(text) <= width && short != text {
			t.Fatalf("%q was shortened to %q", text, short)
		}
		for _, line := range wrap(text, width+3) {
			if columns(line) > width+3 {
				t.Fatalf("line %q is %d wide, want at most %d", line, columns(line), width+3)
			}
		}
	})
}

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 5 << 30: "5.0 GiB", 1 << 62: "4096.0 PiB"} {
		if got := size(n); got != want {
			t.Errorf("size(%d) = %q, want %q", n, got, want)
		}
	}
}

// A sentence on a terminal is wrapped below its beginning; names stay whole, and
// nothing of it is lost.
func TestHang(t *testing.T) {
	long := "/a/" + strings.Repeat("name", 12)
	for text, want := range map[string]string{
		"short":                             "short",
		"qsync: one two three fourteen":     "qsync: one two three\n  fourteen",
		"in sync    one two three fourteen": "in sync    one two\n           three\n           fourteen",
		"connected  alpha beta gamma":       "connected  alpha beta\n           gamma",
		"see " + long + " and more":         "see\n  " + long + "\n  and more",
		"日本語 日本語 日本語 日本語":                   "日本語 日本語 日本語\n  日本語",
	} {
		got := hang(text, 22)
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if strings.Join(strings.Fields(got), " ") != strings.Join(strings.Fields(text), " ") {
			t.Errorf("%q is not %q", got, text)
		}
	}
}
