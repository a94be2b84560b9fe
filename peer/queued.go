package peer

import (
	"maps"
	"time"

	"qsync/store"
)

// queueCount is how many journal rows a status counts for one peer at most.
const queueCount = 1 << 20

// queueFigure is what stood in a peer's queue, when, and what counting cost.
type queueFigure struct {
	at   time.Time
	cost time.Duration
	want store.Want
}

// queued counts what a peer has not confirmed. A long queue is not counted
// afresh each time: at most a twentieth of the time goes into it.
func (f *Folder) queued(id store.NodeID) (store.Want, error) {
	f.mu.Lock()
	last, ok := f.queues[id]
	f.mu.Unlock()
	if ok && time.Since(last.at) < 20*last.cost {
		return last.want, nil
	}
	start := time.Now()
	w, err := f.store.Queued(id, queueCount)
	if err != nil {
		return w, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queues[id] = queueFigure{at: time.Now(), cost: time.Since(start), want: w}
	return w, nil
}

// forgetQueues drops the figures of peers that the store has forgotten.
func (f *Folder) forgetQueues() {
	f.mu.Lock()
	defer f.mu.Unlock()
	maps.DeleteFunc(f.queues, func(id store.NodeID, _ queueFigure) bool { return f.store.Peer(id).Number == 0 })
}
