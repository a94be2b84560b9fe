package peer

import (
	"testing"
	"testing/synctest"
	"time"

	"qsync/folder"
)

// TestRations: large content is given to two at a time, and to one where many want it;
// who is refused and has nobody else to ask gets it after a while, and nobody waits for
// a slow one.
func TestRations(t *testing.T) {
	t.Parallel()
	d := digestOf("large")
	ask := func(r *rations, s *session) func() {
		_, end := r.begin(s, d)
		return end
	}
	for name, run := range map[string]func(t *testing.T, r *rations, all []*session){
		"few": func(t *testing.T, r *rations, all []*session) {
			end := ask(r, all[0])
			if end == nil || ask(r, all[1]) == nil || ask(r, all[0]) == nil {
				t.Fatal("two are refused")
			}
			if ask(r, all[2]) != nil {
				t.Fatal("three at a time")
			}
			if _, end := r.begin(all[2], digestOf("other")); end == nil {
				t.Fatal("refused what nobody else wants")
			}
			end()
			if ask(r, all[2]) != nil {
				t.Fatal("given though the first is still given an answer")
			}
		},
		"many": func(t *testing.T, r *rations, all []*session) {
			first, second := ask(r, all[0]), ask(r, all[1])
			for _, s := range all[2:] {
				if ask(r, s) != nil {
					t.Fatal("three at a time")
				}
			}
			first()
			if ask(r, all[0]) != nil {
				t.Fatal("two at a time, of so many")
			}
			second()
			if ask(r, all[3]) == nil {
				t.Fatal("nobody is given it")
			}
		},
		"nobody else": func(t *testing.T, r *rations, all []*session) {
			ask(r, all[0])
			ask(r, all[1])
			began := time.Now()
			for ask(r, all[2]) == nil {
				time.Sleep(followPause)
			}
			if took := time.Since(began); took < rationWait || took > rationWait+2*followPause {
				t.Error("refused for", took)
			}
			for range 2 {
				if ask(r, all[3]) != nil {
					t.Error("given to one who can have it from others")
				}
				time.Sleep(rationAsks + time.Second) // it has found somebody meanwhile
			}
		},
		"a slow one": func(t *testing.T, r *rations, all []*session) {
			slow, _ := r.begin(all[0], d)
			quick, _ := r.begin(all[1], d)
			for range 2 {
				time.Sleep(time.Second)
				slow.bytes.Add(1 << 20)
				quick.bytes.Add(5 << 20)
			}
			if ask(r, all[2]) == nil {
				t.Fatal("all wait for a slow one")
			}
			if ask(r, all[3]) != nil {
				t.Fatal("given to two beside it")
			}
		},
		"all are slow": func(t *testing.T, r *rations, all []*session) {
			for _, s := range all[:2] {
				g, _ := r.begin(s, d)
				g.bytes.Add(1 << 20)
			}
			given := 0
			for began := time.Now(); time.Since(began) < 5*rationSpan; time.Sleep(2 * rationAsks) {
				if ask(r, all[2]) != nil {
					given++
				}
			}
			if given == 0 {
				t.Error("nobody finds out that others are quicker")
			}
		},
		"forgets": func(t *testing.T, r *rations, all []*session) {
			for _, s := range all {
				if end := ask(r, s); end != nil {
					end()
				}
			}
			time.Sleep(2 * rationSpan)
			if _, end := r.begin(all[0], digestOf("other")); end == nil || len(r.m) != 1 {
				t.Error(len(r.m), "contents are remembered")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				all := make([]*session, rationMany+1)
				for i := range all {
					all[i] = &session{}
				}
				run(t, &rations{m: map[folder.Digest]*ration{}}, all)
			})
		})
	}
}
