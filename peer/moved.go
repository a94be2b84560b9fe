package peer

import (
	"context"
	"sync"
	"time"
)

// Signs of life, and of having slept.
const (
	probeWait  = 2 * time.Second // for a peer to answer after the network changed
	choiceWait = time.Second     // for one to answer on a link while another one knocks
	probeStep  = 10 * time.Millisecond
	clockStep  = keepAlive       // between two looks at the clock
	sleepGap   = 5 * time.Second // by which a look is late when the machine slept
)

// NetworkChanged tells the node that this machine's addresses or routes may be
// others now. It returns at once. Links whose peer does not answer within 2 s
// are closed, dials under way are given up and every back-off starts anew.
func (n *Node) NetworkChanged() {
	n.mu.Lock()
	n.eraEnd()
	n.eraCtx, n.eraEnd = context.WithCancel(context.Background())
	n.mu.Unlock()
	for _, f := range n.Folders() {
		f.candidates.reset()
		select {
		case f.doubt <- struct{}{}:
		default: // it is about to look anyway
		}
	}
}

// era ends when the network changes.
func (n *Node) era() context.Context {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.eraCtx
}

// watchClock notices that the machine slept, or that this process was stopped:
// time went by in which no timer ran. The peers may be gone since.
func (n *Node) watchClock(ctx context.Context) error {
	tick := time.NewTicker(clockStep)
	defer tick.Stop()
	for last := n.wall(); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		now := n.wall()
		if gap := now.Sub(last) - clockStep; gap > sleepGap {
			n.cfg.Log.Info("time went by unnoticed; looking whether the peers are still there", "asleep", gap.Round(time.Second))
			n.NetworkChanged()
		}
		last = now
	}
}

// doubtLoop looks, after a change of the network, whether the peers still
// answer, and closes the links of those that do not.
func (f *Folder) doubtLoop(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-f.doubt:
		}
		var wg sync.WaitGroup
		f.mu.Lock()
		for _, s := range f.sessions {
			wg.Go(func() {
				if !s.alive(ctx, probeWait) && ctx.Err() == nil {
					s.link.Close(CodeSilent, "")
				}
			})
		}
		f.mu.Unlock()
		wg.Wait()
	}
}

// alive reports whether the peer gives a sign of life within wait. The probe
// is our progress, told once more: the peer's end of the link acknowledges it
// whatever the peer itself is busy with. Over TCP it is one of the link's own.
func (s *session) alive(ctx context.Context, wait time.Duration) bool {
	l, ok := s.link.(interface{ Received() uint64 })
	if !ok {
		return !isClosed(s.link.Done())
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	step := time.NewTicker(probeStep)
	defer step.Stop()
	before := l.Received()
	if p, ok := s.link.(interface{ Ping() }); ok {
		p.Ping()
	}
	select {
	case s.again <- struct{}{}:
	default:
	}
	for {
		select {
		case <-s.link.Done():
			return false
		case <-ctx.Done():
			return false
		case <-step.C:
			if l.Received() != before {
				return true
			}
		}
	}
}

// pause waits so long, or until the network changes. It reports whether that
// happened, and false for ok when ctx has ended.
func (f *Folder) pause(ctx context.Context, d time.Duration) (moved, ok bool) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false, false
	case <-f.node.era().Done():
		return true, true
	case <-t.C:
		return false, true
	}
}
