package protocol

import (
	"bytes"
	"testing"
	"testing/synctest"
)

// A bubble may not touch a channel of another one: nothing that compresses is
// shared between streams.
func TestBubbles(t *testing.T) {
	for range 3 {
		synctest.Test(t, func(t *testing.T) {
			for range 2 {
				if _, err := read(written(t, goldenIndex(MaxEntries))); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
	var b bytes.Buffer
	if err := Write(&b, goldenIndex(MaxEntries)); err != nil {
		t.Fatal(err)
	}
}
