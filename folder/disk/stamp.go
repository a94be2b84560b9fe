package disk

import "time"

// instant is a moment on two clocks, in nanoseconds since 1970.
type instant struct {
	at    int64 // this machine's
	stamp int64 // the one that stamps are taken from: later ones are no less; 0 where nobody can tell
}

// now is this moment, for [racy].
func (r *Root) now() instant {
	i := instant{at: time.Now().UnixNano()}
	if r.stamps {
		i.stamp = stampClock(i.at)
	}
	return i
}
