package peer

import "time"

// clockLook is how often a folder that works by the clock looks at it: a timer
// stands still while the machine sleeps, and knows nothing of a clock that is set.
const clockLook = time.Minute

// passes tells the scanner when to look at everything again.
type passes struct {
	f     *Folder
	at    time.Time // by the wall clock; zero: not by the clock, or never
	timer *time.Timer
}

// newPasses plans the pass after the first one, which began then.
func (f *Folder) newPasses(began time.Time) *passes {
	p := &passes{f: f, timer: time.NewTimer(clockLook)}
	p.plan(began)
	return p
}

// plan sets the time of the next pass after the one that began then.
func (p *passes) plan(began time.Time) {
	if p.f.cfg.Next == nil {
		p.timer.Reset(p.f.interval())
		return
	}
	p.set(p.f.cfg.Next(began))
}

// due reports, when the timer has fired, whether it is time for a pass. If it is
// not, it goes on waiting.
func (p *passes) due() bool {
	if p.f.cfg.Next == nil {
		return true
	}
	now := p.f.node.wall()
	if !now.Before(p.at) {
		return true
	}
	at := p.at
	if next := p.f.cfg.Next(now); !next.IsZero() && next.Before(at) {
		at = next // the clock has been set back
	}
	p.set(at)
	return false
}

func (p *passes) set(at time.Time) {
	p.at = at
	p.f.setNext(at)
	if at.IsZero() {
		p.timer.Stop()
		return
	}
	p.timer.Reset(min(max(at.Sub(p.f.node.wall()), 0), clockLook))
}

// end stops waiting.
func (p *passes) end() {
	p.timer.Stop()
	p.f.setNext(time.Time{})
}

// setNext notes when the next pass is due, for the status.
func (f *Folder) setNext(at time.Time) {
	f.mu.Lock()
	same := f.next.Equal(at)
	f.next = at
	f.mu.Unlock()
	if !same {
		f.changed()
	}
}

// wall is the time that people see, which goes on while the machine sleeps.
func (n *Node) wall() time.Time {
	if n.cfg.Wall != nil {
		return n.cfg.Wall()
	}
	return time.Now().Round(0) // without the clock that stands still in sleep
}
