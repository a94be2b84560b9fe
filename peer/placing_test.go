package peer

import "testing"

// TestPlacing: who comes by what is on its way into the map is heard, unless the
// commit looked later than that.
func TestPlacing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		steps string // a: add, p: pass, l: look
		want  bool
	}{{"a", false}, {"ap", true}, {"apl", false}, {"alp", true}, {"aplp", true}, {"apa", true}, {"p", false}, {"l", false}} {
		var s placing
		for _, step := range c.steps {
			switch step {
			case 'a':
				s.add("f")
			case 'p':
				if s.passed("f") != s.has("f") {
					t.Errorf("%s: passed by what is not there", c.steps)
				}
			case 'l':
				s.looks("f")
			}
		}
		if got := s.drop("f"); got != c.want || s.has("f") || s.drop("f") {
			t.Errorf("%s: to be looked at: %v, want %v", c.steps, got, c.want)
		}
	}
}
