package main

import (
	"bytes"
	"strings"
	"testing"

	"qsync/certs"
)

// A person types an ID; what each line is answered, and whether it is read in
// the end. "W1-8" are the first eight words of the ID, "HEX" its digits.
func TestTypedIDs(t *testing.T) {
	// Of 256 IDs one fits with its last words swapped, or with one of them put right.
	id, _, err := certs.ParseSyncID("9f3c5d07a1e8b264f0d7936c2b58ea41c6750e9d83fb12a45d60c97be3184f2a")
	if err != nil {
		t.Fatal(err)
	}
	v := invitation{id, []string{"10.1.2.3:2121"}}
	words := strings.Fields(v.id.Words())
	swapped := strings.Join(words[:22], " ") + " " + words[23] + " " + words[22]
	first, rest := strings.Join(words[:8], " "), strings.Join(words[8:], " ")
	for name, c := range map[string]struct {
		lines []string
		says  []string
	}{
		"words at once":   {[]string{v.id.Words()}, nil},
		"words on lines":  {[]string{strings.ToUpper(first), rest}, []string{"8 of 24 words; go on with word 9"}},
		"a wrong word":    {[]string{first + " hunber " + words[9], rest}, []string{`word 9, "hunber", is not in the list; did you mean hundred, hungry, hunt?`, "go on with word 9"}},
		"wrong and cut":   {[]string{first + " zzzzzzz", rest}, []string{`word 9, "zzzzzzz", is not in the list`, "go on with word 9"}},
		"too many":        {[]string{first, rest + " zoo", v.id.Words()}, []string{"more than 24 words: begin again"}},
		"all again":       {[]string{swapped, v.id.Words()}, []string{"do not fit together", "7 hungry"}},
		"one corrected":   {[]string{swapped, "23 " + words[22], "24 " + words[23]}, []string{"do not fit together"}},
		"digits":          {[]string{v.id.Hex()}, nil},
		"digits on lines": {[]string{v.id.Hex()[:30], v.id.Hex()[30:]}, []string{"it has 30 hexadecimal digits instead of 64"}},
		"a wrong digit":   {[]string{v.id.Hex()[:63] + "x", v.id.Hex()}, []string{"position 64", "once more"}},
		"a link":          {[]string{v.link()}, nil},
		"a link on lines": {[]string{v.link()[:40], v.link()[40:]}, []string{"instead of 64"}},
		"another link":    {[]string{"https://example.com", v.link()}, []string{"none of qsync"}},
	} {
		var out bytes.Buffer
		p := &program{in: strings.NewReader(strings.Join(c.lines, "\n\n") + "\n"), ui: newScreen(&out), vars: map[string]string{}, flags: &globals{}}
		got, err := p.typedID()
		if err != nil || got.id != v.id || strings.Contains(name, "link") && len(got.at) != 1 {
			t.Errorf("%s: %v\n%s", name, err, out.String())
		}
		for _, text := range c.says {
			if !strings.Contains(out.String(), text) {
				t.Errorf("%s: %q is not said:\n%s", name, text, out.String())
			}
		}
	}
	for _, text := range []string{"", "\n\n", v.id.Hex()[:20], first + "\n"} {
		p := &program{in: strings.NewReader(text), ui: newScreen(new(bytes.Buffer)), vars: map[string]string{}, flags: &globals{}}
		if _, err := p.typedID(); exitCode(err) != 2 {
			t.Errorf("%.5q and then the end: %v", text, err)
		}
	}
}

// Text that comes through a pipe may be broken into lines, and its end is not
// waited for.
func TestIDText(t *testing.T) {
	v := someInvitation(t)
	w := strings.Fields(v.id.Words())
	for _, text := range []string{
		v.id.Hex() + "\nmore", "\ufeff" + v.id.Hex() + "\r\n", strings.Join(w, "\n") + "\nmore", v.id.Hex()[:10] + "\n\n" + v.id.Hex()[10:],
		v.link(), v.link()[:30] + "\n" + v.link()[30:] + "\n",
	} {
		got, err := idText(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if got, _, err := parseInvitation(got); err != nil || got.id != v.id {
			t.Errorf("%q…: %v", text[:4], err)
		}
	}
	if got, err := idText(&endless{text: "no ID at all\n"}); err != nil || got != "no ID at all" {
		t.Errorf("a wrong ID: %q %v", got, err)
	}
	if _, _, err := certs.ParseSyncID(strings.Join(w[:23], " ")); err == nil {
		t.Error("23 words")
	}
}

// endless fails when it is read beyond its text.
type endless struct{ text string }

func (e *endless) Read(b []byte) (int, error) {
	if e.text == "" {
		panic("read beyond a wrong ID")
	}
	n := copy(b, e.text)
	e.text = e.text[n:]
	return n, nil
}
