package folder

import "fmt"

// log tells a replayed history.
func (w *world) log(r *replica, what string, i int) {
	if w.trace != nil {
		row := &r.rows[i]
		w.trace(fmt.Sprintf("%d: %s %s: disk %v, dot %v, register %s, F %v, head %d", r.n, what, w.paths[i], show(r.disk[i]), row.local.Dot, showRegister(row.reg), r.ctx, r.head))
	}
}

func show(v Value) string {
	return fmt.Sprintf("%v#%d(%o, %d)", v.Kind, content(v), v.Mode, v.MTime/1e9)
}

func showRegister(r Register) string {
	s := fmt.Sprintf("%v{", r.Ctx)
	for _, x := range r.Sibs {
		s += fmt.Sprintf(" %v=%s", x.Dot, show(x.Value))
	}
	return s + " }"
}

// digests and targets of the contents; twins share the hash that names use.
var (
	digests, twins [maxContents]Digest
	targets        [maxContents]string
)

func content(v Value) int {
	switch v.Kind {
	case File:
		return int(v.Digest[31])
	case Symlink:
		return int(v.Target[0])
	}
	return 0
}

// fresh makes a value that nobody wrote before.
func (w *world) fresh(r *replica, mode uint16) Value {
	w.contents++
	if w.contents == maxContents {
		panic("history too long")
	}
	if w.r.IntN(10) == 0 {
		return Value{Kind: Symlink, MTime: w.clock(r), Target: targets[w.contents]}
	}
	v := Value{Kind: File, Mode: mode, MTime: w.clock(r), Size: int64(w.contents), Digest: digests[w.contents]}
	if w.collide {
		v.Digest = twins[w.contents]
	}
	return v
}

// clock is the wall clock of r: skewed, and coarse so that times tie.
func (w *world) clock(r *replica) int64 { return (w.now/3 + r.skew) * 1e9 }
