package peer

import (
	"cmp"
	"context"
	"io"
	"slices"
	"time"
)

func (l *muxLink) OpenStream(ctx context.Context) (Stream, error) {
	s, err := l.open(ctx, 0)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (l *muxLink) OpenUni(ctx context.Context) (io.WriteCloser, error) {
	s, err := l.open(ctx, 1)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (l *muxLink) open(ctx context.Context, kind int) (*muxStream, error) {
	defer l.wakesAtEnd(ctx)()
	most := [2]int{maxBidi, maxUni}[kind]
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.mine[kind] >= most && l.err == nil && ctx.Err() == nil {
		l.moved.Wait()
	}
	if err := cmp.Or(l.err, ctx.Err()); err != nil {
		return nil, err
	}
	id := l.next[kind]
	l.next[kind] += muxStep
	if l.mine[kind]++; l.lane && l.mine[0] == 1 {
		l.asked = time.Since(l.began)
		l.Ping()
		l.tick.Reset(lanePing)
	}
	s := newMuxStream(l, id)
	s.credit, s.window, s.allowed = muxWindow, muxAnswers, muxAnswers
	l.streams[id] = s
	return s, l.out.frame(muxOpen, id, muxAnswers)
}

// wakesAtEnd sees to it that who waits for ctx too looks again when it ends.
func (l *muxLink) wakesAtEnd(ctx context.Context) func() bool {
	return context.AfterFunc(ctx, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.moved.Broadcast()
	})
}

func (l *muxLink) AcceptStream(ctx context.Context) (Stream, error) {
	s, err := l.accept(ctx, 0)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (l *muxLink) AcceptUni(ctx context.Context) (RecvStream, error) {
	s, err := l.accept(ctx, 1)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (l *muxLink) accept(ctx context.Context, kind int) (*muxStream, error) {
	s, err := l.dequeue(ctx, kind)
	if err == nil {
		s.taken()
	}
	return s, err
}

func (l *muxLink) dequeue(ctx context.Context, kind int) (*muxStream, error) {
	defer l.wakesAtEnd(ctx)()
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.queue[kind]) == 0 && l.err == nil && ctx.Err() == nil {
		l.moved.Wait()
	}
	if err := cmp.Or(l.err, ctx.Err()); err != nil {
		return nil, err
	}
	s := l.queue[kind][0]
	l.queue[kind] = slices.Delete(l.queue[kind], 0, 1)
	return s, nil
}

// release takes a stream out of the count whose two directions have ended.
func (l *muxLink) release(s *muxStream) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.streams[s.id] != s {
		return
	}
	delete(l.streams, s.id)
	if kind := kindOf(s.id); l.own(s.id) {
		l.mine[kind]--
		l.moved.Broadcast()
	} else {
		l.theirs[kind]--
		l.queue[kind] = slices.DeleteFunc(l.queue[kind], func(o *muxStream) bool { return o == s })
	}
}
