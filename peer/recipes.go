package peer

import (
	"context"
	"io"
	"os"
	"sync"
	"time"

	"qsync/folder"
	"qsync/folder/chunk"
	"qsync/protocol"
)

const (
	splitAtOnce  = 2               // recipes that a node makes at the same time
	diffAtOnce   = 2               // files that it compares with older versions: up to 30 MB each
	recipeKept   = 5 * time.Minute // after it was asked for the last time
	recipeChunks = 1 << 19         // chunks, of 24 bytes, in all recipes that are kept
)

// recipes are those that peers have asked for lately: whoever asks for the
// outline asks for chunks next.
type recipes struct {
	slots chan struct{}
	diffs chan struct{}

	mu  sync.Mutex
	all map[folder.Digest]*recipe
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
		all: make(map[folder.Digest]*recipe),
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

// of returns the recipe of the content of that digest, by way of make if it is
// not known. The errors are those of ctx and of make.
func (c *recipes) of(ctx context.Context, d folder.Digest, make func() (*chunk.Recipe, error)) (*chunk.Recipe, error) {
	c.mu.Lock()
	e := c.all[d]
	if e == nil {
		e = c.start(d)
		c.mu.Unlock()
		r, err := make()
		c.mu.Lock()
		e.r, e.err = r, err
		close(e.made)
		if e.err != nil {
			delete(c.all, d)
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

// start enters a recipe that is about to be made, and forgets it when nobody has
// asked for it for a while; c.mu is held.
func (c *recipes) start(d folder.Digest) *recipe {
	e := &recipe{made: make(chan struct{}), asked: time.Now()}
	c.all[d] = e
	var expire func()
	expire = func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		switch left := recipeKept - time.Since(e.asked); {
		case c.all[d] != e:
		case left > 0:
			time.AfterFunc(left, expire)
		default:
			delete(c.all, d)
		}
	}
	time.AfterFunc(recipeKept, expire)
	return e
}

// trim forgets the recipes that were asked for the longest ago, until the others
// are not too large; c.mu is held.
func (c *recipes) trim() {
	for {
		n, oldest := 0, folder.Digest{}
		var when time.Time
		for d, e := range c.all {
			if e.r == nil {
				continue
			}
			n += len(e.r.Chunks)
			if when.IsZero() || e.asked.Before(when) {
				oldest, when = d, e.asked
			}
		}
		if n <= recipeChunks {
			return
		}
		delete(c.all, oldest)
	}
}

// split makes the recipe of a file from its start to its end.
func (n *Node) split(ctx context.Context, f *os.File, bits int) (*chunk.Recipe, error) {
	select {
	case n.recipes.slots <- struct{}{}:
		defer func() { <-n.recipes.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return chunk.Split(&untilDone{ctx, io.NewSectionReader(f, 0, 1<<62)}, bits)
}

// untilDone reads until its context ends.
type untilDone struct {
	ctx context.Context
	r   io.Reader
}

func (u *untilDone) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.r.Read(p)
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
	n := s.f.node
	r, err := n.recipes.of(ctx, req.Digest, func() (*chunk.Recipe, error) { return n.split(ctx, f, chunk.Bits(req.Size)) })
	if err != nil {
		return nil, protocol.Failed
	}
	if total(r.Chunks) != req.Size {
		return nil, protocol.Changed
	}
	return r, protocol.OK
}
