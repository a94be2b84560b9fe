//go:build !linux

package disk

// stampsHere reports whether the clock that gives the stamps can be read: here none
// is known to be that.
func stampsHere(*dir) bool { return false }

func stampClock(int64) int64 { return 0 }
