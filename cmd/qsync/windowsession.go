package main

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// sessionsName is the file with the generation of the sessions of the page, "" where
// there is none: those of an earlier one do not hold.
const sessionsName = "web.sessions"

// webSessions is the generation of sessions that holds.
func (h home) webSessions() (string, error) {
	path := filepath.Join(h.dir, sessionsName)
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", failf("cannot read %s: %v", quote(path), reason(err))
	}
	return strings.TrimSpace(string(text)), nil
}

// endWebSessions makes another generation, which is kept when it returns.
func (h home) endWebSessions() (string, error) {
	generation, path := rand.Text(), filepath.Join(h.dir, sessionsName)
	if err := writeFile(path, []byte(generation+"\n")); err != nil {
		return "", failf("cannot write %s: %v", quote(path), reason(err))
	}
	return generation, nil
}
