package peer

import "time"

// steadyStep is how much has to move within [requestWait], or a request is given
// up: a line that several requests share may bring no more to one of them.
const steadyStep = 32 << 10

// steady is a stream on which what moves puts the deadline off, the first byte
// and then every step. What frames it carries does not matter: of a large one on
// a slow line all would be lost that has come.
type steady struct {
	Stream
	left  int         // of the step
	hurry func() bool // reports, if set, that the deadline is not to be put off
}

// Read implements io.Reader.
func (s *steady) Read(p []byte) (int, error) {
	n, err := s.Stream.Read(p)
	s.moved(n)
	return n, err
}

// Write implements io.Writer.
func (s *steady) Write(p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var m int
		m, err = s.Stream.Write(p[n:min(len(p), n+steadyStep)])
		n += m
		s.moved(m)
	}
	return n, err
}

func (s *steady) moved(n int) {
	if n <= 0 {
		return
	}
	if s.left -= n; s.left <= 0 {
		s.left = steadyStep
		if s.hurry == nil || !s.hurry() {
			s.SetDeadline(time.Now().Add(requestWait))
		}
	}
}
