package main

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"

	"qsync/certs"
)

// scan reads a QR code out of an image that holds nothing else. (With a search
// for the code, as on a phone, this decoder misses one in 200 however it is drawn.)
func scan(t *testing.T, m image.Image) string {
	t.Helper()
	bits, err := gozxing.NewBinaryBitmapFromImage(m)
	if err != nil {
		t.Fatal(err)
	}
	got, err := qrcode.NewQRCodeReader().Decode(bits, map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_PURE_BARCODE: true})
	if err != nil {
		t.Fatal("the code cannot be read:", err)
	}
	return got.GetText()
}

// photo is what a terminal shows of half blocks: light where they are drawn.
func photo(text string) image.Image {
	const scale = 6
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	m := image.NewGray(image.Rect(0, 0, scale*columns(lines[0]), 2*scale*len(lines)))
	for y, line := range lines {
		for x, r := range []rune(line) {
			for i := range scale * 2 * scale {
				top := i/scale < scale
				if r == '█' || r == '▀' && top || r == '▄' && !top {
					m.SetGray(scale*x+i%scale, 2*scale*y+i/scale, color.Gray{255})
				}
			}
		}
	}
	return m
}

func someInvitation(t *testing.T, at ...string) invitation {
	t.Helper()
	id, err := certs.NewSyncID()
	if err != nil {
		t.Fatal(err)
	}
	return invitation{id, at}
}

// What is drawn at every size of window is read by somebody else's decoder.
func TestQRCodeIsReadByOthers(t *testing.T) {
	v := someInvitation(t, "192.168.100.100:2121", "10.11.12.13:2121", "[2001:db8::1]:2121")
	for _, c := range []struct{ width, height, want int }{
		{0, 0, 2}, {80, 24, 2}, {140, 50, 2}, {80, 23, 1}, {80, 22, 1}, {80, 21, 0}, {40, 50, 0},
	} {
		pic, err := fitQR(v, c.width, c.height)
		if err != nil {
			t.Fatal(err)
		}
		text := pic.draw(false)
		got, err := parseLink(scan(t, photo(text)))
		if err != nil || got.id != v.id || len(got.at) != c.want {
			t.Errorf("%d by %d: addresses %v, %v", c.width, c.height, got.at, err)
		}
		lines := strings.Count(text, "\n")
		if c.height > 0 && (lines >= c.height || columns(strings.Split(text, "\n")[0]) > c.width) {
			t.Errorf("%d by %d: it has %d lines", c.width, c.height, lines)
		}
		if pic.quiet < minQuietZone || c.height == 0 && pic.quiet != quietZone {
			t.Errorf("a border of %d", pic.quiet)
		}
	}
	if pic, err := fitQR(v, 30, 24); err != nil || pic.code != nil {
		t.Error("a code in 30 columns:", err)
	}
}

func TestQRFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "code.png")
	for _, v := range []invitation{someInvitation(t), someInvitation(t, "192.168.1.2:2121")} { // the second one replaces the first
		if err := writeQR(v, path); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		m, err := png.Decode(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if got := scan(t, m); got != v.link() {
			t.Error("the picture says something else")
		}
	}
	photo := filepath.Join(dir, "holiday.png")
	if err := os.WriteFile(photo, []byte("\x89PNG\r\n\x1a\nmine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := writeQR(someInvitation(t), photo); exitCode(err) != 2 {
		t.Errorf("somebody's picture: %v", err)
	}
	if err := writeQR(someInvitation(t), dir); exitCode(err) != 2 {
		t.Errorf("a directory: %v", err)
	}
	if err := writeQR(someInvitation(t), filepath.Join(dir, "no", "such")); exitCode(err) != 1 {
		t.Errorf("no directory: %v", err)
	}
}

// TestCodeThatScrollsAway: in a window of 24 lines the code fits, but not above
// what share and join print below it.
func TestCodeThatScrollsAway(t *testing.T) {
	code := strings.Repeat("█\n", 23)
	for _, c := range []struct {
		text   string
		height int
		want   bool
	}{
		{code + strings.Repeat("listening\n", 8), 24, true},
		{code + strings.Repeat("listening\n", 8), 32, true},
		{code + strings.Repeat("listening\n", 8), 33, false},
		{code + strings.Repeat("listening\n", 8), 0, false},
	} {
		if got := scrollsAway(c.text, c.height); got != c.want {
			t.Errorf("%d lines: %v", c.height, got)
		}
	}
}
