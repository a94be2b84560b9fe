package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"

	"qsync/folder"
	"qsync/peer"
)

// mergeVariable is how a command names the files to merge, as those of git
// mergetool do. A command without them gets the paths as arguments.
var mergeVariable = regexp.MustCompile(`\$\{?(BASE|LOCAL|REMOTE|MERGED)\b|%(BASE|LOCAL|REMOTE|MERGED)%`)

// merge has a command merge both sides of a conflict, in the directory dir, and
// makes q ask for the result to be kept. Nothing is changed in the folder.
func (p *program) merge(at place, q *resolveQuery, command, dir string) error {
	c, err := verbConflict.ask(p, at, *q)
	if err != nil {
		return err
	}
	c = exactNames(c)
	file := folder.File.String()
	if c.Other.Kind != file || c.This.Kind != file && c.This.Kind != folder.Absent.String() {
		return usagef("only files can be merged, and here a %s meets a %s: use --keep", c.This.Kind, c.Other.Kind)
	}
	m := merging{dir: dir, ext: filepath.Ext(c.Path)}
	if err := m.gather(at, c); err != nil {
		return err
	}
	q.To = m.name("base")
	found, err := p.ancestor(at, *q)
	if err != nil {
		return err
	}
	if !found {
		p.ui.say("note: what both sides were made of is not among the versions here, so the base is empty; a peer that edited neither of them may have it")
	}
	if err := m.run(p, command); err != nil {
		return err
	}
	q.How = peer.Resolution{Keep: peer.KeepMerged, From: m.name("result"), This: c.This.Digest, Other: c.Other.Digest}
	return nil
}

// ancestor asks for what both sides were made of: the folder, and where that has
// it no more the others of this home with the same ID, such as the other
// directory of a pair.
func (p *program) ancestor(at place, q resolveQuery) (bool, error) {
	found, err := verbAncestor.ask(p, at, q)
	if found || err != nil {
		return found, err
	}
	all, err := at.home.entries()
	if err != nil {
		return false, err
	}
	for _, e := range all {
		if e.ID != at.entry.ID || e.tag == at.entry.tag {
			continue
		}
		if found, err := verbAncestor.ask(p, place{at.home, e}, q); found && err == nil {
			return true, nil
		}
	}
	return false, nil
}

// merging are the files of a merge.
type merging struct{ dir, ext string }

func (m merging) name(what string) string { return filepath.Join(m.dir, what+m.ext) }

// gather copies both sides, and makes an empty base, for which there may be no better.
func (m merging) gather(at place, c peer.Conflict) error {
	in := func(p string) string { return filepath.Join(at.entry.Dir, filepath.FromSlash(p)) }
	if err := os.WriteFile(m.name("base"), nil, 0o600); err != nil {
		return failf("cannot write %s: %v", quote(m.dir), reason(err))
	}
	if c.This.Kind == folder.Absent.String() {
		c.Path = ""
	}
	for what, path := range map[string]string{"this": c.Path, "other": c.Copy} {
		if err := copyFile(in(path), m.name(what), path == ""); err != nil {
			return failf("cannot read %s: %v", quote(path), reason(err))
		}
	}
	return nil
}

func copyFile(from, to string, empty bool) error {
	if empty {
		return os.WriteFile(to, nil, 0o600)
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// run runs the command, by the shell, and looks for its result.
func (m merging) run(p *program, command string) error {
	files := []string{m.name("base"), m.name("this"), m.name("other"), m.name("result")}
	cmd := shellCommand(command, files)
	for i, name := range []string{"BASE", "LOCAL", "REMOTE", "MERGED"} {
		cmd.Env = append(cmd.Env, name+"="+files[i])
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, p.out, os.Stderr
	if p.flags.JSON {
		cmd.Stdout = os.Stderr // standard output is for what scripts read
	}
	var exit *exec.ExitError
	if err := cmd.Run(); errors.As(err, &exit) {
		return failf("the command ended with code %d, so nothing was changed", exit.ExitCode())
	} else if err != nil {
		return failf("the command could not be run: %v", reason(err))
	}
	if fi, err := os.Lstat(files[3]); errors.Is(err, fs.ErrNotExist) {
		return failf("the command wrote no result, so nothing was changed: the result goes to its fourth argument, or to $MERGED")
	} else if err != nil || !fi.Mode().IsRegular() {
		return failf("the command's result is no file, so nothing was changed")
	}
	return nil
}

func shellCommand(command string, files []string) *exec.Cmd {
	named := mergeVariable.MatchString(command)
	var cmd *exec.Cmd
	switch {
	case runtime.GOOS == "windows" && named:
		cmd = exec.Command("cmd", "/C", command)
	case runtime.GOOS == "windows":
		cmd = exec.Command("cmd", append([]string{"/C", command}, files...)...)
	case named:
		cmd = exec.Command("sh", "-c", command)
	default:
		cmd = exec.Command("sh", append([]string{"-c", command + ` "$@"`, "qsync-merge"}, files...)...)
	}
	cmd.Env = os.Environ()
	return cmd
}
