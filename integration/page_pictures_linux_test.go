package integration

import (
	"bytes"
	"fmt"
	pixels "image"
	"image/color"
	"image/draw"
	"image/png"
	"slices"
	"testing"
)

// painted is a PNG of one colour.
func painted(t testing.TB, width, height int, c color.Color) string {
	t.Helper()
	m := pixels.NewRGBA(pixels.Rect(0, 0, width, height))
	draw.Draw(m, m.Bounds(), pixels.NewUniform(c), pixels.Point{}, draw.Src)
	var b bytes.Buffer
	must(t, png.Encode(&b, m))
	return b.String()
}

// seenPicture is one that a browser shows.
type seenPicture struct {
	Width, Height            int // its own
	Colour                   string
	Left, Top, Right, Bottom float64 // on the page
	Alt                      string
}

// seesPictures waits until the pictures there are of these colours, in any order, and
// returns them from left to right and from above. On a page of that width they fit.
func (p *tab) seesPictures(where string, width int, colours ...string) []seenPicture {
	p.t.Helper()
	p.size(width, 900, "light")
	slices.Sort(colours)
	var seen []seenPicture
	eventually(p.t, func() (err error) {
		if seen, err = tryAsk[[]seenPicture](p, call("pictures", where)); err != nil {
			return err
		}
		var got []string
		for _, s := range seen {
			got = append(got, s.Colour)
		}
		if slices.Sort(got); !slices.Equal(got, colours) {
			return fmt.Errorf("pictures of %q, not %q", got, colours)
		}
		return nil
	})
	slices.SortFunc(seen, func(a, b seenPicture) int { return int(a.Left + a.Top*10 - b.Left - b.Top*10) })
	for i, s := range seen {
		if s.Left < 0 || s.Right > float64(width) || s.Right-s.Left < 40 || s.Bottom-s.Top < 20 || s.Alt == "" {
			p.t.Errorf("at %d the picture is %+v", width, s)
		}
		if i == 0 {
			continue
		}
		if before := seen[i-1]; width > 1000 && (before.Right > s.Left || before.Top != s.Top) || width < 400 && before.Bottom > s.Top {
			p.t.Errorf("at %d, %+v is not beside or above %+v", width, before, s)
		}
	}
	return seen
}
