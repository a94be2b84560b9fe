package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/term"
	"rsc.io/qr"
)

// The light border that scanners need, in modules: four by the specification
// (ISO/IEC 18004), two where the screen is small, which scanners still read.
const (
	quietZone    = 4
	minQuietZone = 2
)

// picture is a QR code ready to be drawn on a terminal.
type picture struct {
	code  *qr.Code
	quiet int // modules around it
}

// qrCode draws an invitation for standard output. On a terminal it leaves out
// addresses rather than not to fit.
func (p *program) qrCode(v invitation) (string, error) {
	fd, isTerminal := terminalOf(p.out)
	width, height := 0, 0
	if isTerminal {
		width, height, _ = term.GetSize(fd) // 0: unknown, anything fits
	}
	pic, err := fitQR(v, width, height)
	if err != nil {
		return "", err
	}
	if pic.code == nil {
		return "          (no room for the QR code: use a larger window, or --qr-file FILE)\n", nil
	}
	colour := isTerminal && coloured(p.flags, p.vars)
	text := pic.draw(colour)
	if isTerminal && !colour {
		text += "          (drawn for a dark background; for a light one use --qr-file FILE)\n"
	}
	return text, nil
}

// fitQR makes the code of an invitation for so many columns and lines, of which
// one is left for the prompt; 0 is any number. Without room for the ID itself
// there is no code.
func fitQR(v invitation, width, height int) (picture, error) {
	for n := len(v.at); n >= 0; n-- {
		code, err := qr.Encode(invitation{v.id, v.at[:n]}.link(), qr.L)
		if err != nil {
			return picture{}, fmt.Errorf("QR code: %w", err)
		}
		room := 2*quietZone + code.Size
		if width > 0 {
			room = min(room, width)
		}
		if height > 0 {
			room = min(room, 2*(height-1))
		}
		if quiet := (room - code.Size) / 2; quiet >= minQuietZone {
			return picture{code, quiet}, nil
		}
	}
	return picture{}, nil
}

// draw draws two rows of modules in one line of half blocks. With colours the
// code is dark on light whatever the terminal's own colours are; without, the
// light modules are drawn, which suits a dark terminal.
func (c picture) draw(colour bool) string {
	light := func(x, y int) bool { return !c.code.Black(x, y) } // outside the code too
	var b strings.Builder
	for y := -c.quiet; y < c.code.Size+c.quiet; y += 2 {
		if colour {
			b.WriteString("\x1b[38;5;231;48;5;16m") // white modules on black, from the fixed part of the palette
		}
		for x := -c.quiet; x < c.code.Size+c.quiet; x++ {
			switch top, bottom := light(x, y), light(x, y+1); {
			case top && bottom:
				b.WriteString("█")
			case top:
				b.WriteString("▀")
			case bottom:
				b.WriteString("▄")
			default:
				b.WriteByte(' ')
			}
		}
		if colour {
			b.WriteString("\x1b[0m")
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// Where a PNG's first chunk ends, which must be the header (PNG, section 5.6).
const pngHeader = 8 + 25

// qrMark is a text chunk that tells a picture which qsync wrote from others.
func qrMark() []byte {
	body := []byte("tEXtSoftware\x00qsync: a sync ID, keep it secret")
	b := binary.BigEndian.AppendUint32(nil, uint32(len(body)-4))
	return binary.BigEndian.AppendUint32(append(b, body...), crc32.ChecksumIEEE(body))
}

// writeQR writes the code of an invitation to a PNG that only this user can
// read. It replaces what it wrote before, as the addresses in it change, and no
// other file.
func writeQR(v invitation, path string) error {
	code, err := qr.Encode(v.link(), qr.L)
	if err != nil {
		return fmt.Errorf("QR code: %w", err)
	}
	if err := replaceable(path); err != nil {
		return err
	}
	png := code.PNG()
	png = append(png[:pngHeader:pngHeader], append(qrMark(), png[pngHeader:]...)...)
	if err := writeFile(path, png); err != nil {
		return failf("cannot write the QR code to %s: %v", quote(path), reason(err))
	}
	return nil
}

// replaceable refuses a path at which there is anything but a picture of ours.
func replaceable(path string) error {
	fi, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && fi.Mode().IsRegular() && fi.Size() < 1<<20 {
		if b, err := os.ReadFile(path); err == nil && bytes.Contains(b, qrMark()) {
			return nil
		}
	}
	return usagef("%s exists already and is no QR code that qsync wrote: give another name, or remove it first", quote(path))
}
