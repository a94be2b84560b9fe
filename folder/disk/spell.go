package disk

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"qsync/folder"
)

// ErrName: the file system cannot store the name, whatever is there.
var ErrName = errors.New("this disk cannot hold a name like that; rename it where it can")

// ErrNoLinks: the file system holds no symbolic links.
var ErrNoLinks = errors.New("this disk cannot hold symbolic links")

// CollisionError: Name cannot be made beside Other, because the file system
// takes the two for one name.
type CollisionError struct{ Name, Other string }

// Error tells the other name, and what to do.
func (e *CollisionError) Error() string {
	what := "case"
	if !strings.EqualFold(e.Name, e.Other) {
		what = "Unicode"
	}
	return fmt.Sprintf("%s collision with %q, which this disk takes for the same name; rename one of them", what, e.Other)
}

// Is makes a collision [ErrChanged] for those who do not ask: the path is taken.
func (e *CollisionError) Is(target error) bool { return target == ErrChanged }

// spellings returns names other than name that file systems may take for it: of
// the other case, of another Unicode normal form, without dots and spaces at the
// end. A file system that takes any name for name takes one of these.
func spellings(name string) (all []string) {
	swapped := []byte(name)
	for i, c := range swapped {
		if l := c | 0x20; l >= 'a' && l <= 'z' {
			swapped[i] = c ^ 0x20
		}
	}
	add := func(s string) {
		if s != name && s != "" && !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	add(string(swapped))
	add(strings.TrimRight(name, ". "))
	if ascii(name) || !utf8.ValidString(name) {
		return all
	}
	add(norm.NFC.String(name))
	add(norm.NFD.String(name))
	if up := strings.ToUpper(name); up != name {
		add(up)
	} else {
		add(strings.ToLower(name))
	}
	return all
}

func ascii(name string) bool {
	for i := range len(name) {
		if name[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// alike reports whether some file system may take a and b for one name.
func alike(a, b string) bool {
	form := func(s string) string { return norm.NFC.String(strings.TrimRight(s, ". ")) }
	if !utf8.ValidString(a) || !utf8.ValidString(b) {
		return slices.Equal(lower(a), lower(b)) // for EqualFold all that is invalid is the same
	}
	return a == b || strings.EqualFold(form(a), form(b))
}

// lower is name with the ASCII letters among its bytes in lower case.
func lower(name string) []byte {
	b := []byte(name)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c | 0x20
		}
	}
	return b
}

// sameText reports whether a and b are one name but for the normal form: that is
// the file system's affair, as HFS+ stores another one than it is given.
func sameText(a, b string) bool {
	if !utf8.ValidString(a) || !utf8.ValidString(b) {
		return a == b
	}
	return a == b || (!ascii(a) || !ascii(b)) && norm.NFC.String(a) == norm.NFC.String(b)
}

// spelled remembers how the entries of a directory are spelled, since on file
// systems that take several spellings for one that takes a listing.
type spelled struct {
	mu    sync.Mutex
	inode uint64
	at    time.Time
	names map[string]bool
}

// spelledFor is how long a listing is believed that has the name before something
// is done to the entry: so late may be noticed that somebody gave it a name that
// differs in case alone, and was done to it what was meant for it anyway.
const spelledFor = time.Second

// trueName returns what the entry is called that name leads to in d: name, except
// on file systems that take several spellings for one. Which they are shows from
// looking alone: there another spelling leads somewhere too. It is "" if the
// entry has a name that is not alike, or is gone. What it remembers from before
// since is not believed.
func (r *Root) trueName(d *dir, name string, since time.Time) string {
	if d.exact.Load() && plain(name) {
		return name
	}
	if !slices.ContainsFunc(spellings(name), func(s string) bool { _, err := d.stat(s); return err == nil }) {
		d.tells(name)
		return name
	}
	self, err := d.stat("")
	if err != nil {
		return name
	}
	c := &r.spelled
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.inode == self.Inode && !c.at.Before(since) && c.names[name] {
		return name
	}
	began := time.Now()
	names, err := listing(d)
	if err != nil {
		return name // nobody can tell
	}
	c.inode, c.at, c.names = self.Inode, began, make(map[string]bool, len(names))
	found := ""
	for _, e := range names {
		c.names[e.Name] = true
		if alike(e.Name, name) {
			found = e.Name
		}
	}
	if c.names[name] {
		return name
	}
	return found
}

// caseSense is what is known of how a directory takes names. It is one directory's
// affair (ext4 folds case by directory) and cannot change while that holds an entry.
type caseSense struct {
	exact atomic.Bool // it tells upper from lower case
}

// plain reports whether a file system can take no other name for this one than
// one of the other case.
func plain(name string) bool {
	return ascii(name) && name != "" && name[len(name)-1] != '.' && name[len(name)-1] != ' '
}

// tells notes that no other spelling of name leads anywhere in d, if name does.
func (d *dir) tells(name string) {
	if !plain(name) || strings.ToLower(name) == strings.ToUpper(name) {
		return
	}
	if _, err := d.stat(name); err == nil {
		d.exact.Store(true)
	}
}

// listing lists d though others may be using its descriptor.
func listing(d *dir) ([]dirent, error) {
	own, err := d.walk("")
	if err != nil {
		return nil, err
	}
	defer own.Close()
	return own.list(nil)
}

// isCalled reports whether the entry that name leads to in d has that name.
func (r *Root) isCalled(d *dir, name string, since time.Time) bool {
	return sameText(r.trueName(d, name, since), name)
}

// called returns [ErrChanged] if what is in the slot has another name: then what
// the index knows is gone, however much what is there looks like it.
func (r *Root) called(at slot) error {
	if !r.isCalled(at.dir, at.base(), time.Now().Add(-spelledFor)) {
		return fmt.Errorf("%w: it is called otherwise", ErrChanged)
	}
	return nil
}

// taken says what it means that a new name could not be made in the slot.
func (r *Root) taken(at slot, err error) error {
	switch {
	case errors.Is(err, fs.ErrExist):
		if other := r.trueName(at.dir, at.base(), time.Now()); other != "" && other != at.base() {
			return &CollisionError{at.base(), other}
		}
		return fmt.Errorf("%w: %w", ErrChanged, err)
	case refusesName(err):
		// The directory is there, and so is what was to be moved into it.
		if _, e := at.dir.stat("."); e == nil {
			return fmt.Errorf("%w: %w", ErrName, err)
		}
	}
	return err
}

// refusesName reports whether an error is what systems say of a name: exfat-fuse
// finds nothing, others find it invalid or too long.
func refusesName(err error) bool {
	for _, e := range []error{fs.ErrNotExist, syscall.EINVAL, syscall.EILSEQ, syscall.ENAMETOOLONG} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// mangled reports whether the file system has made another name of a new one: FAT
// drops dots and spaces at the end. Other names are what they were given as.
func (r *Root) mangled(at slot) bool {
	name := at.base()
	if !strings.HasSuffix(name, ".") && !strings.HasSuffix(name, " ") {
		return false
	}
	names, err := listing(at.dir)
	return err == nil && !slices.ContainsFunc(names, func(e dirent) bool { return sameText(e.Name, name) })
}

// Respell gives the entry that before says is at from the name of to, which
// differs in nothing but what the file system takes for the same. Only the last
// component of the two may differ. Errors are those of [Root.Rename].
func (r *Root) Respell(from, to folder.Path, before folder.Local) error {
	defer r.forget()
	return r.at("rename", to, func(dst slot) error {
		return r.inWork(func(w *work) error {
			src := slot{dst.dir, from}
			if _, err := src.look(before); err != nil {
				return err
			}
			if err := r.called(src); err != nil {
				return err
			}
			aside := slot{w.tmp, folder.Path(swapPrefix + rand.Text())}
			if err := r.noReplace(src.dir, src.base(), aside.dir, aside.base()); err != nil {
				return err
			}
			err := r.noReplace(aside.dir, aside.base(), dst.dir, dst.base())
			if err != nil {
				err = errors.Join(r.taken(dst, err), r.noReplace(aside.dir, aside.base(), src.dir, src.base()))
			}
			return err
		})
	})
}
