package peer

import "testing"

// TestCoarse tells a time that a file system made of another one from a change
// (F49).
func TestCoarse(t *testing.T) {
	t.Parallel()
	const second = int64(1e9)
	for _, c := range []struct {
		name      string
		got, want int64
		coarse    bool
	}{
		{"whole seconds", 7 * second, 7*second + 5, true},
		{"another second", 7 * second, 9*second + 5, false},
		{"before 1901", -1 << 31 * second, -1 << 33 * second, true},
		{"after 2038", (1<<31 - 1) * second, 1 << 32 * second, true},
		{"after 2106", (1<<32 - 1) * second, 1 << 33 * second, true},
		{"set to 1970 by somebody", 0, 1_700_000_000 * second, false},
		{"set to 2038 by somebody", (1<<31 - 1) * second, 1_700_000_000 * second, false},
	} {
		if coarse(c.got, c.want) != c.coarse {
			t.Errorf("%s: not %v", c.name, c.coarse)
		}
	}
}
