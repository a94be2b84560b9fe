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

// TestBeside: what stands beside a database says so, keeps what else it says, and
// wins by the time of the database.
func TestBeside(t *testing.T) {
	db := Value{Kind: File, Digest: Digest{1, 2}, MTime: -5}
	v := Value{Kind: File, MTime: 9}.Waiving().WithBeside(db)
	other := v.WithBeside(Value{Kind: File, Digest: Digest{3}, MTime: 7})
	if b, ok := BesideOf(v); !ok || b.Digest != db.Digest || b.MTime != -5 || !v.Waives() {
		t.Error(b, ok, v)
	}
	if b, ok := BesideOf(other); !ok || b.Digest != (Digest{3}) || b.MTime != 7 || !other.Waives() || len(other.Ext) != len(v.Ext) {
		t.Error(b, ok, other)
	}
	for _, bad := range []string{"", "\x03\x00", "\x03\x05abcde"} {
		if _, ok := BesideOf(Value{Kind: File, Ext: bad}); ok {
			t.Errorf("%q", bad)
		}
	}
	other.MTime, other.Digest = 1, Digest{8}
	r := Register{Sibs: []Sibling{{Dot: Dot{1, 1}, Value: other}, {Dot: Dot{2, 1}, Value: v}}}
	if w := r.Resolve().Winner; w.Dot.Replica != 1 {
		t.Error("the log of the older database wins:", w)
	}
}
