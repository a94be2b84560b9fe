package peer

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"qsync/folder"
	"qsync/folder/disk"
)

// RuleQuery asks what other ignore rules would change: those of a command line or
// config.yaml, in the place of the folder's; ignore files stay as they are.
type RuleQuery struct {
	Exclude  []string
	KeepJunk bool
	Limit    int // paths that are told of at most
}

// RulePreview is what that would be, of what is on this machine's disk.
type RulePreview struct {
	Out  RuleChange // what would no longer be synced
	Back RuleChange // what would be, and is not now
	Cut  bool       // there is more than was looked at in time
}

// RuleChange is a number of entries.
type RuleChange struct {
	Entries int64
	Bytes   int64         // of the files among them
	Paths   []folder.Path // the first ones
}

// previewTime is how long a preview looks through the disk.
const previewTime = 5 * time.Second

// Preview says what other ignore rules would leave out and let in. It changes
// nothing. An ignore file that cannot be read is an error.
func (f *Folder) Preview(ctx context.Context, q RuleQuery) (RulePreview, error) {
	next := folder.NewIgnore(q.Exclude)
	if !q.KeepJunk {
		next = next.WithJunk()
	}
	ctx, cancel := context.WithTimeout(ctx, previewTime)
	defer cancel()
	p := &previewing{f: f, ctx: ctx, limit: q.Limit}
	err := p.visit("", rulesAt{now: f.ignore(), next: next})
	if errors.Is(err, context.DeadlineExceeded) {
		p.out.Cut, err = true, nil
	}
	return p.out, err
}

type previewing struct {
	f     *Folder
	ctx   context.Context
	limit int
	out   RulePreview
}

// rulesAt are the rules in a directory: as they are, and as they would be.
type rulesAt struct {
	now, next       *folder.Ignore
	outNow, outNext bool // all that is in it is left out
}

// visit goes through a directory, which it closes before it goes deeper.
func (p *previewing) visit(dir folder.Path, r rulesAt) error {
	deeper := make(map[folder.Path]rulesAt)
	order, err := p.entries(dir, r, deeper)
	if err != nil {
		return err
	}
	for _, d := range order {
		if err := p.visit(d, deeper[d]); err != nil {
			return err
		}
	}
	return nil
}

func (p *previewing) entries(dir folder.Path, r rulesAt, deeper map[folder.Path]rulesAt) (order []folder.Path, err error) {
	l, err := p.f.root.ListNow(dir)
	if dir != "" && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.Is(err, disk.ErrNotDir)) {
		return nil, nil // it went, or is a problem of the folder
	}
	if err != nil {
		return nil, err
	}
	defer l.Close()
	if !r.outNow {
		if r.now, err = l.Ignore(r.now); err != nil {
			return nil, err
		}
	}
	if !r.outNext {
		if r.next, err = l.Ignore(r.next); err != nil {
			return nil, err
		}
	}
	for _, name := range l.Names("") {
		if err := p.ctx.Err(); err != nil {
			return nil, err
		}
		c, kind := dir.Join(name), l.Kind(name)
		at := rulesAt{now: r.now, next: r.next}
		at.outNow = r.outNow || r.now.Match(c, kind == folder.Dir)
		at.outNext = r.outNext || r.next.Match(c, kind == folder.Dir)
		switch {
		case kind == folder.Absent:
			continue
		case !at.outNow && at.outNext:
			p.count(&p.out.Out, c, l.Value(name))
		case at.outNow && !at.outNext:
			p.count(&p.out.Back, c, l.Value(name))
		}
		if kind == folder.Dir && !(at.outNow && at.outNext) {
			order = append(order, c)
			deeper[c] = at
		}
	}
	return order, nil
}

func (p *previewing) count(c *RuleChange, path folder.Path, v folder.Value) {
	c.Entries++
	if v.Kind == folder.File {
		c.Bytes += v.Size
	}
	if len(c.Paths) < p.limit {
		c.Paths = append(c.Paths, path)
	}
}
