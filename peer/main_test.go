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
