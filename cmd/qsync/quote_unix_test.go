//go:build unix

package main

import (
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
)

// What quote wrote, a shell makes the name of again (F54). A name that is printed
// plain may still have spaces, which a person sees.
func TestQuoteIsTyped(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	parts := []string{"a", "7", " ", "'", `"`, `\`, "$", "`", "\n", "\t", "\x01", "\x7f", "\x80", "\xff", "ü", "\u202e", "\u200b", "!", "*", "\U0001f600"}
	var script, want strings.Builder
	n := 0
	for range 3000 {
		var name strings.Builder
		for range 1 + rnd.IntN(6) {
			name.WriteString(parts[rnd.IntN(len(parts))])
		}
		q := quote(name.String())
		if q == name.String() {
			continue
		}
		n++
		script.WriteString("printf '%s\\0' " + q + "\n")
		want.WriteString(name.String() + "\x00")
	}
	cmd := exec.Command("bash")
	cmd.Stdin = strings.NewReader(script.String())
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("this test needs bash: %v", err)
	}
	if string(out) != want.String() {
		i := 0
		for i < min(len(out), want.Len()) && out[i] == want.String()[i] {
			i++
		}
		t.Errorf("of %d names not all come back: %.40q instead of %.40q", n, out[i:], want.String()[i:])
	}
}
