package peer

import (
	"fmt"
	"testing"

	"qsync/folder"
)

// TestEchoes checks what is remembered of placed entries, and how much.
func TestEchoes(t *testing.T) {
	var e echoes
	file := folder.Local{Value: folder.Value{Kind: folder.File, Size: 1}, Stat: folder.Stat{Inode: 1, CTime: 1}}
	racy, gone := file, folder.Local{}
	racy.Stat.Racy = true
	for name, l := range map[folder.Path]folder.Local{"racy": racy, "gone": gone, "dir": {Value: folder.Value{Kind: folder.Dir}}} {
		e.add(name, l)
		if _, ok := e.of(name); ok {
			t.Errorf("%s: remembered, but a stat cannot tell it from a later change", name)
		}
	}
	for i := range 3 * maxEchoes {
		file.Stat.Inode = uint64(i)
		p := folder.Path(fmt.Sprint(i % (2 * maxEchoes)))
		e.add(p, file)
		if got, ok := e.of(p); !ok || got != file {
			t.Fatalf("%s: forgot what was just placed", p)
		}
	}
	if len(e.m) != maxEchoes || len(e.ring) != maxEchoes {
		t.Fatalf("%d remembered in a ring of %d, want %d", len(e.m), len(e.ring), maxEchoes)
	}
	if _, ok := e.of(folder.Path(fmt.Sprint(maxEchoes))); ok {
		t.Error("the oldest is still remembered")
	}
}
