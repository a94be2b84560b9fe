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
		b.add("busy", at(ms), false, over)
	}
	b.add("lone", at(0), false, over)
	b.add("quiet", at(0), false, begun)
	if got := b.take(at(5)); !slices.Equal(got, []Hint{{Path: "lone"}}) {
		t.Error(got)
	}
	if got := b.take(at(12)); !slices.Equal(got, []Hint{{Path: "quiet"}}) {
		t.Error(got)
	}
	if got := b.take(at(20)); !slices.Equal(got, []Hint{{Path: "busy"}}) {
		t.Error(got)
	}
	// What is being written waits; closing it does not.
	b.add("open", at(30), false, going)
	b.add("open", at(500), false, going)
	if got := b.take(at(600)); got != nil {
		t.Error(got)
	}
	b.add("open", at(700), false, over)
	if got := b.take(at(705)); !slices.Equal(got, []Hint{{Path: "open"}}) {
		t.Error(got)
	}
	// A created file is not held back by the writes that follow, and comes as soon
	// as it is closed, its directory with it.
	b.add("d/new", at(750), false, begun)
	b.add("d", at(750), false, begun)
	b.add("d/new", at(751), false, going)
	b.add("d/new", at(752), false, over)
	b.join("d", "d/new")
	b.join("no", "d/new")
	if got := b.take(at(757)); !slices.Equal(got, []Hint{{Path: "d"}, {Path: "d/new"}}) {
		t.Error(got)
	}
	// What was removed may be about to come back.
	b.add("back", at(770), false, begun)
	b.add("back", at(778), false, begun)
	if got := b.take(at(785)); got != nil {
		t.Error(got)
	}
	b.add("back", at(785), false, over)
	if got := b.take(at(790)); !slices.Equal(got, []Hint{{Path: "back"}}) {
		t.Error(got)
	}
	b.add("new", at(800), false, begun)
	b.add("new", at(801), false, going)
	if got := b.take(at(812)); !slices.Equal(got, []Hint{{Path: "new", Open: true}}) {
		t.Error(got)
	}
	// A deep hint covers those below it.
	for _, p := range []folder.Path{"d/x", "d.txt", "d", "d/y/z"} {
		b.add(p, at(900), p == "d", over)
	}
	if got := b.take(at(920)); !slices.Equal(got, []Hint{{Path: "d", Deep: true}, {Path: "d.txt"}}) {
		t.Error(got)
	}
	// What was written to is told of all the same: a look at everything goes by stats.
	for _, p := range []folder.Path{"d", "d/x", "d/y", "e"} {
		b.add(p, at(950), p == "d", over)
	}
	b.wrote("d/y")
	b.wrote("none")
	if got := b.take(at(970)); !slices.Equal(got, []Hint{{Path: "d", Deep: true}, {Path: "d/y", Wrote: true}, {Path: "e"}}) {
		t.Error(got)
	}
	for i := range maxBurst + 1 {
		b.add(folder.Path(fmt.Sprint(i)), at(1000), false, over)
	}
	b.add("more", at(1000), false, over)
	if got := b.take(at(1000)); !slices.Equal(got, []Hint{{Lost: true}}) || len(b.paths) != 0 {
		t.Error(got, len(b.paths))
	}
	if got := b.take(at(2000)); got != nil {
		t.Error(got)
	}
}
