package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"qsync/peer"
)

// parts is [verb.ask] for what is asked for in parts: next takes each answer, and
// says what to ask for then, if anything. All parts go to the same node, or to a
// folder that is opened once.
func (v verb[Q, A]) parts(p *program, at place, q Q, next func(A) (Q, bool, error)) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	all := func(do func(Q) (A, error)) error {
		for more := true; more; {
			a, err := do(q)
			if err == nil {
				q, more, err = next(a)
			}
			if ctx.Err() != nil {
				return outcome(errInterrupted)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	for _, n := range at.home.ask(askTime) {
		if runs([]answeringNode{n}, at.entry.Dir) == 0 {
			continue
		}
		err := all(func(q Q) (A, error) {
			var a verbAnswer[A]
			err := at.home.call(ctx, n.socket, v.path(), verbRequest[Q]{at.entry.Dir, q}, &a)
			if err == nil {
				err = a.err()
			}
			return a.Answer, err
		})
		if !errors.Is(err, errNoFolder) {
			return err
		}
	}
	return p.openHere(at, func(f *peer.Folder) error {
		return all(func(q Q) (A, error) { return v.do(ctx, f, q) })
	})
}
