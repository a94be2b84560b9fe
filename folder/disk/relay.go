package disk

import "sync"

// relay passes buffers through stages, a goroutine each: while one is written to
// the disk, say, the next is read and digested. With two cores that is nearly twice
// as fast as one thing after the other.
type relay struct {
	free, first chan []byte
	wg          sync.WaitGroup

	mu  sync.Mutex
	err error
}

// relayed is how many buffers are under way.
const relayed = 4

// newRelay starts the stages. Every buffer passes all of them in order; after an
// error of one nothing more is done with any.
func (r *Root) newRelay(stages ...func([]byte) error) *relay {
	l := &relay{free: make(chan []byte, relayed), first: make(chan []byte, relayed)}
	for range relayed {
		l.free <- r.buffer()[:]
	}
	in := l.first
	for i, do := range stages {
		from, to := in, l.free
		if i+1 < len(stages) {
			to = make(chan []byte, relayed)
			in = to
		}
		l.wg.Go(func() {
			for b := range from {
				if l.failed() == nil {
					l.fail(do(b))
				}
				to <- b
			}
			if to != l.free {
				close(to)
			}
		})
	}
	return l
}

// buffer returns one to be filled and sent.
func (l *relay) buffer() []byte {
	b := <-l.free
	return b[:cap(b)]
}

// send hands on a buffer, of which some may have been cut off.
func (l *relay) send(b []byte) { l.first <- b }

func (l *relay) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.err = err
	}
}

// failed returns the first error of a stage.
func (l *relay) failed() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// end returns when everything that was sent has passed, with the first error of a
// stage. A buffer that was not sent is lost.
func (l *relay) end(r *Root) error {
	close(l.first)
	l.wg.Wait()
	for {
		select {
		case b := <-l.free:
			r.buffers.Put((*[copyBuffer]byte)(b[:copyBuffer]))
		default:
			return l.err
		}
	}
}
