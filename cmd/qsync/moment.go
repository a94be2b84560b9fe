package main

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// agoPattern is an age: a number with a unit.
var agoPattern = regexp.MustCompile(`^([0-9]{1,6})(s|m|h|d|w)$`)

// parseMoment reads a time: RFC 3339, a date with a time of day or without in
// local time, or how long ago it was (90m, 2h, 3d, 1w).
func parseMoment(text string, now time.Time) (time.Time, error) {
	text = strings.TrimSpace(text)
	if m := agoPattern.FindStringSubmatch(text); m != nil {
		n, err := strconv.Atoi(m[1])
		unit := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour}[m[2]]
		if err == nil && time.Duration(n) <= 200*365*24*time.Hour/unit {
			return now.Add(-time.Duration(n) * unit), nil
		}
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	for _, layout := range []string{time.DateTime, "2006-01-02 15:04", "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, errors.New("give a time such as '2026-11-29 14:00' or 2026-11-29T14:00:00Z, or how long ago: 90m, 2h, 3d, 1w")
}

// moment is a time in the past as a flag takes it, see [parseMoment].
type moment struct{ at time.Time }

// UnmarshalText implements encoding.TextUnmarshaler.
func (m *moment) UnmarshalText(b []byte) (err error) {
	m.at, err = parseMoment(string(b), time.Now())
	return err
}
