package main

import (
	"os"
	"os/user"
	"path/filepath"
	"strconv"

	"qsync/cmd/qsync/config"
	"qsync/cmd/qsync/service"
)

// handOver makes a home that is not there yet and gives it to its user. One
// that somebody else owns stays as it is.
func handOver(dir string, owner *user.User) error {
	uid, err := strconv.Atoi(owner.Uid)
	if err != nil {
		return failf("the user %s has no number: %v", quote(owner.Username), err)
	}
	gid, err := strconv.Atoi(owner.Gid)
	if err != nil {
		return failf("the user %s has no group: %v", quote(owner.Username), err)
	}
	fi, err := os.Stat(dir)
	if err == nil {
		if id, ok := ownerOf(fi); ok && id != uid {
			return failf("the home %s belongs to another user than %s: give the owner with --user-name, or another --home", quote(dir), quote(owner.Username))
		}
		return nil
	}
	missing := dir
	for {
		parent := filepath.Dir(missing)
		if _, err := os.Lstat(parent); err == nil || parent == missing {
			break
		}
		missing = parent
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return failf("cannot make the home %s: %v; choose another with --home", quote(dir), reason(err))
	}
	for d := dir; ; d = filepath.Dir(d) {
		if err := os.Lchown(d, uid, gid); err != nil {
			return failf("cannot give the home %s to %s: %v", quote(d), quote(owner.Username), reason(err))
		}
		if d == missing {
			return nil
		}
	}
}

// sealed lists what a machine's service would not be allowed to write: of the
// home's folders, and the home itself. tilde is what ~ stands for in config.yaml.
func sealed(h home, tilde string) (all []string, err error) {
	dirs := []string{h.dir}
	known, err := h.entries()
	if err != nil {
		return nil, err
	}
	for _, e := range known {
		dirs = append(dirs, e.Dir)
	}
	if text, err := os.ReadFile(filepath.Join(h.dir, "config.yaml")); err == nil {
		// What is wrong with it, serve says.
		if cfg, err := config.Parse(text, config.Source{Home: tilde}); err == nil {
			for _, f := range cfg.Folders {
				dirs = append(dirs, f.Path)
			}
		}
	}
	for _, dir := range dirs {
		if real := resolved(dir); service.Sealed(real) {
			all = append(all, real)
		}
	}
	return all, nil
}
