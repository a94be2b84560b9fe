package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"qsync/certs"
	"qsync/cmd/qsync/config"
)

// entry is one remembered folder: what folder.json holds. It is secret.
type entry struct {
	ID      string   `json:"id"` // 64 hexadecimal digits
	Dir     string   `json:"dir"`
	Kind    string   `json:"kind"`              // share, join, pair, remote
	Mode    string   `json:"mode"`              // as peer.Mode prints it
	Remotes []string `json:"remotes,omitempty"` // of the two-path form; else config.yaml has them
	Expect  string   `json:"expect,omitempty"`  // the peer's path, in the two-path form

	tag string
}

const (
	entryFile       = "folder.json"
	defaultVersions = config.DefaultVersions
)

// syncID parses the stored ID.
func (e entry) syncID() (certs.SyncID, error) {
	id, _, err := certs.ParseSyncID(e.ID)
	return id, err
}

// tagOf names an entry: it begins with the folder's public tag and does not
// reveal the ID.
func tagOf(id certs.SyncID, dir string) (string, error) {
	keys, err := certs.Derive(id)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(resolved(dir)))
	return keys.ShareID().String()[:12] + "-" + hex.EncodeToString(sum[:4]), nil
}

// state is the directory of an entry.
func (h home) state(tag string) string { return filepath.Join(h.dir, "folders", tag) }

// entries returns all remembered folders by directory. An entry that cannot be
// read is an error that names it: its ID must not get lost unnoticed.
func (h home) entries() ([]entry, error) {
	found, err := os.ReadDir(filepath.Join(h.dir, "folders"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, failf("cannot read the home: %v", err)
	}
	var all []entry
	for _, d := range found {
		e, err := h.read(d.Name())
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
			continue // being made or being forgotten
		}
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b entry) int { return strings.Compare(a.Dir, b.Dir) })
	return all, nil
}

func (h home) read(tag string) (entry, error) {
	path := filepath.Join(h.state(tag), entryFile)
	fi, err := os.Stat(path)
	if err != nil || !fi.Mode().IsRegular() {
		return entry{}, errors.Join(err, fs.ErrNotExist)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return entry{}, failf("cannot read a remembered folder: %v", err)
	}
	e := entry{tag: tag}
	if err := json.Unmarshal(b, &e); err != nil {
		return entry{}, failf("%s is damaged; move it away, and share or join its folder again", quote(path))
	}
	if _, err := e.syncID(); err != nil || !filepath.IsAbs(e.Dir) {
		return entry{}, failf("%s holds no valid folder; move it away, and share or join its folder again", quote(path))
	}
	return e, nil
}

// find returns the entry of a directory, however it is spelled.
func (h home) find(dir string) (entry, bool, error) {
	all, err := h.entries()
	if err != nil {
		return entry{}, false, err
	}
	for _, e := range all {
		if sameDir(e.Dir, dir) {
			return e, true, nil
		}
	}
	return entry{}, false, nil
}

// save remembers e.
func (h home) save(e entry) error {
	if err := os.MkdirAll(h.state(e.tag), 0o700); err != nil {
		return failf("cannot remember the folder: %v", err)
	}
	b, err := json.MarshalIndent(e, "", "  ")
	if err == nil {
		err = writeFile(filepath.Join(h.state(e.tag), entryFile), append(b, '\n'))
	}
	if err != nil {
		return failf("cannot remember the folder: %v", err)
	}
	return nil
}

// drop forgets an entry with its map. folder.json goes first, so that what is
// left after a crash is no entry.
func (h home) drop(tag string) error {
	dir := h.state(tag)
	if err := os.Remove(filepath.Join(dir, entryFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return failf("cannot forget the folder: %v", err)
	}
	// A node that has just been told may still be writing down how it ended.
	var err error
	for end := time.Now().Add(dropTime); ; time.Sleep(50 * time.Millisecond) {
		if err = os.RemoveAll(dir); err == nil {
			return nil
		}
		if time.Now().After(end) {
			return failf("cannot remove the map of the folder: %v", err)
		}
	}
}

// dropTime is how long a node may take to let go of a folder that is forgotten.
const dropTime = 3 * time.Second

// errNoDir: an empty text is no directory, of a variable that is not set, say.
var errNoDir = usagef("the directory is empty: give one, or . for the one you are in")

// known returns the entry of a directory that the user named, for commands that
// need one.
func (p *program) known(dir string) (home, entry, error) {
	h, err := p.existingHome()
	if err != nil {
		return h, entry{}, err
	}
	e, err := h.knownAs(dir)
	return h, e, err
}

// knownAs returns the entry of a directory as somebody typed it.
func (h home) knownAs(dir string) (entry, error) {
	if dir == "" {
		return entry{}, errNoDir
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return entry{}, failf("cannot tell where the directory is: %v", err)
	}
	e, ok, err := h.find(abs)
	if err == nil && !ok {
		hint := "'qsync folders' lists what it knows"
		if len(longHex.FindString(dir)) > 0 {
			return entry{}, usagef("give a directory, not an ID; %s", hint)
		}
		err = usagef("this home knows no folder at %s; %s", quote(abs), hint)
	}
	return e, err
}
