package integration

import (
	"path/filepath"
	"strings"
	"testing"
)

// Where no UDP passes, everything goes over TCP by itself: where the system says so
// at once, where the question is lost on its way, and where the answer is.
func TestUDPBlocked(t *testing.T) {
	t.Parallel()
	for name, sides := range map[string]map[int]string{
		"refused here and there": {0: "prohibit", 1: "prohibit"},
		"refused to who dials":   {1: "prohibit"},
		"answers are lost":       {0: "blackhole"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pair := newCouple(t)
			for _, m := range pair.m {
				m.onOwnNetwork()
			}
			a, b := cable(pair.m[0], pair.m[1], "net", 1)
			pair.at = [2]string{a + ":2121", b + ":2121"}
			for i, how := range sides {
				ip(t, "-n", pair.m[i].ns(), "rule", "add", "ipproto", "udp", how)
			}
			pair.start(0)
			pair.start(1)
			fill(t, pair.dirs[0], 30)
			write(t, filepath.Join(pair.dirs[1], "large"), strings.Repeat("0123456789abcdef", 1<<17))
			pair.settle()
			same(t, pair.dirs...)
			for i := range pair.m {
				if link, err := pair.wayOf(i); err != nil || link != "tcp" {
					t.Errorf("%s is connected over %q: %v", pair.m[i].name, link, err)
				}
			}
		})
	}
}
