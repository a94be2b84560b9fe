package peer

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"qsync/folder"
)

// TestPlanIsEffect: whatever three directories have been to each other before,
// what a dry run of a one-way sync lists is what the sync then does, to every
// path, and the dry run itself does nothing. QSYNC_PEER_SEED runs one again.
func TestPlanIsEffect(t *testing.T) {
	t.Parallel()
	n, first := sampled(20, 8), time.Now().UnixNano()
	if v, err := strconv.ParseInt(os.Getenv("QSYNC_PEER_SEED"), 10, 64); err == nil {
		n, first = 1, v
	}
	for seed := first; seed < first+int64(n); seed++ {
		if !t.Run(strconv.FormatInt(seed, 10), func(t *testing.T) { planAndDo(t, uint64(seed)) }) {
			t.Fatalf("QSYNC_PEER_SEED=%d runs it again", seed)
		}
	}
}

func planAndDo(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 3))
	bubble(t, 3, func(c *cluster) {
		h := &history{cluster: c, rng: rng, texts: map[string]bool{}}
		for range rng.IntN(5) {
			h.edit()
			i := rng.IntN(3)
			h.pair(c.nodes[i], c.nodes[(i+1+rng.IntN(2))%3], []Mode{Send, TwoWay}[rng.IntN(2)], nil)
		}
		h.edit()
		src, dst := c.nodes[0], c.nodes[1]
		before, all := dst.tree(), c.everything(c.dir)
		var plan []string
		h.pair(src, dst, Send, func(it PlanItem) {
			if it.Here && it.Dir == dst.dir && (it.Kind != folder.Dir || it.Action != "metadata") {
				plan = append(plan, fmt.Sprintf("%s %s %s", it.Action, it.Kind, it.Path))
			}
		})
		c.unchanged(c.dir, all)
		h.pair(src, dst, Send, nil)
		after := dst.tree()
		if left := effect(after, src.tree()); len(left) > 0 {
			c.Errorf("not done: %q", left)
		}
		slices.Sort(plan)
		c.want(plan, effect(before, after)...)
	})
}

// edit lets users change something in all directories.
func (h *history) edit() {
	for _, m := range h.nodes {
		for range h.rng.IntN(5) {
			p := somePaths[h.rng.IntN(len(somePaths))]
			h.note("%s: %s", m.name, h.change(m, m.tree(), p))
		}
	}
	time.Sleep(3 * time.Second) // what follows has other stamps
}

// pair syncs the directories of two machines as the two-path form does.
func (h *history) pair(src, dst *machine, mode Mode, plan func(PlanItem)) {
	h.Helper()
	h.note("%s to %s, %s, dry %v", src.name, dst.name, mode, plan != nil)
	n, err := New(Config{Name: "n", Device: h.nodes[0].device, Log: slog.New(slog.NewTextHandler(logWriter{src}, logOptions()))})
	src.must(err)
	config := func(m *machine, mode Mode) FolderConfig {
		return FolderConfig{ID: h.id, Dir: m.dir, State: m.state, Mode: mode, Mirror: mode == Send && !h.meek, Versions: 2, MaxDelete: Brake{Percent: 100}, Once: true, Plan: plan}
	}
	other := Mirror
	if mode == TwoWay {
		other = TwoWay
	}
	s, d, err := n.Pair(config(src, mode), config(dst, other))
	src.must(err)
	ctx, cancel := context.WithTimeout(h.Context(), time.Minute)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	for _, f := range []*Folder{s, d} {
		if err := f.Wait(ctx, 1); err != nil {
			h.Errorf("%v, %s\n%s", err, f.Missing(1), strings.Join(h.steps, "\n"))
			for r, err := range f.store.Records("") {
				h.Logf("%q at %d, disk %s %s implicit %v, register %s %v", r.Path, r.Seq, brief(r.Local.Value), dotText(r.Local.Dot), r.Local.Implicit, registerText(r.Register), err)
			}
		}
	}
	cancel()
	src.must(<-done)
}

// effect is the plan that describes how one tree became another. Of a directory
// that is there for what lives in it alone the mode is each machine's own.
func effect(before, after tree) (out []string) {
	kinds := map[byte]folder.Kind{'f': folder.File, 'd': folder.Dir, 'l': folder.Symlink}
	for p, b := range before {
		a, here := after[p]
		switch {
		case !here:
			out = append(out, fmt.Sprintf("delete %s %s", kinds[b.kind], p))
		case a.kind != b.kind || a.data != b.data:
			out = append(out, fmt.Sprintf("replace %s %s", kinds[a.kind], p))
		case a != b && a.kind != 'd':
			out = append(out, fmt.Sprintf("metadata %s %s", kinds[a.kind], p))
		}
	}
	for p, a := range after {
		if _, there := before[p]; !there {
			out = append(out, fmt.Sprintf("add %s %s", kinds[a.kind], p))
		}
	}
	slices.Sort(out)
	return out
}
