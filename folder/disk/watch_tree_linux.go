package disk

import (
	"strings"

	"qsync/folder"
)

// node is a watched directory. Nodes are linked as the directories are, so
// that the watches below a directory that moves move with it (F44).
type node struct {
	wd     int32 // negative: on the way to watched ones, not watched itself
	name   string
	parent *node
	kids   map[string]*node
}

// tree finds nodes by watch and by path. root is the folder's root; a node
// from which no parents lead there is an orphan: it moved and nobody knows
// where to.
type tree struct {
	root *node
	byWD map[int32]*node
}

func newTree() *tree {
	return &tree{root: &node{wd: -1}, byWD: make(map[int32]*node)}
}

// path returns where n is; ok is false for an orphan.
func (t *tree) path(n *node) (p folder.Path, ok bool) {
	var names []string
	for ; n != t.root; n = n.parent {
		if n == nil {
			return "", false
		}
		names = append(names, n.name)
	}
	var b strings.Builder
	for i := len(names) - 1; i >= 0; i-- {
		b.WriteString(names[i])
		if i > 0 {
			b.WriteByte('/')
		}
	}
	return folder.Path(b.String()), true
}

// at returns the node of p, made if need be.
func (t *tree) at(p folder.Path) *node {
	n := t.root
	for rest := string(p); rest != ""; {
		var name string
		name, rest, _ = strings.Cut(rest, "/")
		k := n.kids[name]
		if k == nil {
			k = &node{wd: -1}
			n.attach(name, k)
		}
		n = k
	}
	return n
}

// attach makes k the child name of n; who was it before is an orphan.
func (n *node) attach(name string, k *node) {
	if old := n.kids[name]; old != nil {
		old.detach()
	}
	if n.kids == nil {
		n.kids = make(map[string]*node)
	}
	k.name, k.parent = name, n
	n.kids[name] = k
}

func (n *node) detach() {
	if n.parent != nil && n.parent.kids[n.name] == n {
		delete(n.parent.kids, n.name)
	}
	n.parent = nil
}

// holds reports whether m is n or below it.
func (n *node) holds(m *node) bool {
	for ; m != nil; m = m.parent {
		if m == n {
			return true
		}
	}
	return false
}

// set records that the directory at p has watch wd. The kernel gives a
// directory that is watched already the watch it has, wherever it is now.
func (t *tree) set(p folder.Path, wd int32) {
	at, had := t.at(p), t.byWD[wd]
	if had == at {
		return
	}
	if had != nil && at != t.root && !had.holds(at) {
		had.detach()
		at.parent.attach(at.name, had)
		return
	}
	if had != nil {
		delete(t.byWD, wd)
		had.wd = -1
	}
	if at.wd >= 0 && at != t.root {
		// Another directory was here. It is gone, or moved and we have yet to
		// read about it: then its events show that it is an orphan.
		fresh := &node{wd: -1}
		at.parent.attach(at.name, fresh)
		at = fresh
	} else if at.wd >= 0 {
		delete(t.byWD, at.wd)
	}
	at.wd = wd
	t.byWD[wd] = at
}

// remove forgets n and everything below, and calls drop for every watch.
func (t *tree) remove(n *node, drop func(wd int32)) {
	n.detach()
	t.forget(n, drop)
}

func (t *tree) forget(n *node, drop func(wd int32)) {
	for _, k := range n.kids {
		t.forget(k, drop)
	}
	if n.wd >= 0 && t.byWD[n.wd] == n {
		delete(t.byWD, n.wd)
		drop(n.wd)
	}
}
