package peer

import (
	"time"

	"qsync/store"
)

// queueCount is how many journal rows a status counts at most.
const queueCount = 1 << 20

// queueFigures is what stood in the queues of the peers, when, and what counting
// cost.
type queueFigures struct {
	at   time.Time
	cost time.Duration
	want map[store.NodeID]store.Want
}

// queued counts what each peer has not confirmed. Long queues are not counted
// afresh each time: at most a twentieth of the time goes into it.
func (f *Folder) queued() (map[store.NodeID]store.Want, error) {
	f.mu.Lock()
	last := f.queues
	f.mu.Unlock()
	if last.want != nil && time.Since(last.at) < 20*last.cost {
		return last.want, nil
	}
	start := time.Now()
	w, err := f.store.Queued(queueCount)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queues = queueFigures{at: time.Now(), cost: time.Since(start), want: w}
	return w, nil
}
