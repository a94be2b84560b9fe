package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// The bounds of an interval between passes.
const (
	MinInterval = time.Second
	MaxInterval = 365 * 24 * time.Hour
)

// Schedule says when a folder is synced: at once on every change (the zero
// Schedule), at an interval, or at the times of a cron expression. Schedules
// with equal [Schedule.String] are equal by ==.
type Schedule struct {
	interval time.Duration // above 0: that often
	cron     cronExpr      // else, with text set: at these times
	text     string        // the cron expression, its fields one space apart
}

// Every returns the schedule of a pass each d, which must lie between
// [MinInterval] and [MaxInterval].
func Every(d time.Duration) (Schedule, error) {
	if d < MinInterval || d > MaxInterval {
		return Schedule{}, errors.New("give a time from 1s to 8760h (a year)")
	}
	return Schedule{interval: d}, nil
}

// ParseSchedule reads "live", an interval (10 or 10s, 90m, 1h30m, 7d), a cron
// expression of five fields as crontab(5) has them (minute, hour, day of month,
// month, day of week) or one of its names, such as @daily. The error says what
// to write instead and does not repeat text.
func ParseSchedule(text string) (Schedule, error) {
	text = strings.TrimSpace(text)
	switch fields := strings.Fields(text); {
	case strings.EqualFold(text, "live"):
		return Schedule{}, nil
	case len(fields) == 0:
		return Schedule{}, errors.New("give live, a time such as 1h, or a cron expression such as '0 3 * * *'")
	case len(fields) > 1 || strings.HasPrefix(text, "@"):
		cron, err := parseCron(fields)
		if err != nil {
			return Schedule{}, err
		}
		return Schedule{cron: cron, text: strings.ToLower(strings.Join(fields, " "))}, nil
	}
	d, err := parseSpan(text)
	if err != nil {
		return Schedule{}, err
	}
	return Every(d)
}

// parseSpan reads a span of time: a number with units, a number of days (7d),
// or a plain number of seconds, which is how --loop-time takes it.
func parseSpan(text string) (time.Duration, error) {
	unit := time.Second
	number, days := strings.CutSuffix(text, "d")
	if days {
		unit = 24 * time.Hour
	}
	if n, err := strconv.ParseFloat(number, 64); err == nil {
		if n *= float64(unit); n > 0 && n < math.MaxInt64 {
			return time.Duration(n), nil
		}
		return 0, errors.New("give a time from 1s to 8760h (a year)")
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, errors.New("give live, a time such as 10s, 30m, 1h or 7d, or a cron expression of five fields such as '0 3 * * *'")
	}
	return d, nil
}

// Live reports whether the folder is watched and synced at once.
func (s Schedule) Live() bool { return s.interval == 0 && s.text == "" }

// Interval returns the time between passes, 0 if s is no interval.
func (s Schedule) Interval() time.Duration { return s.interval }

// Cron reports whether s names times by a cron expression.
func (s Schedule) Cron() bool { return s.text != "" }

// Next returns the first time of s after the given one, in its location: for a
// cron expression the wall clock of that location counts. Where the clock goes
// forward over a time, the pass is due at the moment of the change; where it
// goes back, a time that comes twice counts once, its first time. Only an
// expression for every hour follows the clock through both. A live schedule has
// no next time and returns the zero Time.
func (s Schedule) Next(after time.Time) time.Time {
	switch {
	case s.interval > 0:
		return after.Add(s.interval)
	case s.text != "":
		return s.cron.next(after)
	}
	return time.Time{}
}

// String is the inverse of [ParseSchedule].
func (s Schedule) String() string {
	switch {
	case s.interval > 0:
		return spanText(s.interval)
	case s.text != "":
		return s.text
	}
	return "live"
}

// spanText is how time.Duration prints, without the units that are zero.
func spanText(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// MarshalText implements encoding.TextMarshaler.
func (s Schedule) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler; see [ParseSchedule].
func (s *Schedule) UnmarshalText(text []byte) error {
	parsed, err := ParseSchedule(string(text))
	if err != nil {
		return fmt.Errorf("every: %w", err)
	}
	*s = parsed
	return nil
}
