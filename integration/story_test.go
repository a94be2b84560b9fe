//go:build unix

package integration

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// story is a tree, what two users then do to it while their machines are apart,
// and what must be there in the end, whatever else happens.
type story struct {
	clash bool              // they edit the same files
	want  map[string]string // path -> content of regular files in the end
	both  map[string]string // path -> the other content, which must be in a conflict copy
	once  []string          // contents that sync replaces or removes at the second user's
}

// begin writes the tree before they part.
func (s *story) begin(t *testing.T, root string) {
	t.Helper()
	for i := range 4 {
		for _, kind := range []string{"kept", "edited", "gone", "moved/inner", "clash"} {
			write(t, filepath.Join(root, kind, fmt.Sprint(i)), fmt.Sprintf("%s %d, at first", kind, i))
		}
	}
	write(t, filepath.Join(root, "emptied", "deep", "er", "file"), "in a directory that goes")
	write(t, filepath.Join(root, "flips"), "a file that becomes a directory")
	write(t, filepath.Join(root, "script"), "#!/bin/sh\n")
	write(t, filepath.Join(root, "large"), strings.Repeat("before ", 50_000))
	write(t, filepath.Join(root, "big and moved"), strings.Repeat("moved ", 2_000))
	write(t, filepath.Join(root, "grows"), grows())
	must(t, os.Symlink("kept/0", filepath.Join(root, "link")))
}

// grows is content of which a receiver copies long stretches when it has grown.
func grows() string {
	b := make([]byte, 3<<20)
	_, _ = rand.NewChaCha8([32]byte{}).Read(b) // it cannot fail
	return string(b)
}

// part does what the users do. Only the first one does anything unless they clash.
func (s *story) part(t *testing.T, first, second string) {
	t.Helper()
	s.want, s.both, s.once = map[string]string{}, map[string]string{}, nil
	put := func(root, p, content string) {
		write(t, filepath.Join(root, p), content)
		s.want[p] = content
	}
	for i := range 4 {
		n := fmt.Sprint(i)
		s.want["kept/"+n] = fmt.Sprintf("kept %d, at first", i)
		put(first, "edited/"+n, fmt.Sprintf("edited %d, later", i))
		s.once = append(s.once, fmt.Sprintf("edited %d, at first", i))
		must(t, os.Remove(filepath.Join(first, "gone", n)))
		s.once = append(s.once, fmt.Sprintf("gone %d, at first", i))
		s.want["away/inner/"+n] = fmt.Sprintf("moved/inner %d, at first", i)
		put(first, "new/"+n, fmt.Sprintf("new %d", i))
		put(first, "clash/"+n, fmt.Sprintf("clash %d, by the first", i))
		if s.clash {
			s.both["clash/"+n] = fmt.Sprintf("clash %d, by the second", i)
			write(t, filepath.Join(second, "clash", n), s.both["clash/"+n])
			// Each wins two of them, every time.
			later := time.Now().Add(time.Duration(2*(i%2)-1) * time.Minute)
			must(t, os.Chtimes(filepath.Join(second, "clash", n), later, later))
			put(second, "second/"+n, fmt.Sprintf("second %d", i))
		}
	}
	must(t, os.Rename(filepath.Join(first, "moved"), filepath.Join(first, "away")))
	must(t, os.RemoveAll(filepath.Join(first, "emptied")))
	s.once = append(s.once, "in a directory that goes", "a file that becomes a directory")
	must(t, os.Remove(filepath.Join(first, "flips")))
	put(first, "flips/inside", "of what was a file")
	put(first, "grows", grows()+"and more")
	s.want["script"] = "#!/bin/sh\n"
	must(t, os.Chmod(filepath.Join(first, "script"), 0o755))
	put(first, "large", strings.Repeat("after ", 60_000))
	must(t, os.Rename(filepath.Join(first, "big and moved"), filepath.Join(first, "moved and big")))
	s.want["moved and big"] = strings.Repeat("moved ", 2_000)
	must(t, os.Remove(filepath.Join(first, "link")))
	must(t, os.Symlink("kept/1", filepath.Join(first, "link")))
	must(t, os.Symlink("nowhere", filepath.Join(first, "another link")))
	must(t, os.MkdirAll(filepath.Join(first, "hollow", "deep"), 0o700))
	write(t, filepath.Join(first, "empty"), "")
	s.want["empty"] = ""
}

var conflictName = regexp.MustCompile(`^(.*)\.conflict-\d{8}-\d{6}-[a-z0-9]+(\.[^/]*)?$`)

// check says what is not as it must be in a tree after all has settled: a
// content that is lost, torn, back from the dead, or in a conflict copy without
// a conflict.
func (s *story) check(root string) error {
	var errs []error
	left, copies := maps.Clone(s.want), map[string]string{}
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			if err == nil && d.Name() == ".qsync" {
				return filepath.SkipDir
			}
			return err
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		name, content := p[len(root)+1:], string(b)
		if of := conflictName.FindStringSubmatch(name); of != nil {
			if was, twice := copies[of[1]]; twice {
				errs = append(errs, fmt.Errorf("two conflict copies of %s: %.40q and %.40q", of[1], was, content))
			}
			copies[of[1]] = content
			return nil
		}
		want, ok := left[name]
		other, clash := s.both[name]
		switch {
		case !ok:
			errs = append(errs, fmt.Errorf("%s should not be there: %.40q", name, content))
		case clash && content == other:
			left[name] = want // which then must be in the copy
			return nil
		case content != want:
			errs = append(errs, fmt.Errorf("%s holds %d bytes, %.40q, not %d, %.40q", name, len(content), content, len(want), want))
		}
		delete(left, name)
		return nil
	})
	errs = append(errs, err)
	for of, content := range copies {
		want, clash := s.both[of]
		if w, swapped := left[of]; swapped {
			want = w
			delete(left, of)
		}
		if !clash || content != want {
			errs = append(errs, fmt.Errorf("the conflict copy of %s holds %.40q", of, content))
		}
	}
	for of := range s.both {
		if _, ok := copies[of]; !ok {
			errs = append(errs, fmt.Errorf("%s has no conflict copy", of))
		}
	}
	for _, p := range slices.Sorted(maps.Keys(left)) {
		errs = append(errs, fmt.Errorf("%s is missing", p))
	}
	return errors.Join(errs...)
}

// keeps says what sync took from a tree without keeping it, and what it left
// lying about.
func (s *story) keeps(t *testing.T, root string) error {
	t.Helper()
	var errs []error
	for _, content := range s.once {
		if !kept(t, root, content) {
			errs = append(errs, fmt.Errorf("%q is not among the versions", content))
		}
	}
	entries, err := os.ReadDir(filepath.Join(root, ".qsync", "tmp"))
	for _, e := range entries {
		errs = append(errs, fmt.Errorf("left behind: .qsync/tmp/%s", e.Name()))
	}
	return errors.Join(append(errs, err)...)
}
