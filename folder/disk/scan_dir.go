package disk

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"qsync/folder"
)

// descend walks down to the directory that holds Under and visits Under there.
// It releases lv.
func (s *scanner) descend(lv *level) (err error) {
	defer func() { lv.release() }()
	defer func() { err = cmp.Or(err, s.told()) }()
	for rest := string(s.o.Under); ; {
		name, tail, more := strings.Cut(rest, "/")
		child := lv.path.Join(name)
		ign, err := layerIgnore(lv.ign, lv.d, lv.path)
		if err != nil {
			return s.problem(lv.path, err)
		}
		lv.ign = ign
		if !more {
			return s.visit(lv, dirent{Name: name, asked: true})
		}
		if lv.ignores(child, true) {
			return s.hide(s.o.Under)
		}
		in, err := s.ask(lv, name)
		switch {
		case errors.Is(err, fs.ErrNotExist), err == nil && !in.Special && in.Kind != folder.Dir:
			return s.vanished(lv, child)
		case err == nil && in.Special:
			err = ErrSpecial
		case err == nil && in.Dev != s.dev:
			err = ErrMount
		}
		if err != nil {
			return s.problem(child, err)
		}
		sub, err := lv.d.sub(name)
		if err != nil {
			return s.problem(child, settle(err))
		}
		if sub.mount() {
			sub.Close()
			return s.problem(child, ErrMount)
		}
		s.bareAt(child)
		next := newLevel(sub, child, lv.depth+1)
		next.ign = lv.ign
		lv.release()
		lv, rest = next, tail
	}
}

// settle names what it means that a directory just seen cannot be opened as
// one: somebody is replacing it.
func settle(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %w", ErrChanging, err)
	}
	return err
}

// enter reports directory name of lv if it changed, and walks it.
func (s *scanner) enter(lv *level, name string, in info) (err error) {
	child := lv.path.Join(name)
	if in.Dev != s.dev {
		return s.problem(child, ErrMount)
	}
	if s.o.Shallow && child == s.o.Under && s.known.ok && s.known.cur.Path == child {
		if l := s.known.cur.Local; l.Value.Kind == folder.Dir && l.Stat.Inode == in.Inode {
			// Nobody has to fetch what is known below.
			return s.directory(child, l, in)
		}
	}
	sub, in, err := s.opened(lv, name, in)
	if err != nil {
		return s.gone(lv, name, err)
	}
	next := newLevel(sub, child, lv.depth+1)
	next.ign = lv.ign
	defer next.release()
	if sub.mount() {
		return s.problem(child, ErrMount)
	}
	if s.bareAt(child) {
		defer func() { err = cmp.Or(err, s.left(child)) }()
	}
	names, err := s.fill(next)
	if err != nil {
		return s.gone(lv, name, err)
	}
	before, err := s.take(child)
	if err != nil {
		return err
	}
	if err := s.directory(child, before, in); err != nil {
		return err
	}
	return s.walk(next, names)
}

// opened opens directory name of lv, which lstat said is in. What it returns
// is the stat of the very directory that will be listed.
func (s *scanner) opened(lv *level, name string, in info) (*dir, info, error) {
	sub, err := lv.d.sub(name)
	if err != nil {
		return nil, info{}, err
	}
	got, err := sub.stat("")
	if err == nil && (got.Inode != in.Inode || got.Dev != in.Dev) {
		err = ErrChanging
	}
	if err != nil {
		sub.Close()
		return nil, info{}, err
	}
	return sub, got, nil
}

// gone decides what it means that directory name of lv could not be opened or
// listed: it vanished if its own lstat says so, else nothing is known.
func (s *scanner) gone(lv *level, name string, err error) error {
	child := lv.path.Join(name)
	if errors.Is(err, fs.ErrNotExist) {
		if _, serr := lv.d.stat(name); errors.Is(serr, fs.ErrNotExist) {
			return s.vanished(lv, child)
		}
	}
	return s.problem(child, settle(err))
}

// directory reports directory p if mode or time differ from what is known.
// Its inode and ctime are recorded with that but are no change by themselves:
// both move with every entry.
func (s *scanner) directory(p folder.Path, before folder.Local, in info) error {
	v := before.Value
	if !before.Ignored && v.Kind == folder.Dir && v.Mode == in.Mode &&
		(v.MTime == in.MTime || (s.o.Touched != nil && s.o.Touched(p))) {
		return nil
	}
	after := folder.Local{
		Value: folder.Value{Kind: folder.Dir, Mode: in.Mode, MTime: in.MTime},
		Stat:  folder.Stat{Inode: in.Inode, CTime: in.CTime},
	}
	return s.queue.push(&item{found: Found{Path: p, Before: before, After: after}})
}

// problem reports p and leaves alone what is known there, or all that this
// scan is about if p lies above it.
func (s *scanner) problem(p folder.Path, err error) error {
	if err := s.queue.push(&item{found: Found{Path: p}, err: err}); err != nil {
		return err
	}
	if s.o.Under != "" && (p == "" || s.o.Under.Below(p)) {
		p = s.o.Under
	}
	s.unsure = s.unsure || s.known.in(p)
	if p == "" {
		for s.known.ok {
			if err := s.known.advance(); err != nil {
				return err
			}
		}
		return nil
	}
	return s.known.skip(p)
}

// vanished reports everything known at or below p as absent, except what is
// ignored: that is no business of ours any more (F69).
func (s *scanner) vanished(lv *level, p folder.Path) error {
	if s.bare != "" && p.Below(s.bare) {
		s.missing = s.missing || s.known.in(p)
		return s.known.skip(p)
	}
	hidden := folder.Path("")
	for s.known.in(p) {
		k := s.known.cur
		if hidden == "" || !k.Path.Below(hidden) {
			hidden = lv.hidden(p, k)
		}
		after := folder.Local{}
		if hidden != "" {
			after = k.Local
			after.Ignored = true
		}
		if after != k.Local {
			if err := s.queue.push(&item{found: Found{Path: k.Path, Before: k.Local, After: after}}); err != nil {
				return err
			}
		}
		if err := s.known.advance(); err != nil {
			return err
		}
	}
	return nil
}

// hide notes of everything known at or below p that it is ignored.
func (s *scanner) hide(p folder.Path) error {
	for s.known.in(p) {
		k := s.known.cur
		if after := k.Local; !after.Ignored {
			after.Ignored = true
			if err := s.queue.push(&item{found: Found{Path: k.Path, Before: k.Local, After: after}}); err != nil {
				return err
			}
		}
		if err := s.known.advance(); err != nil {
			return err
		}
	}
	return nil
}

// hidden returns the first of p and the entries from there down to k that is
// ignored, "" if none is.
func (l *level) hidden(p folder.Path, k Known) folder.Path {
	if l.ign == nil {
		return ""
	}
	for end := len(p); ; {
		at := k.Path[:end]
		if l.ign.Match(at, end < len(k.Path) || k.Local.Value.Kind == folder.Dir) {
			return at
		}
		if end == len(k.Path) {
			return ""
		}
		if i := strings.IndexByte(string(k.Path[end+1:]), '/'); i >= 0 {
			end += 1 + i
		} else {
			end = len(k.Path)
		}
	}
}
