package folder

// What users do to a disk, and the memory of it that the checks use.

func (w *world) forget(i int, v Value) {
	switch v.Kind {
	case Dir:
		if i < len(basePaths) {
			w.undone[i] = true
		}
	case File, Symlink:
		w.gone[w.root[i]][content(v)] = true
	}
}

func (w *world) remember(i int, v Value) {
	w.writes++
	switch v.Kind {
	case Dir:
		if i < len(basePaths) {
			w.made[i] = true
		}
	case File, Symlink:
		w.wrote[w.root[i]][content(v)]++
	}
}

// userWrite replaces what the disk holds at i, which has no children.
func (w *world) userWrite(r *replica, i int, v Value) {
	if have := r.disk[i]; !SameContent(have, v) {
		w.forget(i, have)
	}
	w.remember(i, v)
	w.set(r, i, v)
	w.log(r, "USER", i)
}

func (w *world) userRemove(r *replica, i int) {
	for j := range w.paths {
		if w.parent[j] == i && r.disk[j].Kind != Absent {
			w.userRemove(r, j)
		}
	}
	w.forget(i, r.disk[i])
	w.set(r, i, Value{})
	w.log(r, "USER removes", i)
}

// enterable makes the directory of i exist, turning a file into one if need be.
func (w *world) enterable(r *replica, i int) bool {
	p := w.parent[i]
	if p < 0 || r.disk[p].Kind == Dir {
		return true
	}
	if r.disk[p].Kind != Absent {
		if w.r.IntN(3) > 0 {
			return false
		}
		w.userRemove(r, p)
	}
	w.userWrite(r, p, Value{Kind: Dir, Mode: 0o755})
	return true
}

func (w *world) userOp(r *replica) {
	i := w.r.IntN(len(basePaths))
	if n := len(w.paths); n > len(basePaths) && w.r.IntN(4) == 0 {
		i = w.r.IntN(n)
	}
	for k := 0; k < len(w.order) && r.disk[i].Kind == Absent && w.r.IntN(2) == 0; k++ {
		i = w.order[k] // rather something that is there
	}
	have := r.disk[i]
	switch op := w.r.IntN(20); {
	case op < 8:
		w.opWrite(r, i)
	case op < 9 && have.Kind == File: // the same bytes again, or touch
		have.MTime = w.clock(r)
		have.Base, have.Origin = Base{}, ""
		w.userWrite(r, i, have)
	case op < 10 && (have.Kind == File || have.Kind == Dir): // chmod
		have.Mode = [3]uint16{0o644, 0o755, 0o600}[w.r.IntN(3)]
		have.Base, have.Origin = Base{}, ""
		w.remember(i, have)
		w.set(r, i, have)
		w.log(r, "USER chmod", i)
	case op < 15 && have.Kind != Absent:
		w.userRemove(r, i)
	case op < 18 && have.Kind != Absent:
		w.opRename(r, i)
	case op >= 18 && have.Kind == Absent && w.enterable(r, i):
		w.userWrite(r, i, Value{Kind: Dir, Mode: 0o755})
	}
}

func (w *world) opWrite(r *replica, i int) {
	if !w.enterable(r, i) {
		return
	}
	have := r.disk[i]
	if have.Kind == Dir {
		if w.r.IntN(3) > 0 {
			return
		}
		w.userRemove(r, i)
	}
	mode := have.Mode
	if have.Kind != File {
		mode = 0o644
	}
	w.userWrite(r, i, w.fresh(r, mode))
}

func (w *world) opRename(r *replica, i int) {
	j := w.r.IntN(len(basePaths))
	from, to := w.paths[i], w.paths[j]
	if i == j || from.Below(to) || to.Below(from) || (w.parent[j] >= 0 && r.disk[w.parent[j]].Kind != Dir) {
		return
	}
	if r.disk[j].Kind == Dir || (r.disk[i].Kind == Dir && r.disk[j].Kind != Absent) {
		return
	}
	for k := len(w.paths) - 1; k >= 0; k-- {
		if w.paths[k].Below(from) && r.disk[k].Kind != Absent {
			base := w.paths[k][len(from):]
			if _, known := w.byPath[to+base]; !known {
				return // a name that the history does not follow
			}
		}
	}
	w.move(r, i, j)
}

func (w *world) move(r *replica, i, j int) {
	v := r.disk[i]
	v.Base, v.Origin = Base{}, w.paths[i]
	w.userWrite(r, j, v)
	for k := range w.paths {
		if w.parent[k] == i && r.disk[k].Kind != Absent {
			w.move(r, k, w.byPath[w.paths[j].Join(w.paths[k].Base())])
		}
	}
	w.forget(i, r.disk[i])
	w.set(r, i, Value{})
	w.log(r, "USER moves away", i)
}
