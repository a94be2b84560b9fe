package main

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rsc.io/qr"
)

// snapshot is a code as a camera sees it: turned by an angle, among other things,
// each module so many pixels.
func snapshot(code *qr.Code, pixel float64, angle float64) *image.RGBA {
	side := int(pixel * float64(code.Size+8) * 2)
	m := image.NewRGBA(image.Rect(0, 0, side, side*3/4))
	sin, cos := math.Sincos(angle)
	for y := range m.Rect.Dy() {
		for x := range m.Rect.Dx() {
			dx, dy := float64(x-side/2), float64(y-side*3/8)
			mx := int(math.Floor((dx*cos+dy*sin)/pixel + float64(code.Size)/2))
			my := int(math.Floor((dy*cos-dx*sin)/pixel + float64(code.Size)/2))
			light := uint8(200 + (x*7+y*13)%40)
			switch {
			case mx < -3 || my < -3 || mx >= code.Size+3 || my >= code.Size+3:
				light = uint8(90 + (x/9+y/5)%60) // the table that it lies on
			case code.Black(mx, my):
				light = uint8(20 + (x*5+y*3)%30)
			}
			m.SetRGBA(x, y, color.RGBA{light, light, light - light/16, 255})
		}
	}
	return m
}

func TestPictureOfACode(t *testing.T) {
	a, v := actingSession(t, ""), someInvitation(t, "192.168.1.7:2121")
	code, err := qr.Encode(v.link(), qr.L)
	if err != nil {
		t.Fatal(err)
	}
	var upright, turned, large, moving bytes.Buffer
	path := filepath.Join(t.TempDir(), "code.png")
	for _, err := range []error{
		writeQR(v, path), png.Encode(&upright, photo(picture{code, 4}.draw(false))),
		jpeg.Encode(&turned, snapshot(code, 5, 0.2), nil), jpeg.Encode(&large, snapshot(code, 24, -0.1), &jpeg.Options{Quality: 60}),
		gif.Encode(&moving, snapshot(code, 4, 0), nil),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"its own file": file, "a terminal": upright.Bytes(), "a photograph": turned.Bytes(), "a large one": large.Bytes(), "a GIF": moving.Bytes()} {
		began := time.Now()
		got := a.send("POST", "/v1/qr", b)
		if got.status != http.StatusOK || got.Code != 0 || !strings.Contains(got.text, v.id.Hex()) {
			t.Errorf("%s: %d %s", name, got.status, got.text)
		}
		t.Log(name, len(b), time.Since(began))
	}
}

func TestPictureOfSomethingElse(t *testing.T) {
	a := actingSession(t, "")
	other, err := qr.Encode("https://example.org/", qr.L)
	if err != nil {
		t.Fatal(err)
	}
	var blank, foreign, cut bytes.Buffer
	for _, err := range []error{png.Encode(&blank, image.NewGray(image.Rect(0, 0, 300, 200))), png.Encode(&foreign, snapshot(other, 5, 0)), jpeg.Encode(&cut, snapshot(other, 5, 0), nil)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		b    []byte
		want string
	}{
		"nothing": {nil, "no PNG, JPEG or GIF"}, "a text": {[]byte("qsync:join?id="), "no PNG, JPEG or GIF"}, "an SVG": {[]byte("<svg/>"), "no PNG, JPEG or GIF"},
		"half of one": {cut.Bytes()[:cut.Len()/2], "no PNG, JPEG or GIF"}, "a blank": {blank.Bytes(), "no QR code was found"}, "another code": {foreign.Bytes(), "none that qsync made"},
		"one pixel":      {pngHead(t, 1, 1, 8), "no"},
		"far too wide":   {pngHead(t, 1<<31-1, 1, 8), "cut it"},
		"50 megapixels":  {pngHead(t, 10000, 5000, 8), "too much"},
		"16 bits a part": {pngHead(t, 6000, 6000, 16), "too much"},
	} {
		began := time.Now()
		got := a.send("POST", "/v1/qr", c.b)
		if got.status != http.StatusOK || got.Code == 0 || !strings.Contains(got.Missing, c.want) {
			t.Errorf("%s: %d %s, want …%s…", name, got.status, got.text, c.want)
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("%s took %v", name, took)
		}
	}
	if got := a.send("POST", "/v1/qr", make([]byte, maxPicture+1)); got.status != http.StatusRequestEntityTooLarge || !strings.Contains(got.text, "cut it") {
		t.Errorf("too large: %d %s", got.status, got.text)
	}
	a.turns.looking.Lock()
	if got := a.send("POST", "/v1/qr", blank.Bytes()); got.status != http.StatusServiceUnavailable || !strings.Contains(got.text, "try again") {
		t.Errorf("two at once: %d %s", got.status, got.text)
	}
	a.turns.looking.Unlock()
	if got := a.send("POST", "/v1/qr", blank.Bytes()); got.Code != 2 {
		t.Errorf("after that: %d %s", got.status, got.text)
	}
}

// pngHead is the beginning of a PNG of so many pixels, with parts of so many bits.
func pngHead(t *testing.T, width, height uint32, bits byte) []byte {
	t.Helper()
	body := []byte("IHDR")
	body = binary.BigEndian.AppendUint32(body, width)
	body = binary.BigEndian.AppendUint32(body, height)
	body = append(body, bits, 6, 0, 0, 0) // RGBA
	b := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d"), body...)
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(body))
	return append(b, 0, 0, 0, 0, 'I', 'E', 'N', 'D', 0xae, 0x42, 0x60, 0x82)
}
