package disk

import "qsync/folder"

// Hint says where a change may be. It is never the truth: look there with
// [Root.Scan]. Hints come late, doubled, for our own writes too, and for
// entries that are gone or ignored. Changes through a memory mapping give none.
type Hint struct {
	Path  folder.Path // "" is the root
	Deep  bool        // everything below Path needs a look, not it alone
	From  folder.Path // where the directory at Path was until it was renamed, "" if unknown
	Open  bool        // somebody writes to the file at Path, and has not closed it
	Wrote bool        // somebody has written to the file at Path, perhaps for longer than its stat tells
	Lost  bool        // hints were lost: everything needs a look; Path is ""
}
