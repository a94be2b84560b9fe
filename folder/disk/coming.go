package disk

import (
	"fmt"
	"os"
	"sync/atomic"
)

// Coming is a staged file for those who read what has come of it while the rest
// is on its way. It is safe for concurrent use, also when the file is discarded,
// parked or put in place meanwhile. Nothing of it is verified.
type Coming struct {
	dir    *dir
	name   string
	landed *atomic.Int64
}

// Coming returns nil for a file that cannot be opened again (see [Root.StagePart]).
func (s *Staged) Coming() *Coming {
	if s.part == "" {
		return nil
	}
	return &Coming{s.dir, s.name, &s.landed}
}

// Landed is how many bytes from the start can be read: fewer than have been written,
// for some wait for more, until [Staged.Finish] has ended the content.
func (c *Coming) Landed() int64 { return c.landed.Load() }

// Open opens it for reading. The error wraps fs.ErrNotExist once it has another name.
func (c *Coming) Open() (*os.File, error) {
	f, _, err := c.dir.open(c.name)
	if err != nil {
		return nil, fmt.Errorf("open staged file: %w", err)
	}
	return f, nil
}
