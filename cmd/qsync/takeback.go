package main

import (
	"context"
	"fmt"
	"strings"

	"qsync/peer"
)

// takeBack asks for one side of a one-way folder to become like the other again.
type takeBack struct {
	Dry bool `json:"dry"`
}

var (
	verbRevert = verb[takeBack, []peer.OwnChange]{"revert", func(ctx context.Context, f *peer.Folder, q takeBack) ([]peer.OwnChange, error) {
		return f.Revert(ctx, q.Dry)
	}}
	verbOverride = verb[takeBack, []peer.OwnChange]{"override", func(ctx context.Context, f *peer.Folder, q takeBack) ([]peer.OwnChange, error) {
		return f.Override(ctx, q.Dry)
	}}
)

// Run takes back what was changed in a receiving folder.
func (c *revertCmd) Run(p *program) error {
	return c.run(p, verbRevert, takingBack{
		none:  "nothing was changed in %s: it is as its source",
		would: "would be taken back",
		lost:  "; no versions are kept here (--versions 0), so %s of what was added and edited goes for good",
		done:  "taken back; what was added and edited here goes to .qsync/versions, and what is missing comes when a peer has it",
		gone:  "taken back; no versions are kept here (--versions 0), so what was added and edited here is gone, and what is missing comes when a peer has it",
	})
}

// Run puts what a source holds above what its peers have made of it.
func (c *overrideCmd) Run(p *program) error {
	return c.run(p, verbOverride, takingBack{
		none:  "no peer has made anything in %s other than it is here",
		would: "would become as it is here",
		done:  "become as it is here; what the peers had goes to their .qsync/versions, where they keep any",
	})
}

// takingBack is how a command tells of it.
type takingBack struct {
	none, would, done string
	lost, gone        string // of what no version is kept of
}

func (c *takeBackCmd) run(p *program, v verb[takeBack, []peer.OwnChange], t takingBack) error {
	at, err := p.place(c.Dir)
	if err != nil {
		return err
	}
	all, err := v.ask(p, at, takeBack{Dry: c.DryRun})
	if err != nil {
		return err
	}
	failed, unkept := 0, int64(0)
	var b strings.Builder
	for _, x := range all {
		if x.Failed != "" {
			failed++
		} else if x.Unkept {
			unkept++
		}
		if p.flags.JSON {
			if err := p.printJSON(x); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(&b, "%-9s %9s  %s\n", x.Change, sizeOf(x.Kind, x.Size), quote(exact(x.Path, x.RawPath)))
		if x.Failed != "" {
			fmt.Fprintf(&b, "%-9s %9s  stays: %s\n", "", "", x.Failed)
		}
	}
	if err := p.print(b.String()); err != nil {
		return err
	}
	n := int64(len(all) - failed)
	switch {
	case len(all) == 0:
		p.ui.say(t.none, quote(at.entry.Dir))
	case c.DryRun:
		lost := ""
		if unkept > 0 {
			lost = fmt.Sprintf(t.lost, plural(unkept, "entry", "entries"))
		}
		p.ui.say("%s %s; without -n it is%s", plural(n, "entry", "entries"), t.would, lost)
	case unkept > 0:
		p.ui.say("%s %s%s", plural(n, "entry", "entries"), t.gone, p.goesOn(at))
	default:
		p.ui.say("%s %s%s", plural(n, "entry", "entries"), t.done, p.goesOn(at))
	}
	if failed > 0 {
		return outcome(errPartial)
	}
	return nil
}

// sizeOf is the size of a file, and of others what they are.
func sizeOf(kind string, n int64) string {
	if kind == "file" {
		return size(n)
	}
	return kind
}
