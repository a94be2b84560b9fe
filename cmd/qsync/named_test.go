package main

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every command that a sentence of the program, a comment or the page tells a person to
// type can be typed: there is such a command, and it takes these flags and arguments.
func TestNamedCommands(t *testing.T) {
	quoted := regexp.MustCompile(`'qsync ([a-z%][^'\n]*)'`)
	// What stands for something: a value of a format, what is put together, a name of the
	// help; … is any number of it.
	pieces := regexp.MustCompile("[\"`] *\\+[^\"`]*\\+ *[\"`]")
	tail := regexp.MustCompile("[\"`] *\\+.*$")
	more := regexp.MustCompile("([a-z])(%s|[\"`] *\\+[^\"`]*\\+ *[\"`])") // flags that may follow
	verbs := regexp.MustCompile(`%(\[\d+\])?[sdq]`)
	count := regexp.MustCompile(`(--(version|batch|peers) )N`)
	seen := map[string]bool{}
	root := filepath.Join("..", "..")
	check := func(path string, text string) {
		for _, m := range quoted.FindAllStringSubmatch(text, -1) {
			line := tail.ReplaceAllString(pieces.ReplaceAllString(more.ReplaceAllString(m[1], "$1"), "x"), "")
			if strings.HasPrefix(line, "%") || strings.Contains(line, "|") {
				continue // any command, or the form of one
			}
			line = count.ReplaceAllString(strings.ReplaceAll(verbs.ReplaceAllString(line, "x"), "…", ""), "${1}1")
			line = strings.ReplaceAll(line, "TIME", "2h")
			if seen[line] {
				continue
			}
			seen[line] = true
			p := &program{vars: map[string]string{}, flags: &globals{}, ui: newScreen(io.Discard), out: io.Discard}
			_, err := p.parse(strings.Fields(line))
			bare := err != nil && strings.Contains(err.Error(), "missing: ") // a command by its name alone
			if err != nil && !bare && line != "help" {
				t.Errorf("%s names 'qsync %s': %v", path, m[1], err)
			}
		}
	}
	for _, room := range []string{"cmd", "peer", "web", "store", "folder", "discovery", "certs", "protocol"} {
		err := filepath.WalkDir(filepath.Join(root, room), func(path string, d fs.DirEntry, err error) error {
			ext := filepath.Ext(path)
			if err != nil || d.IsDir() || strings.HasSuffix(path, "_test.go") || ext != ".go" && ext != ".js" && ext != ".html" {
				return err
			}
			b, err := os.ReadFile(path)
			check(path, string(b))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(seen) < 50 {
		t.Errorf("only %d are found: %v", len(seen), seen)
	}
}
