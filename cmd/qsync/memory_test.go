package main

import (
	"testing"
	"time"
)

func TestThrift(t *testing.T) {
	freed := 0
	m := thrift{free: func() { freed++ }}
	now, bytes := time.Unix(1_000_000, 0), uint64(0)
	look := func(seconds, each int) {
		for range seconds {
			now = now.Add(time.Second)
			bytes += uint64(each)
			m.look(now, bytes)
		}
	}
	for i, step := range []struct{ seconds, each, want int }{
		{60, 100 << 10, 0}, // nothing was used that is worth it
		{30, 50 << 20, 0},  // at work
		{25, 100 << 10, 1}, // come to rest
		{300, 100 << 10, 1},
		{2, 50 << 20, 1},
		{25, 100 << 10, 2},
	} {
		look(step.seconds, step.each)
		if freed != step.want {
			t.Fatalf("step %d: given back %d times, want %d", i, freed, step.want)
		}
	}
	if before := allocated(); before == 0 || allocated() < before {
		t.Fatal("what is allocated is not counted")
	}
}
