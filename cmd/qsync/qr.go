package main

import (
	"fmt"
	"strings"

	"rsc.io/qr"

	"qsync/certs"
)

// quietZone is the light border that scanners need, in modules (ISO/IEC 18004).
const quietZone = 4

// qrCode draws an ID's hexadecimal form for a terminal. With colours the code
// is dark on light whatever the terminal's own colours are; without, the light
// modules are drawn, which suits a dark terminal, and a scanner that knows
// inverted codes reads it on a light one.
func (p *program) qrCode(id certs.SyncID) (string, error) {
	code, err := qr.Encode(id.Hex(), qr.L)
	if err != nil {
		return "", fmt.Errorf("QR code: %w", err)
	}
	_, isTerminal := terminalOf(p.out)
	return drawQR(code, isTerminal && plainTerminal(p.flags, p.vars)), nil
}

// drawQR draws two rows of modules in one line of half blocks.
func drawQR(code *qr.Code, colour bool) string {
	light := func(x, y int) bool { return !code.Black(x, y) } // outside the code too
	var b strings.Builder
	for y := -quietZone; y < code.Size+quietZone; y += 2 {
		if colour {
			b.WriteString("\x1b[38;5;231;48;5;16m") // white modules on black, from the fixed part of the palette
		}
		for x := -quietZone; x < code.Size+quietZone; x++ {
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
