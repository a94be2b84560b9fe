package discovery

import (
	"testing"
	"time"
)

// The questions of an hour: quick at first, one a minute in the end.
func TestSchedule(t *testing.T) {
	var s schedule
	start := time.Now()
	s.start(start)
	var gaps []time.Duration
	last := start
	for s.ask.Sub(start) < time.Hour {
		gaps = append(gaps, s.ask.Sub(last))
		last = s.ask
		s.hasAsked(last)
	}
	if n := len(gaps); n < 55 || n > 75 {
		t.Errorf("%d questions in an hour", n)
	}
	for i, want := range []time.Duration{0, 1, 2, 4, 8, 16, 32, 60, 60} {
		want *= time.Second
		if gaps[i] < want*9/10 || gaps[i] > want*11/10+120*time.Millisecond {
			t.Errorf("question %d came %v after the one before, want %v", i, gaps[i], want)
		}
	}
	if age := s.change.Sub(start); age < 20*time.Minute || age > 40*time.Minute {
		t.Errorf("a name lives for %v", age)
	}
}

// A start is announced twice; a storm of questions has one answer a second.
func TestTelling(t *testing.T) {
	var s schedule
	start := time.Now()
	s.start(start)
	told := 0
	for now := start; now.Before(start.Add(10 * time.Second)); now = now.Add(10 * time.Millisecond) {
		if now.Sub(start) > 5*time.Second {
			s.asked(now)
		}
		if !s.tell.IsZero() && !s.tell.After(now) {
			told++
			s.hasTold(now)
		}
		if now.Sub(start) == 4*time.Second && told != 2 {
			t.Errorf("announced %d times", told)
		}
	}
	if told < 6 || told > 7 {
		t.Errorf("told %d times, want twice and once a second for five seconds", told)
	}
	s.asked(start.Add(20 * time.Second))
	if wait := s.tell.Sub(start.Add(20 * time.Second)); wait > 120*time.Millisecond {
		t.Errorf("a lone question waits %v for its answer", wait)
	}
}

// Somebody else's question replaces ours once the quick ones are over.
func TestOthersAsk(t *testing.T) {
	var s schedule
	now := time.Now()
	s.start(now)
	first := s.ask
	if s.othersAsk(now); s.ask != first {
		t.Error("the first question can be put off")
	}
	for s.gap < lastGap {
		s.hasAsked(now)
	}
	if s.othersAsk(now); s.ask.Before(now.Add(lastGap)) {
		t.Error("we ask although somebody did")
	}
}

func TestPace(t *testing.T) {
	var p pace
	now := time.Now()
	reads, parses := 0, 0
	for end := now.Add(time.Second); now.Before(end); now = now.Add(10 * time.Microsecond) {
		now = now.Add(p.read(now))
		reads++
		if p.parse() {
			parses++
		}
	}
	if reads < 1900 || reads > 2200 || parses < 90 || parses > 120 {
		t.Errorf("%d packets read and %d parsed in a second", reads, parses)
	}
}
