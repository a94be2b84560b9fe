package peer

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// check holds a budget to its own sums.
func (b *budget) check(accounts []*account) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	held, users, claims := int64(0), int64(0), 0
	for _, a := range accounts {
		held += a.held
		claims += a.claims
		if a.active() {
			users++
		}
		if a.held < 0 || a.held > a.most {
			return fmt.Errorf("an account of %d holds %d", a.most, a.held)
		}
	}
	if b.free < 0 || b.free+held != b.total || b.users != users || len(b.waiting) != claims {
		return fmt.Errorf("%d free and %d held of %d, %d users are %d, %d claims are %d", b.free, held, b.total, users, b.users, claims, len(b.waiting))
	}
	if c := b.next(); b.short != (c != nil) || b.short && c.n <= b.free {
		return fmt.Errorf("short is %v with %d free, next is %v", b.short, b.free, c)
	}
	return nil
}

// TestBudget: whatever comes in whatever order, the sums are right, and all who
// wait get their turn once the others have finished.
func TestBudget(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		synctest.Test(t, func(*testing.T) {
			total := rapid.Int64Range(10, 25).Draw(rt, "total")
			b := newBudget(total)
			var accounts []*account
			for range rapid.IntRange(1, 5).Draw(rt, "accounts") {
				accounts = append(accounts, b.account(rapid.Int64Range(10, 200).Draw(rt, "most")))
			}
			var got atomic.Int32
			steps := rapid.IntRange(1, 60).Draw(rt, "steps")
			for range steps {
				a := rapid.SampledFrom(accounts).Draw(rt, "account")
				n := rapid.Int64Range(1, 10).Draw(rt, "bytes")
				patience := rapid.IntRange(1, 100).Draw(rt, "patience")
				work := rapid.IntRange(1, 50).Draw(rt, "work")
				go func() {
					ctx, cancel := context.WithTimeout(context.Background(), time.Duration(patience)*time.Second)
					defer cancel()
					if patience > 50 {
						ctx = context.Background()
					}
					if a.take(ctx, n) == nil {
						time.Sleep(time.Duration(work) * time.Second)
						a.give(n)
					} else if patience > 50 {
						return
					}
					got.Add(1)
				}()
				synctest.Wait()
				if err := b.check(accounts); err != nil {
					rt.Fatal(err)
				}
				time.Sleep(time.Duration(rapid.IntRange(0, 5).Draw(rt, "pause")) * time.Second)
			}
			time.Sleep(time.Duration(steps) * time.Minute)
			if err := b.check(accounts); err != nil || b.free != total || b.short || int(got.Load()) != steps {
				rt.Fatalf("%v; %d free of %d, short %v, %d of %d", err, b.free, total, b.short, got.Load(), steps)
			}
		})
	})
}

// TestBudgetGivenUp: what is granted in the moment in which the wait for it is
// given up is not lost.
func TestBudgetGivenUp(t *testing.T) {
	b := newBudget(10)
	a, other := b.account(10), b.account(10)
	for range 2000 {
		if err := a.take(t.Context(), 10); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan bool)
		go func() { done <- other.take(ctx, 10) == nil }()
		for waits := false; !waits; waits = b.crowded() {
			runtime.Gosched()
		}
		cancel()
		a.give(10)
		if <-done {
			other.give(10)
		}
		if err := b.check([]*account{a, other}); err != nil || b.free != 10 {
			t.Fatal(err, b.free)
		}
	}
}

// TestBudgetIsFair: who holds least is served first, nobody is starved by
// smaller ones, and who holds more than its part is told when others wait.
func TestBudgetIsFair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(100)
		greedy, modest, third := b.account(80), b.account(100), b.account(100)
		var order []string
		take := func(a *account, n int64, name string) {
			go func() {
				if a.take(t.Context(), n) == nil {
					order = append(order, name)
				}
			}()
			synctest.Wait()
		}
		for range 12 { // of which two are more than it may have
			take(greedy, 8, "greedy")
		}
		if len(order) != 10 || greedy.greedy() || b.crowded() {
			t.Fatal(order, greedy.greedy(), b.crowded())
		}
		take(modest, 10, "modest")
		take(modest, 20, "modest")
		take(third, 30, "third")
		if len(order) != 11 || !greedy.greedy() || modest.greedy() || !b.crowded() {
			t.Fatal(order, greedy.held, modest.held, b.crowded())
		}
		for range 5 { // 10 are free, and soon 50: the third has nothing yet, the greedy claims come last
			greedy.give(8)
			synctest.Wait()
		}
		if got := order[11:]; fmt.Sprint(got[:2]) != "[third modest]" {
			t.Error(got)
		}
	})
}

// TestStall: what gets nowhere is ended when others wait for memory, and only then.
func TestStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(10)
		a := b.account(10)
		if err := a.take(t.Context(), 10); err != nil {
			t.Fatal(err)
		}
		var ended atomic.Int32
		s := newStall(b, func() { ended.Add(1) })
		s.begin()
		time.Sleep(time.Hour)
		if ended.Load() != 0 {
			t.Error("ended, and nobody waits")
		}
		ctx, cancel := context.WithCancel(t.Context())
		go b.account(10).take(ctx, 1)
		s.done()
		time.Sleep(time.Hour)
		if ended.Load() != 0 {
			t.Error("ended after it was done")
		}
		s.begin()
		time.Sleep(stallWait + time.Second)
		if ended.Load() != 1 {
			t.Error("goes on, and others wait")
		}
		cancel()
		synctest.Wait()
	})
}
