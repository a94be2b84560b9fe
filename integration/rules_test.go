package integration

import (
	"bytes"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// source is one Go file of the project.
type source struct {
	name string // relative, with slashes
	room string
	test bool
	text []byte
	ast  *ast.File
	fset *token.FileSet
}

// sources parses every Go file but those of testdata.
func sources(t *testing.T) (all []source) {
	t.Helper()
	for name, text := range texts(t) {
		if !strings.HasSuffix(name, ".go") || strings.Contains(name, "testdata/") {
			continue
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, name, text, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, source{name, path.Dir(name), strings.HasSuffix(name, "_test.go"), text, f, fset})
	}
	if len(all) < 50 {
		t.Fatalf("%d Go files found: this is not the whole project", len(all))
	}
	return all
}

// texts reads every file of the project that is text.
func texts(t *testing.T) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	err := filepath.WalkDir("..", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && d.Name() == ".git" {
			return filepath.SkipDir
		}
		if !d.Type().IsRegular() {
			return nil
		}
		text, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		if bytes.IndexByte(text, 0) < 0 {
			all[strings.TrimPrefix(filepath.ToSlash(p), "../")] = text
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestImports(t *testing.T) {
	for _, s := range sources(t) {
		if _, ok := floors[s.room]; !ok {
			t.Errorf("%s: no room of the house has this directory", s.name)
			continue
		}
		for _, spec := range s.ast.Imports {
			name := strings.Trim(spec.Path.Value, `"`)
			if spec.Name != nil && spec.Name.Name == "_" && name != "embed" {
				t.Errorf("%s: blank import of %s", s.name, name)
			}
			if why := forbidden(s, name); why != "" {
				t.Errorf("%s imports %s: %s", s.name, name, why)
			}
		}
	}
}

// forbidden says why a file may not import a package, "" if it may.
func forbidden(s source, name string) string {
	first, _, _ := strings.Cut(name, "/")
	room, own := strings.CutPrefix(name, "qsync/")
	switch {
	case !own && !strings.Contains(first, "."):
		return "" // the standard library
	case own && s.room == room && s.test:
		return "" // an outside test of its own room
	case own && floors[room] >= floors[s.room]:
		return "an arrow only goes down"
	case own && s.test:
		return ""
	}
	for allowed := range arrows[s.room] {
		if name == allowed || strings.HasPrefix(name, allowed+"/") && !own {
			return ""
		}
	}
	for allowed := range testArrows {
		if s.test && (name == allowed || strings.HasPrefix(name, allowed+"/")) {
			return ""
		}
	}
	return "not in the table of arrows"
}

// TestArrows checks the table itself: it allows nothing that the floors forbid,
// and nothing that nobody needs.
func TestArrows(t *testing.T) {
	used := map[string]map[string]bool{}
	for _, s := range sources(t) {
		for _, spec := range s.ast.Imports {
			if used[s.room] == nil {
				used[s.room] = map[string]bool{}
			}
			used[s.room][strings.Trim(spec.Path.Value, `"`)] = !s.test || used[s.room][strings.Trim(spec.Path.Value, `"`)]
		}
	}
	for room, to := range arrows {
		for name, reason := range to {
			lower, own := strings.CutPrefix(name, "qsync/")
			if own && floors[lower] >= floors[room] {
				t.Errorf("%s → %s does not go down", room, name)
			}
			if reason == "" {
				t.Errorf("%s → %s has no reason", room, name)
			}
			needed := false
			for in, production := range used[room] {
				needed = needed || production && (in == name || strings.HasPrefix(in, name+"/"))
			}
			if !needed {
				t.Errorf("%s → %s is allowed and not used: take it out of the table", room, name)
			}
		}
	}
}

func TestPackageComments(t *testing.T) {
	comments := map[string]int{}
	for _, s := range sources(t) {
		if s.ast.Doc == nil {
			comments[s.room] += 0
			continue
		}
		comments[s.room]++
		if s.test {
			t.Errorf("%s: a test file has a package comment", s.name)
		}
	}
	for room, n := range comments {
		if n != 1 {
			t.Errorf("%s has %d package comments, want 1", room, n)
		}
	}
}

func TestGofmt(t *testing.T) {
	for _, s := range sources(t) {
		want, err := format.Source(s.text)
		if err != nil {
			t.Errorf("%s: %v", s.name, err)
		} else if !bytes.Equal(want, s.text) {
			t.Errorf("%s is not as gofmt writes it", s.name)
		}
	}
}

func TestFilesAreShort(t *testing.T) {
	for _, s := range sources(t) {
		if n := bytes.Count(s.text, []byte("\n")); n > 400 {
			t.Errorf("%s has %d lines, want at most 400", s.name, n)
		}
	}
}

func TestNothingIsLeftToDo(t *testing.T) {
	marks := regexp.MustCompile(`\b(` + "TO" + "DO|FIX" + "ME|XX" + `X)\b`)
	for name, text := range texts(t) {
		if m := marks.Find(text); m != nil {
			t.Errorf("%s says %s", name, m)
		}
	}
}

// TestFaultTable checks that every test that docs/testing.md names exists.
func TestFaultTable(t *testing.T) {
	have := map[string]bool{}
	for _, s := range sources(t) {
		for _, d := range s.ast.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && s.test {
				have[s.room+"."+f.Name.Name] = true
			}
		}
	}
	text, err := os.ReadFile(filepath.Join("..", "docs", "testing.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile(`(?m)^\| F[0-9].*$`).FindAll(text, -1)
	if len(rows) < 30 {
		t.Fatalf("docs/testing.md has %d rows of faults", len(rows))
	}
	name := regexp.MustCompile("`([a-z/]+\\.Test[A-Za-z0-9]+)`")
	for _, row := range rows {
		for _, m := range name.FindAllSubmatch(row, -1) {
			if !have[string(m[1])] {
				t.Errorf("docs/testing.md names %s, which does not exist", m[1])
			}
		}
	}
}
