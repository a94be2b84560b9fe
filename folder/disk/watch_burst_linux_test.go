package disk

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"qsync/folder"
)

func TestBurst(t *testing.T) {
	at := func(ms int) time.Time { return time.Unix(1000, int64(ms)*1e6) }
	var b burst
	if got := b.take(at(0)); got != nil || !b.soonest.IsZero() {
		t.Fatal(got, b.soonest)
	}
	// Each path rests a little, but not for ever.
	for ms := 0; ms <= 18; ms += 3 {
		b.add("busy", at(ms), false, false)
	}
	b.add("quiet", at(0), false, false)
	if got := b.take(at(12)); !slices.Equal(got, []Hint{{Path: "quiet"}}) {
		t.Error(got)
	}
	if got := b.take(at(20)); !slices.Equal(got, []Hint{{Path: "busy"}}) {
		t.Error(got)
	}
	// What is being written waits; closing it does not.
	b.add("open", at(30), false, true)
	b.add("open", at(500), false, true)
	if got := b.take(at(600)); got != nil {
		t.Error(got)
	}
	b.add("open", at(700), false, false)
	if got := b.take(at(712)); !slices.Equal(got, []Hint{{Path: "open"}}) {
		t.Error(got)
	}
	// A created file is not held back by the writes that follow.
	b.add("new", at(800), false, false)
	b.add("new", at(801), false, true)
	if got := b.take(at(812)); !slices.Equal(got, []Hint{{Path: "new", Open: true}}) {
		t.Error(got)
	}
	// A deep hint covers those below it.
	for _, p := range []folder.Path{"d/x", "d.txt", "d", "d/y/z"} {
		b.add(p, at(900), p == "d", false)
	}
	if got := b.take(at(920)); !slices.Equal(got, []Hint{{Path: "d", Deep: true}, {Path: "d.txt"}}) {
		t.Error(got)
	}
	for i := range maxBurst + 1 {
		b.add(folder.Path(fmt.Sprint(i)), at(1000), false, false)
	}
	b.add("more", at(1000), false, false)
	if got := b.take(at(1000)); !slices.Equal(got, []Hint{{Lost: true}}) || len(b.paths) != 0 {
		t.Error(got, len(b.paths))
	}
	if got := b.take(at(2000)); got != nil {
		t.Error(got)
	}
}
