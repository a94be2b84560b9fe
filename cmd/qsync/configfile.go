package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"qsync/cmd/qsync/config"
)

// Files of the home beside the folders.
const (
	configName = "config.yaml"
	configLock = "config.lock" // held while config.yaml is changed
	serveLock  = "serve.lock"  // held by the 'qsync serve' of the home; has its process number
)

// lockPatience is how long a change of config.yaml waits for another one.
const lockPatience = 5 * time.Second

func (h home) configPath() string { return filepath.Join(h.dir, configName) }

// config reads config.yaml. A home without one has the defaults. What is wrong
// with the file is one error of many lines.
func (h home) config() (*config.Config, error) {
	return h.parseConfig(h.configPath())
}

func (h home) parseConfig(path string) (*config.Config, error) {
	text, err := os.ReadFile(path)
	if err != nil && !(errors.Is(err, fs.ErrNotExist) && path == h.configPath()) {
		return nil, usagef("cannot read %s: %v", quote(path), reason(err))
	}
	c, err := config.Parse(text, h.source(path))
	if err != nil {
		return nil, &sentence{text: err.Error(), kind: errUsage}
	}
	return c, nil
}

func (h home) source(path string) config.Source { return config.Source{Name: path, Home: h.user} }

// change edits config.yaml, in turn with the other processes of the home. Where
// edit changes nothing, nothing is written.
func (h home) change(edit func(*config.Config) (*config.Config, error)) error {
	lock, err := h.lock(configLock, lockPatience)
	if err != nil {
		return err
	}
	defer lock.Close()
	before, err := h.config()
	if err != nil {
		return err
	}
	after, err := edit(before)
	if err != nil {
		return byHand(err)
	}
	if string(after.Bytes()) == string(before.Bytes()) {
		return nil
	}
	path := h.configPath()
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // people keep such files elsewhere
	}
	if err := writeFile(path, after.Bytes()); err != nil {
		return failf("cannot write %s, which stays as it was: %v%s", quote(path), reason(err), remedy(err.Error()))
	}
	return nil
}

// byHand gives an error of an edit the exit code of a usage error.
func byHand(err error) error {
	var s *sentence
	if errors.As(err, &s) {
		return err
	}
	return usagef("%v", err)
}

// lock opens and locks a file of the home, waiting so long for its turn.
func (h home) lock(name string, patience time.Duration) (*os.File, error) {
	path := filepath.Join(h.dir, name)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, failf("cannot use the home %s: %v", quote(h.dir), reason(err))
	}
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		ok, err := tryLock(f)
		switch {
		case ok:
			return f, nil
		case err != nil:
			return nil, errors.Join(failf("cannot lock %s: %v", quote(path), reason(err)), f.Close())
		case time.Now().After(end):
			return nil, errors.Join(errLocked, f.Close())
		}
	}
}

// errLocked: another process has that file of the home.
var errLocked = errors.New("another qsync is using this home; try again")

// serveAlone takes the home for a 'qsync serve' until the file is closed.
func (h home) serveAlone() (*os.File, error) {
	f, err := h.lock(serveLock, 0)
	if errors.Is(err, errLocked) {
		return nil, failf("process %d serves the home %s already: 'qsync status' shows how it is", h.server(), quote(h.dir))
	}
	if err != nil {
		return nil, err
	}
	if err = f.Truncate(0); err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		return nil, errors.Join(failf("cannot use the home %s: %v", quote(h.dir), reason(err)), f.Close())
	}
	return f, nil
}

// server is the process that holds the home's serve.lock, 0 if none does.
func (h home) server() int {
	path := filepath.Join(h.dir, serveLock)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return 0
	}
	defer f.Close()
	if free, err := tryLock(f); free || err != nil {
		return 0
	}
	b, _ := os.ReadFile(path)
	pid, _ := strconv.Atoi(strings.TrimSpace(string(b)))
	return max(pid, 1)
}

// folderAt returns the entry of config.yaml for a directory, however it is
// spelled, or for one that another entry has as its destination.
func folderAt(c *config.Config, dir string) (config.Folder, bool) {
	i := slices.IndexFunc(c.Folders, func(f config.Folder) bool { return sameDir(f.Path, dir) })
	if i < 0 {
		return config.Folder{}, false
	}
	return c.Folders[i], true
}
