package peer

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"sync"
	"time"

	"qsync/folder"
	"qsync/folder/chunk"
	"qsync/folder/disk"
	"qsync/protocol"
)

const (
	splitAtOnce  = 2         // recipes that a node makes at the same time
	diffAtOnce   = 2         // files that it compares with older versions: up to 30 MB each
	recipeKept   = time.Hour // after it was asked for the last time
	recipeChunks = 1 << 19   // chunks, of 24 bytes, in all recipes that are kept
)

// recipes are those that were asked for lately, and those of what has changed lately:
// whoever asks for the outline asks for chunks next, and what has changed once
// will most likely change again.
type recipes struct {
	slots chan struct{}
	diffs chan struct{}

	mu  sync.Mutex
	all map[recipeKey]*recipe
}

// recipeKey names a recipe: how large the chunks are depends on the file that it is
// to be compared with.
type recipeKey struct {
	digest folder.Digest
	bits   int
}

// recipe is one that is being made, or is there.
type recipe struct {
	made  chan struct{} // closed when it is there
	r     *chunk.Recipe
	err   error
	asked time.Time
}

func newRecipes() *recipes {
	return &recipes{
		slots: make(chan struct{}, splitAtOnce), diffs: make(chan struct{}, diffAtOnce),
		all: make(map[recipeKey]*recipe),
	}
}

// compare calls do while few others do the same.
func (c *recipes) compare(ctx context.Context, do func() error) error {
	select {
	case c.diffs <- struct{}{}:
		defer func() { <-c.diffs }()
		return do()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// of returns a recipe, by way of make if it is not known. The errors are those of
// ctx and of make.
func (c *recipes) of(ctx context.Context, k recipeKey, make func() (*chunk.Recipe, error)) (*chunk.Recipe, error) {
	c.mu.Lock()
	e := c.all[k]
	if e == nil {
		e = c.start(k)
		c.mu.Unlock()
		r, err := make()
		c.mu.Lock()
		e.r, e.err = r, err
		close(e.made)
		if e.err != nil {
			delete(c.all, k)
		}
		c.trim()
	}
	e.asked = time.Now()
	c.mu.Unlock()
	select {
	case <-e.made:
		return e.r, e.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// known returns a recipe if it is there, else nil.
func (c *recipes) known(k recipeKey) *chunk.Recipe {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.all[k]
	if e == nil || e.r == nil {
		return nil
	}
	e.asked = time.Now()
	return e.r
}

// keep enters a recipe that was made on another occasion.
func (c *recipes) keep(k recipeKey, r *chunk.Recipe) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all[k] != nil {
		return
	}
	e := c.start(k)
	e.r = r
	close(e.made)
	c.trim()
}

// forget drops a recipe that has turned out not to be that of the file.
func (c *recipes) forget(k recipeKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.all, k)
}

// start enters a recipe that is about to be made, and forgets it when nobody has
// asked for it for a while; c.mu is held.
func (c *recipes) start(k recipeKey) *recipe {
	e := &recipe{made: make(chan struct{}), asked: time.Now()}
	c.all[k] = e
	var expire func()
	expire = func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		switch left := recipeKept - time.Since(e.asked); {
		case c.all[k] != e:
		case left > 0:
			time.AfterFunc(left, expire)
		default:
			delete(c.all, k)
		}
	}
	time.AfterFunc(recipeKept, expire)
	return e
}

// trim forgets the recipes that were asked for the longest ago, until the others
// are not too large; c.mu is held.
func (c *recipes) trim() {
	for {
		n, oldest := 0, recipeKey{}
		var when time.Time
		for k, e := range c.all {
			if e.r == nil {
				continue
			}
			n += len(e.r.Chunks)
			if when.IsZero() || e.asked.Before(when) {
				oldest, when = k, e.asked
			}
		}
		if n <= recipeChunks {
			return
		}
		delete(c.all, oldest)
	}
}

// split makes the recipe of a file of that size. It fails where that was written to
// meanwhile.
func (n *Node) split(ctx context.Context, f *os.File, size int64, bits int) (*chunk.Recipe, error) {
	select {
	case n.recipes.slots <- struct{}{}:
		defer func() { <-n.recipes.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	before, err := f.Stat()
	if err != nil {
		return nil, err
	}
	r, err := chunk.SplitAt(&untilDone{ctx, f}, size, bits, runtime.GOMAXPROCS(0))
	if err != nil {
		return nil, err
	}
	after, err := f.Stat()
	if err == nil && (after.Size() != size || !after.ModTime().Equal(before.ModTime()) || total(r.Chunks) != size) {
		err = disk.ErrChanged
	}
	return r, err
}

// untilDone reads until its context ends.
type untilDone struct {
	ctx context.Context
	r   io.ReaderAt
}

func (u *untilDone) ReadAt(p []byte, off int64) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.r.ReadAt(p, off)
}

// recipe answers a request for one.
func (s *session) recipe(ctx context.Context, st Stream, req *protocol.RecipeRequest) error {
	w := protocol.NewWriter(st)
	r, status := s.recipeOf(ctx, req)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	st.SetDeadline(time.Now().Add(requestWait))
	if status != protocol.OK {
		return w.Write(&protocol.Recipe{Status: status})
	}
	if len(req.Groups) == 0 {
		outline := r.Outline()
		if len(outline) > protocol.MaxParts {
			return w.Write(&protocol.Recipe{Status: protocol.NotHere})
		}
		return w.Write(&protocol.Recipe{Bits: r.Bits, Parts: outline})
	}
	for _, g := range req.Groups {
		if g >= uint64(len(r.Ends)) {
			return w.Write(&protocol.Recipe{Status: protocol.NotHere})
		}
		if err := w.Write(&protocol.Recipe{Bits: r.Bits, Parts: r.Group(int(g))}); err != nil {
			return err
		}
	}
	return nil
}

// recipeOf returns the recipe that a peer asks for. As with content the map
// decides whether there is one to tell of.
func (s *session) recipeOf(ctx context.Context, req *protocol.RecipeRequest) (*chunk.Recipe, protocol.Status) {
	f, local, status := s.f.content(req.Path, req.Digest)
	if status != protocol.OK {
		return nil, status
	}
	defer f.Close()
	if local.Value.Size != req.Size || req.Size > chunk.MaxSplit {
		return nil, protocol.NotHere
	}
	r, err := s.f.recipeOf(ctx, base{f, req.Size, req.Digest}, chunk.Bits(req.Size))
	if errors.Is(err, disk.ErrChanged) {
		return nil, protocol.Changed
	}
	if err != nil {
		return nil, protocol.Failed
	}
	return r, protocol.OK
}
