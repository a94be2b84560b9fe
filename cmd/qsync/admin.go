package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"qsync/cmd/qsync/config"
)

// admin changes a home, for the commands and for the requests to a node of it:
// one implementation. It prints nothing.
type admin struct {
	home
	own *control // the node of this process, which is not asked through its socket; nil for a command
}

// nodes are the running nodes of the home that answer, oldest first.
func (a admin) nodes() []answeringNode {
	if a.own == nil {
		return a.ask(askTime)
	}
	all := append(a.askBut(askTime, a.own.socket), answeringNode{a.own.socket, a.own.status()})
	slices.SortStableFunc(all, byAge)
	return all
}

// apply has one node take config.yaml anew. The error is why it does not run the
// folder of the request.
func (a admin) apply(n answeringNode, q applyRequest) error {
	if a.own != nil && n.socket == a.own.socket {
		return a.own.take(q)
	}
	ctx, cancel := context.WithTimeout(context.Background(), applyTime)
	defer cancel()
	var got waitAnswer
	if err := a.call(ctx, n.socket, "/v1/apply", q, &got); err != nil {
		return &sentence{text: fmt.Sprintf("process %d has not taken the change: %v", n.PID, err), kind: errUnheard}
	}
	return got.err()
}

// errUnheard is a node that did not answer a change.
var errUnheard = errors.New("no answer")

// applyAll has all nodes of the home take config.yaml anew. One that ends over
// it, for its last folder is forgotten, may be gone before it has answered: there
// is nobody left then who has not taken the change.
func (a admin) applyAll(q applyRequest) error {
	var errs []error
	for _, n := range a.nodes() {
		err := a.apply(n, q)
		if !errors.Is(err, errUnheard) || a.listens(n.socket) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// server is the 'qsync serve' of the home, nil if there is none.
func (a admin) server() (*answeringNode, error) {
	if a.own != nil {
		if st := a.own.status(); st.Serve {
			return &answeringNode{a.own.socket, st}, nil
		}
	}
	return a.serving()
}

// configured are the folders of config.yaml: the one at dir, or with "" all of
// them. No folder at all is an error.
func (a admin) configured(dir string) ([]config.Folder, error) {
	c, err := a.config()
	if err != nil {
		return nil, err
	}
	if dir == "" {
		if len(c.Folders) == 0 {
			return nil, usagef("%s names no folder yet: 'qsync share DIR' or 'qsync join - DIR' adds one", quote(a.configPath()))
		}
		return c.Folders, nil
	}
	f, err := findFolder(c, dir)
	if err != nil {
		return nil, a.byHandOnly(dir, err)
	}
	return []config.Folder{f}, nil
}

// byHandOnly is, in the place of err, why a folder that the home knows without
// config.yaml cannot be paused.
func (a admin) byHandOnly(dir string, err error) error {
	abs, aerr := filepath.Abs(dir)
	if aerr != nil {
		return err
	}
	e, known, ferr := a.find(abs)
	if ferr != nil || !known {
		return err
	}
	if pid := runs(a.nodes(), abs); pid != 0 {
		return usagef("process %d keeps %s in sync as 'qsync SRC DST', which is not paused but ended (Ctrl-C, or kill %[1]d); start it again to go on", pid, quote(e.Dir))
	}
	return usagef("nothing runs %s now, and 'qsync SRC DST' is not paused but ended; only what 'qsync share', 'qsync join' or config.yaml runs can be", quote(e.Dir))
}

// setPaused pauses or resumes folders in config.yaml and where they run.
func (a admin) setPaused(folders []config.Folder, paused bool) error {
	value := any(nil)
	if paused {
		value = true
	}
	err := a.change(func(c *config.Config) (*config.Config, error) {
		for _, f := range folders {
			if now, ok := c.Folder(f.Path); !ok || now.Paused == paused {
				continue
			}
			var err error
			if c, err = c.SetFolder(f.Path, "paused", value); err != nil {
				return nil, err
			}
		}
		return c, nil
	})
	if err != nil {
		return err
	}
	return a.applyAll(applyRequest{})
}

// startStopped starts what of some folders has stopped; brake, if set, is in the
// place of theirs then.
func (a admin) startStopped(folders []config.Folder, q applyRequest) error {
	var errs []error
	for _, f := range folders {
		q.Folder, q.Resume = f.Path, true
		errs = append(errs, a.applyAll(q))
	}
	return errors.Join(errs...)
}

// forget stops syncing the folder at a path, typed as name, and takes it out of
// the home. It returns where that was. The user's files are not touched.
func (a admin) forget(name string) (string, error) {
	if name == "" {
		return "", errNoDir
	}
	dir, err := filepath.Abs(name)
	if err != nil {
		return "", failf("cannot tell where the directory is: %v", err)
	}
	conf, err := a.config()
	if err != nil {
		return "", err
	}
	f, listed := folderAt(conf, dir)
	if listed {
		err = a.unlist(f)
	} else {
		f.Path = dir
		_, err = a.knownAs(name)
	}
	if err != nil {
		return "", err
	}
	if pid := a.letGo(dir, listed); pid != 0 {
		return "", failf("process %d is syncing %s: stop it first", pid, quote(f.Path))
	}
	for _, path := range []string{dir, f.To} {
		e, ok, err := a.find(path)
		if path == "" || err == nil && !ok {
			continue
		}
		if err == nil {
			err = a.drop(e.tag)
		}
		if err != nil {
			return "", err
		}
	}
	return f.Path, nil
}

// letGo is the process that runs a folder, 0 if none does. With told, it may be
// about to let go of it.
func (a admin) letGo(dir string, told bool) (pid int) {
	for end := time.Now().Add(dropTime); ; time.Sleep(50 * time.Millisecond) {
		if pid = runs(a.nodes(), dir); pid == 0 || !told || time.Now().After(end) {
			return pid
		}
	}
}

// unlist takes a folder out of config.yaml, and has the running nodes stop it.
func (a admin) unlist(f config.Folder) error {
	err := a.change(func(c *config.Config) (*config.Config, error) {
		if _, ok := c.Folder(f.Path); !ok {
			return c, nil
		}
		return c.RemoveFolder(f.Path)
	})
	if err != nil {
		return err
	}
	return a.applyAll(applyRequest{})
}

// configuredHome is a home that exists.
func (p *program) configuredHome() (admin, error) {
	h, err := p.existingHome()
	if err != nil {
		return admin{}, err
	}
	if _, err := os.Stat(h.dir); errors.Is(err, os.ErrNotExist) {
		return admin{}, usagef("there is no home %s yet: 'qsync share DIR' makes it, or name another with --home", quote(h.dir))
	}
	return admin{home: h}, nil
}
