package web

import (
	"regexp"
	"strings"
	"testing"
)

// TestTexts: each text of the page has one name, and stands in both languages. A name
// that is given twice is another text where the first one was meant, without a word.
func TestTexts(t *testing.T) {
	b, err := embedded.ReadFile("static/texts.js")
	if err != nil {
		t.Fatal(err)
	}
	_, all, ok := strings.Cut(string(b), "export const texts = {")
	if !ok {
		t.Fatal("no catalogue")
	}
	known := map[string]int{}
	key, depth := "", 1
	// What counts: a comment, a string, a name, or a sign.
	for _, m := range regexp.MustCompile(`//[^\n]*|'(?:[^'\\]|\\.)*'|[\w.]+|[][{}:,]`).FindAllString(all, -1) {
		switch {
		case m == "{" || m == "[":
			depth++
		case m == "}" || m == "]":
			depth--
			if depth == 1 && known[key] != 2 {
				t.Errorf("%s is there in %d languages, not 2", key, known[key])
			}
		case depth == 1 && m != ":" && m != "," && m[0] != '/':
			key = strings.Trim(m, "'")
			if _, twice := known[key]; twice {
				t.Errorf("%s is there twice", key)
			}
			known[key] = 1
		case depth == 2 && m == ",":
			known[key]++
		}
		if depth == 0 {
			break
		}
	}
	if len(known) < 500 {
		t.Errorf("%d texts are read", len(known))
	}
	files, err := embedded.ReadDir("static")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".js") {
			continue
		}
		b, err := embedded.ReadFile("static/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\bt\('([\w.]+)'[,)]`).FindAllStringSubmatch(string(b), -1) {
			if known[m[1]] == 0 {
				t.Errorf("%s asks for %s, which is not there", f.Name(), m[1])
			}
		}
	}
}
