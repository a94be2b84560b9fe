package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"

	"qsync/peer"
)

// quote returns a name for people: as it is where that is safe and plain, else
// quoted as shells do, and can be given back to one. Control bytes, invalid
// UTF-8, bidi overrides and other invisible characters come as ls has them, byte
// by byte in octal: $'a\377' (security.md 1.7, F54, F55).
func quote(name string) string {
	odd := !utf8.ValidString(name)
	for _, r := range name {
		odd = odd || !strconv.IsPrint(r)
	}
	plain := name != "" && name[0] != ' ' && name[len(name)-1] != ' ' && name[0] != '\'' &&
		!strings.HasPrefix(name, "$'") && !strings.ContainsAny(name, `"\`)
	switch {
	case plain && !odd:
		return name
	case !odd && !strings.Contains(name, "'"):
		return "'" + name + "'"
	}
	const special, letters = "\a\b\t\n\v\f\r'\\", `abtnvfr'\`
	var b strings.Builder
	b.WriteString("$'")
	for i := 0; i < len(name); {
		r, n := utf8.DecodeRuneInString(name[i:])
		switch at := strings.IndexByte(special, name[i]); {
		case at >= 0:
			b.WriteString(`\` + letters[at:at+1])
		case strconv.IsPrint(r) && (r != utf8.RuneError || n > 1):
			b.WriteString(name[i : i+n])
		default:
			for _, c := range []byte(name[i : i+n]) {
				fmt.Fprintf(&b, `\%03o`, c)
			}
		}
		i += n
	}
	b.WriteString("'")
	return b.String()
}

// rawName is a name as it is where text in JSON cannot hold it, else nil: what
// exact makes the name of again.
func rawName(name string) []byte {
	if utf8.ValidString(name) {
		return nil
	}
	return []byte(name)
}

// exact is a name as it is, whatever JSON made of its text.
func exact(text string, raw []byte) string {
	if len(raw) > 0 {
		return string(raw)
	}
	return text
}

// exactStatus gives what a folder tells of its names as they are.
func exactStatus(f *peer.FolderStatus) {
	f.Current = exact(f.Current, f.RawCurrent)
	for i := range f.Problems {
		f.Problems[i].Path = exact(f.Problems[i].Path, f.Problems[i].RawPath)
	}
	for i := range min(len(f.Conflicts), len(f.RawConflicts)) {
		f.Conflicts[i] = exact(f.Conflicts[i], f.RawConflicts[i])
	}
}

// clean escapes in a whole message what [quote] escapes in a name, and leaves
// the rest alone. Messages of the system carry names unquoted.
func clean(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case strconv.IsPrint(r):
			b.WriteString(text[i : i+n])
		default:
			q := strconv.QuoteRune(r)
			b.WriteString(q[1 : len(q)-1])
		}
		i += n
	}
	return b.String()
}

// columns is how wide text is on a terminal: East Asian wide characters and most
// emoji count two (UAX 11), combining ones none.
func columns(text string) int {
	n := 0
	for _, r := range text {
		n += runeColumns(r)
	}
	return n
}

func runeColumns(r rune) int {
	if r < 0x300 {
		return 1
	}
	if unicode.In(r, unicode.Mn, unicode.Me) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// shorten cuts the middle out of text that is wider than width columns. Both
// ends of a path tell more than its middle.
func shorten(text string, width int) string {
	if columns(text) <= width {
		return text
	}
	if width < 3 {
		return strings.Repeat("…", max(width, 0))
	}
	runes := []rune(text)
	head, tail := 0, len(runes)
	for used := 1; head < tail; {
		next, step := runes[tail-1], -1
		if head < len(runes)-tail {
			next, step = runes[head], 1
		}
		if used += runeColumns(next); used > width {
			break
		}
		if step > 0 {
			head++
		} else {
			tail--
		}
	}
	return string(runes[:head]) + "…" + string(runes[tail:])
}

// wrap breaks a sentence into lines of at most width columns, at spaces.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		word = shorten(word, width)
		switch {
		case line == "":
			line = word
		case columns(line)+1+columns(word) <= width:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// labelEnd finds where the text begins that belongs to a label before it.
var labelEnd = regexp.MustCompile(`^\S+(?: \S+)? {2,}`)

// hang breaks one line into lines of at most width columns, at spaces, and begins
// all but the first below what follows a label, or a little to the right. Words
// are left whole, whatever their length: they are names to copy.
func hang(text string, width int) string {
	if columns(text) <= width {
		return text
	}
	label := labelEnd.FindString(text)
	indent := columns(label)
	if indent == 0 || indent > width/2 {
		label, indent = "", 2
	}
	var b strings.Builder
	b.WriteString(label)
	at, first := columns(label), true
	for word := range strings.SplitSeq(strings.TrimPrefix(text, label), " ") {
		switch n := columns(word); {
		case first:
			at += n
		case at+1+n <= width || at == indent:
			b.WriteString(" ")
			at += 1 + n
		default:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			at = indent + n
		}
		first = false
		b.WriteString(word)
	}
	return b.String()
}

// size is a number of bytes for people, in binary units.
func size(n int64) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	f, unit := float64(n)/1024, "KiB"
	for _, u := range []string{"MiB", "GiB", "TiB", "PiB"} {
		if f < 1024 {
			break
		}
		f, unit = f/1024, u
	}
	return fmt.Sprintf("%.1f %s", f, unit)
}

// plural is "1 file", "2 files".
func plural(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
