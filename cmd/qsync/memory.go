package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// Go keeps what a burst of work has used for the next one. A node in a cupboard
// may wait for that for weeks: when it has come to rest it gives the memory back.
const (
	calmSpan  = 10 * time.Second // of little work, before memory is given back
	calmAlloc = 4 << 20          // bytes allocated in that span that are little
	worthGC   = 64 << 20         // bytes allocated since the last time that are worth a collection
)

// thrift gives back what memory is not needed any more. The zero value is ready.
type thrift struct {
	free func() // nil for giveBack

	spanBegan time.Time
	atBegin   uint64 // bytes the process had allocated when the span began
	atFree    uint64 // when memory was given back
}

// look takes one look, at a time and at the bytes the process has allocated
// since it started.
func (t *thrift) look(now time.Time, allocated uint64) {
	if now.Sub(t.spanBegan) < calmSpan {
		return
	}
	calm := !t.spanBegan.IsZero() && allocated-t.atBegin < calmAlloc
	t.spanBegan, t.atBegin = now, allocated
	if !calm || allocated-t.atFree < worthGC {
		return
	}
	t.atFree = allocated
	if t.free == nil {
		t.free = giveBack
	}
	t.free()
}

// giveBack returns to the system what is free. What pools hold is free after the
// second collection only.
func giveBack() {
	runtime.GC()
	debug.FreeOSMemory()
}

// allocated is how many bytes the process has allocated since it started.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
