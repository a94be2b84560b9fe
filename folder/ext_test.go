package folder

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestExt: the fields of a value are found again among others, and whatever else
// stands there is no field and does no harm.
func TestExt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := Value{Kind: File}
		if rapid.Bool().Draw(t, "other") {
			v = v.with(byte(rapid.IntRange(3, 255).Draw(t, "tag")), strings.Repeat("x", rapid.IntRange(0, 300).Draw(t, "length")))
		}
		other := v.Ext
		want := Lost{Dot{ReplicaID(rapid.Uint64().Draw(t, "replica")), rapid.Uint64().Draw(t, "counter")}, rapid.Uint64().Draw(t, "base")}
		if LostOf(v) != (Lost{}) || v.Waives() {
			t.Fatalf("%q tells of %+v", v.Ext, LostOf(v))
		}
		v = v.WithLost(want).Waiving()
		if LostOf(v) != want || !v.Waives() || !strings.HasPrefix(v.Ext, other) || v.Check() != nil {
			t.Fatalf("%q tells of %+v, not %+v", v.Ext, LostOf(v), want)
		}
		if again := v.Waiving().WithLost(Lost{}); again != v {
			t.Fatalf("%q became %q", v.Ext, again.Ext)
		}
		for _, cut := range []string{v.Ext[:len(v.Ext)-1], rapid.String().Draw(t, "noise")} {
			x := Value{Kind: File, Ext: cut}
			_, _ = LostOf(x), x.Waives()
		}
	})
}
