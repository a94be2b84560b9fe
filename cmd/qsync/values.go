package main

import (
	"fmt"

	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"qsync/cmd/qsync/config"
	"qsync/peer"
)

// defaultPort is where peers are looked for, and what a node listens on, UDP.
const defaultPort = config.DefaultPort

// seconds is a span of time: a plain number of seconds, as the Python qsync
// took it, or a number with a unit (500ms, 10s, 2m).
type seconds time.Duration

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *seconds) UnmarshalText(b []byte) error {
	text := strings.TrimSpace(string(b))
	d, err := time.ParseDuration(text)
	if n, nerr := strconv.ParseFloat(text, 64); nerr == nil && n*1e9 < math.MaxInt64 {
		d, err = time.Duration(n*1e9), nil
	}
	if err != nil || d <= 0 {
		return errors.New("give a number of seconds above zero, such as 10, or a time such as 2m")
	}
	*s = seconds(d)
	return nil
}

// or returns the span, or the default d where it was not given.
func (s *seconds) or(d time.Duration) time.Duration {
	if s == nil {
		return d
	}
	return time.Duration(*s)
}

// count is a whole number from 0 to 1 000 000.
type count int

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *count) UnmarshalText(b []byte) error {
	n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 32)
	if err != nil || n > 1_000_000 {
		return errors.New("give a whole number, 0 or more")
	}
	*c = count(n)
	return nil
}

// brakeValue is what --max-delete takes: a number of entries, or a percentage.
type brakeValue peer.Brake

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *brakeValue) UnmarshalText(b []byte) error {
	brake, err := config.ParseBrake(strings.TrimSpace(string(b)))
	if err == nil {
		*v = brakeValue(brake)
	}
	return err
}

// ageValue is what --versions-age takes.
type ageValue time.Duration

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *ageValue) UnmarshalText(b []byte) error {
	age, err := config.ParseAge(strings.TrimSpace(string(b)))
	*v = ageValue(age)
	return err
}

// spaceVal is what --versions-space takes.
type spaceVal config.Space

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *spaceVal) UnmarshalText(b []byte) error {
	space, err := config.ParseSpace(strings.TrimSpace(string(b)))
	*v = spaceVal(space)
	return err
}

// remoteAddr is one peer's address, always host:port.
type remoteAddr string

// remoteList is what --remote collects.
type remoteList []remoteAddr

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *remoteAddr) UnmarshalText(b []byte) error {
	addr, err := parseRemote(string(b))
	*r = remoteAddr(addr)
	return err
}

func (l remoteList) strings() []string {
	var all []string
	seen := map[string]bool{}
	for _, r := range l {
		if !seen[string(r)] {
			all = append(all, string(r))
		}
		seen[string(r)] = true
	}
	return all
}

// parseRemote and parseListen read addresses as config.yaml has them.
func parseRemote(text string) (string, error) { return config.ParseRemote(text) }
func parseListen(text string) (string, error) { return config.ParseListen(text) }

// webFlag is what --web takes: nothing, which is the standard port or a free one,
// or what web.listen takes.
type webFlag string

// IsBool lets the flag stand alone; a value comes after an equal sign.
func (webFlag) IsBool() bool { return true }

// Decode implements kong.MapperValue.
func (w *webFlag) Decode(ctx *kong.DecodeContext) error {
	text := ""
	if t := ctx.Scan.Peek(); t.Type == kong.FlagValueToken {
		ctx.Scan.Pop()
		text = fmt.Sprint(t.Value)
	}
	switch strings.ToLower(text) {
	case "", "true", "1", "yes", "on":
		*w = webFlag(config.WebAuto)
		return nil
	case "false", "0", "no":
		*w = webFlag(config.WebOff)
		return nil
	}
	listen, err := config.ParseWeb(text)
	*w = webFlag(listen)
	return err
}
