package disk

import (
	"time"

	"qsync/folder"
)

// Hint says where a change may be. It is never the truth: look there with
// [Root.Scan]. Hints come late, doubled, for our own writes too, and for
// entries that are gone or ignored. Changes through a memory mapping give none.
type Hint struct {
	Path folder.Path // "" is the root
	Deep bool        // everything below Path needs a look, not it alone
	Lost bool        // hints were lost: everything needs a look; Path is ""
}

// How long hints wait for more of the same. A path is given settleQuiet to come
// to rest, which takes a finished file past the reach of [folder.Stat]'s Racy,
// but a hint is never later than settleMost. A file that somebody keeps open
// for writing is hinted at every settleOpen.
const (
	settleQuiet = 12 * time.Millisecond
	settleMost  = 20 * time.Millisecond
	settleOpen  = time.Second
	settleStep  = 2 * time.Millisecond // between two looks at what is due
)

// maxBurst is how many paths may wait; beyond, they become one Lost.
const maxBurst = 4096
