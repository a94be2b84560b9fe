package peer

import (
	"os"
	"runtime/debug"
	"testing"
)

// TestMain lets the heap of all the nodes of a test, who share it, grow larger
// before it is collected: a quarter of the time went into that.
func TestMain(m *testing.M) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	os.Exit(m.Run())
}

// sampled is how many random histories a test tells: all of them where
// QSYNC_SAMPLES=all, as in .ci/run, and otherwise a few, since they are a third
// of what the package takes.
func sampled(all, few int) int {
	if os.Getenv("QSYNC_SAMPLES") == "all" {
		return all
	}
	return few
}
