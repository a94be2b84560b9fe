package disk

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// ask is lstat of a name that was not listed: an entry that is called otherwise
// is not what was asked about.
func (s *scanner) ask(lv *level, name string) (info, error) {
	in, err := lv.d.stat(name)
	if err == nil && !s.root.isCalled(lv.d, name, s.o.Since) {
		err = fmt.Errorf("%q is called otherwise: %w", name, fs.ErrNotExist)
	}
	return in, err
}

// rename gives the listed names, which are in order, the Unicode normal form in
// which the index knows them, where the file system takes all forms for one, and
// reports whether it changed any. What the index does not know is in form C, as
// people type it. Elsewhere the first name that has two forms costs one lstat.
func (s *scanner) rename(lv *level, names []dirent) (changed bool) {
	holds := func(name string) bool { return s.o.Holds != nil && s.o.Holds(lv.path.Join(name)) }
	forms := make(map[int]string)
	for i := range names {
		name := names[i].Name
		if ascii(name) {
			continue
		}
		for _, form := range []norm.Form{norm.NFC, norm.NFD} {
			other := form.String(name)
			if other == name || listed(names, other) {
				continue
			}
			if _, err := lv.d.stat(other); err != nil {
				return false // all names are what they look like
			}
			if !holds(name) && (form == norm.NFC || holds(other)) {
				forms[i] = other
				break
			}
		}
	}
	for i, name := range forms {
		names[i].Name = name
	}
	return len(forms) > 0
}

// listed reports whether name is one of the names.
func listed(names []dirent, name string) bool {
	_, ok := slices.BinarySearchFunc(names, name, func(e dirent, n string) int { return strings.Compare(e.Name, n) })
	return ok
}
