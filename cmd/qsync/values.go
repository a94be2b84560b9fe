package main

import (
	"errors"
	"fmt"
	"math"
	"net"
	"strconv"
	"strings"
	"time"

	"qsync/peer"
)

// defaultPort is where peers are looked for, and what a node listens on, UDP.
const defaultPort = "2121"

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
	text := strings.TrimSpace(string(b))
	bad := errors.New("give a number of entries above zero, such as 500, or a percentage from above 0% to 100%")
	if p, ok := strings.CutSuffix(text, "%"); ok {
		n, err := strconv.ParseFloat(p, 64)
		if err != nil || !(n > 0 && n <= 100) {
			return bad
		}
		*v = brakeValue{Percent: n}
		return nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 {
		return bad
	}
	*v = brakeValue{Entries: n}
	return nil
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

// parseRemote completes a name, an IPv4 or an IPv6 address (in brackets where a
// port follows it) to host:port.
func parseRemote(text string) (string, error) {
	text = strings.TrimSpace(text)
	host, port := text, defaultPort
	switch {
	case strings.Contains(text, "/"):
		return "", errors.New("give a host name or address, with a port or without, and no path: nas, 192.168.0.10:2121 or [fe80::1%eth0]:2121")
	case strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]"):
		host = text[1 : len(text)-1]
	case strings.HasPrefix(text, "[") || strings.Count(text, ":") == 1:
		var err error
		if host, port, err = net.SplitHostPort(text); err != nil {
			return "", errors.New("give it as HOST, HOST:PORT, or [IPV6]:PORT")
		}
	}
	if host == "" || strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || r == '[' || r == ']' || r == '@' }) {
		return "", errors.New("the host is missing or is no name: give HOST, HOST:PORT, or [IPV6]:PORT")
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", errors.New("the port must be a number from 1 to 65535")
	}
	return net.JoinHostPort(host, port), nil
}

// parseListen completes what --listen takes to ADDR:PORT; the port may be 0
// for any free one.
func parseListen(text string) (string, error) {
	text = strings.TrimSpace(text)
	host, port := text, defaultPort
	if _, err := strconv.ParseUint(text, 10, 16); err == nil {
		host, port = "", text
	} else if bare := strings.Trim(text, "[]"); net.ParseIP(bare) != nil {
		host = bare
	} else if host, port, err = net.SplitHostPort(text); err != nil {
		return "", fmt.Errorf("give it as ADDR:PORT, such as :2121 or 192.168.0.10:2121")
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", errors.New("the port must be a number from 0 to 65535")
	}
	return net.JoinHostPort(host, port), nil
}
