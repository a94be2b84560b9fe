package main

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"net/http"
	"time"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
)

// Bounds on a picture that may have a QR code in it.
const (
	maxPicture  = 8 << 20   // bytes of the file
	maxPixels   = 40e6      // what cameras of telephones have, checked before anything is decoded
	maxDecoded  = 192 << 20 // bytes that its pixels take up
	pictureTime = 15 * time.Second
)

// formats are the kinds of pictures that are taken, by the type that their first
// bytes show. Of one that moves that is the first picture.
var formats = map[string]struct {
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
}{
	"image/png":  {png.DecodeConfig, png.Decode},
	"image/jpeg": {jpeg.DecodeConfig, jpeg.Decode},
	"image/gif":  {gif.DecodeConfig, gif.Decode},
}

// sides are how many pixels the longer side has of what is searched, one after
// the other: a code that is sharp is found in few, and faster; a small one in a
// large picture only in many.
var sides = []int{1000, 500, 2000, 4000}

var (
	errPicture = usagef("this is no PNG, JPEG or GIF that can be read: save the picture as one of these, or make a screenshot of it")
	errNoCode  = usagef("no QR code was found in the picture: the whole code must be in it with some light border, sharp and straight; or paste the words or the link")
	errOtherQR = usagef("the QR code in the picture is none that qsync made: take the one that 'qsync share' or 'qsync id qr DIR' shows")
	errSlowQR  = failf("the picture takes too long: cut it so that little more than the QR code is left, or paste the words or the link")
)

// qrAnswer is what a picture says.
type qrAnswer struct {
	waitAnswer
	Invitation string `json:"invitation"`
}

// readQR reads the invitation in a picture, which is the body. One picture is
// looked at at a time, also where whoever sent it has gone: what that costs is
// bounded so.
func (c *control) readQR(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength > maxPicture {
		http.Error(w, largePicture, http.StatusRequestEntityTooLarge)
		return
	}
	if !c.turns.looking.TryLock() {
		http.Error(w, "another picture is being looked at: try again when that is done", http.StatusServiceUnavailable)
		return
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPicture))
	if err != nil {
		c.turns.looking.Unlock()
		http.Error(w, largePicture, http.StatusRequestEntityTooLarge)
		return
	}
	type found struct {
		text string
		err  error
	}
	done, give := make(chan found, 1), make(chan struct{})
	defer close(give)
	go func() {
		text, err := pictureText(b, give) // it does not panic
		c.turns.looking.Unlock()          // before the answer: the next picture may come at once
		done <- found{text, err}
	}()
	var f found
	select {
	case f = <-done:
	case <-r.Context().Done():
		return
	case <-time.After(pictureTime):
		f.err = errSlowQR
	}
	answer(w, qrAnswer{outcomeOf(f.err), f.text})
}

const largePicture = "the picture has more than 8 MiB: cut it so that little more than the QR code is left"

// pictureText is the invitation in a picture. It ends early when give is closed.
// Decoders have panicked on pictures before.
func pictureText(b []byte, give <-chan struct{}) (text string, err error) {
	defer func() {
		if recover() != nil {
			text, err = "", errNoCode
		}
	}()
	format, ok := formats[http.DetectContentType(b)]
	if !ok {
		return "", errPicture
	}
	conf, err := format.config(bytes.NewReader(b))
	if err != nil || conf.Width <= 0 || conf.Height <= 0 {
		return "", errPicture
	}
	pixels := int64(conf.Width) * int64(conf.Height)
	if conf.Width > maxPixels || conf.Height > maxPixels || pixels > maxPixels || pixels*pixelSize(conf.ColorModel) > maxDecoded {
		return "", usagef("the picture has %d by %d pixels, which is too much: cut it so that little more than the QR code is left", conf.Width, conf.Height)
	}
	m, err := format.decode(bytes.NewReader(b))
	if err != nil {
		return "", errPicture
	}
	other := false
	for i, side := range sides {
		select {
		case <-give:
			return "", errSlowQR
		default:
		}
		if i > 1 && side/2 >= max(conf.Width, conf.Height) {
			break // that is all of it, and was tried
		}
		for _, text := range codesIn(shrunk(m, side)) {
			if _, _, err := parseInvitation(text); err == nil {
				return text, nil
			}
			other = true
		}
	}
	if other {
		return "", errOtherQR
	}
	return "", errNoCode
}

// pixelSize is how many bytes a pixel of a picture takes up once decoded.
func pixelSize(m color.Model) int64 {
	switch m {
	case color.GrayModel:
		return 1
	case color.Gray16Model:
		return 2
	case color.YCbCrModel:
		return 3
	case color.RGBA64Model, color.NRGBA64Model:
		return 8
	}
	if _, ok := m.(color.Palette); ok {
		return 1
	}
	return 4
}

// shrunk is a picture in grey with at most so many pixels on its longer side,
// each the mean of those that it stands for. What is transparent is white.
func shrunk(m image.Image, side int) *image.Gray {
	at := m.Bounds()
	step := (max(at.Dx(), at.Dy()) + side - 1) / side
	out := image.NewGray(image.Rect(0, 0, (at.Dx()+step-1)/step, (at.Dy()+step-1)/step))
	light := lightOf(m)
	for y := range out.Rect.Dy() {
		for x := range out.Rect.Dx() {
			sum, n := 0, 0
			for j := y * step; j < min((y+1)*step, at.Dy()); j++ {
				for i := x * step; i < min((x+1)*step, at.Dx()); i++ {
					sum, n = sum+light(at.Min.X+i, at.Min.Y+j), n+1
				}
			}
			out.Pix[y*out.Stride+x] = uint8(sum / n)
		}
	}
	return out
}

// lightOf returns how light a pixel of a picture is, from 0 to 255.
func lightOf(m image.Image) func(x, y int) int {
	switch m := m.(type) {
	case *image.YCbCr:
		return func(x, y int) int { return int(m.Y[m.YOffset(x, y)]) }
	case *image.Gray:
		return func(x, y int) int { return int(m.Pix[m.PixOffset(x, y)]) }
	}
	return func(x, y int) int {
		r, g, b, a := m.At(x, y).RGBA()
		return int(((r+2*g+b)/4 + 0xffff - a) >> 8)
	}
}

// codesIn are the texts of the QR codes that are found in a picture: dark on light
// or, as on a dark screen, light on dark, alone or among other things.
func codesIn(m *image.Gray) (texts []string) {
	source := gozxing.NewLuminanceSourceFromImage(m)
	for _, s := range []gozxing.LuminanceSource{source, source.Invert()} {
		for _, hints := range []map[gozxing.DecodeHintType]any{
			{gozxing.DecodeHintType_TRY_HARDER: true}, {gozxing.DecodeHintType_PURE_BARCODE: true},
		} {
			if text, err := readCode(s, hints); err == nil {
				texts = append(texts, text)
			}
		}
	}
	return texts
}

// readCode reads one code; what the decoder panics on is none.
func readCode(s gozxing.LuminanceSource, hints map[gozxing.DecodeHintType]any) (text string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("QR code: %v", p)
		}
	}()
	bits, err := gozxing.NewBinaryBitmap(gozxing.NewHybridBinarizer(s))
	if err != nil {
		return "", err
	}
	got, err := qrcode.NewQRCodeReader().Decode(bits, hints)
	if err != nil {
		return "", err
	}
	if len(got.GetText()) > maxIDText {
		return "", errors.New("QR code: it says too much")
	}
	return got.GetText(), nil
}
