package config

import (
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

// cronExpr is a cron expression as sets of bits: bit n of minute is minute n.
type cronExpr struct {
	minute, hour, day, month, week uint64
	// anyDay and anyWeek: the field holds a *, so the other one alone decides.
	// Where neither does, a day that fits one of them fits (crontab(5)).
	anyDay, anyWeek bool
}

// cronField is one of the five fields.
type cronField struct {
	what     string
	min, max int
	names    []string // of min, min+1, …
}

var cronFields = [5]cronField{
	{"minute", 0, 59, nil},
	{"hour", 0, 23, nil},
	{"day of the month", 1, 31, nil},
	{"month", 1, 12, []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
	{"day of the week", 0, 7, []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
}

// cronNames are the expressions that have a name.
var cronNames = map[string]string{
	"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
	"@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
}

const (
	everyHour = 1<<24 - 1
	// cronYears is how far apart two times of an expression can lie at most:
	// 29 February from 2096 to 2104, and on one weekday alone five times that.
	cronYears = 41
)

func parseCron(fields []string) (c cronExpr, err error) {
	if len(fields) == 1 {
		named, ok := cronNames[strings.ToLower(fields[0])]
		if !ok {
			return c, errors.New("the names of times are @hourly, @daily, @weekly, @monthly and @yearly; an interval is written without a name, such as 1h")
		}
		fields = strings.Fields(named)
	}
	if len(fields) != len(cronFields) {
		return c, fmt.Errorf("a cron expression has five fields (minute, hour, day, month, day of the week), and this one %d", len(fields))
	}
	for i, set := range []*uint64{&c.minute, &c.hour, &c.day, &c.month, &c.week} {
		if *set, err = cronFields[i].parse(strings.ToLower(fields[i])); err != nil {
			return c, err
		}
	}
	c.week |= c.week >> 7 & 1 // 7 is Sunday too
	c.anyDay, c.anyWeek = strings.Contains(fields[2], "*"), strings.Contains(fields[4], "*")
	if c.anyWeek && !c.anyDay && !c.possible() {
		return c, errors.New("none of these months has such a day")
	}
	return c, nil
}

// possible reports whether some month of c has some day of it.
func (c cronExpr) possible() bool {
	first := bits.TrailingZeros64(c.day)
	for month := 1; month <= 12; month++ {
		longest := time.Date(2024, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
		if c.month>>month&1 == 1 && first <= longest {
			return true
		}
	}
	return false
}

// parse reads a list of *, n, n-m, each with /step or without.
func (f cronField) parse(text string) (set uint64, err error) {
	for part := range strings.SplitSeq(text, ",") {
		span, stepText, stepped := strings.Cut(part, "/")
		low, high, step := f.min, f.max, 1
		if span != "*" {
			lowText, highText, ranged := strings.Cut(span, "-")
			if low, err = f.number(lowText); err != nil {
				return 0, err
			}
			switch {
			case ranged:
				if high, err = f.number(highText); err != nil {
					return 0, err
				}
			case !stepped:
				high = low
			}
		}
		if stepped {
			if step, err = strconv.Atoi(stepText); err != nil || step < 1 || step > f.max {
				return 0, fmt.Errorf("the step of the %s must be a number from 1 to %d", f.what, f.max)
			}
		}
		if low > high {
			return 0, fmt.Errorf("a range of the %s must go up; write one that goes round as two, such as 22-23,0-4", f.what)
		}
		for n := low; n <= high; n += step {
			set |= 1 << n
		}
	}
	return set, nil
}

func (f cronField) number(text string) (int, error) {
	for i, name := range f.names {
		if text == name {
			return f.min + i, nil
		}
	}
	n, err := strconv.ParseUint(text, 10, 8)
	if err != nil || int(n) < f.min || int(n) > f.max {
		also := ""
		if f.names != nil {
			also = " or " + f.names[0] + " to " + f.names[len(f.names)-1]
		}
		return 0, fmt.Errorf("the %s must be *, or of %d to %d%s", f.what, f.min, f.max, also)
	}
	return int(n), nil
}

func (c cronExpr) fits(day time.Time) bool {
	if c.month>>day.Month()&1 == 0 {
		return false
	}
	inMonth, inWeek := c.day>>day.Day()&1 == 1, c.week>>day.Weekday()&1 == 1
	if c.anyDay || c.anyWeek {
		return inMonth && inWeek
	}
	return inMonth || inWeek
}

// next returns the first time of c after the given one, the zero Time if there
// is none.
func (c cronExpr) next(after time.Time) time.Time {
	loc := after.Location()
	y, m, d := after.Date()
	// A time that the clock skips may be due a day later than its date says, so
	// the search begins a day early. Days are counted in UTC, where all have 24 hours.
	for i := -1; i <= cronYears*366; i++ {
		day := time.Date(y, m, d+i, 0, 0, 0, 0, time.UTC)
		if !c.fits(day) {
			continue
		}
		if t, ok := c.within(day, after, loc); ok {
			return t
		}
	}
	return time.Time{}
}

// within returns the first time of c on a day that is after the given time.
func (c cronExpr) within(day, after time.Time, loc *time.Location) (first time.Time, ok bool) {
	if c.hour == everyHour {
		return c.byTheClock(day, after, loc)
	}
	for hour := range 24 {
		for minute := range 60 {
			if c.hour>>hour&1 == 1 && c.minute>>minute&1 == 1 {
				wall := day.Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute)
				if t := instant(wall, loc); t.After(after) {
					return t, true
				}
			}
		}
	}
	return first, false
}

// byTheClock looks at every minute of the day as it passes, be it a day of 23,
// 24 or 25 hours.
func (c cronExpr) byTheClock(day, after time.Time, loc *time.Location) (time.Time, bool) {
	t, end := instant(day, loc), instant(day.AddDate(0, 0, 1), loc)
	if from := after.Add(time.Minute - time.Duration(after.Second())*time.Second - time.Duration(after.Nanosecond())); from.After(t) {
		t = from
	}
	for ; t.Before(end); t = t.Add(time.Minute) {
		if c.minute>>t.Minute()&1 == 1 {
			return t, true
		}
	}
	return t, false
}

// instant returns when the clocks of loc show what wall shows in UTC: the first
// time where they show it twice, and the moment they change where they skip it.
func instant(wall time.Time, loc *time.Location) time.Time {
	guess := shown(wall, wall.In(loc))
	start, end := guess.ZoneBounds()
	var changes []time.Time
	for _, change := range []time.Time{start, end} {
		if !change.IsZero() {
			changes = append(changes, change)
		}
	}
	first, found := guess, offsetOf(guess) == offsetOf(wall.In(loc))
	for _, change := range changes {
		for _, near := range []time.Time{change.Add(-1), change} {
			t := shown(wall, near)
			if offsetOf(t) == offsetOf(near) && (!found || t.Before(first)) {
				first, found = t, true
			}
		}
	}
	if found {
		return first
	}
	for _, change := range changes {
		before, after := offsetOf(change.Add(-1)), offsetOf(change)
		if wall.Sub(change) >= before && wall.Sub(change) < after {
			return change
		}
	}
	return guess
}

// shown is when a clock with the offset of near shows wall.
func shown(wall, near time.Time) time.Time { return wall.Add(-offsetOf(near)).In(near.Location()) }

func offsetOf(t time.Time) time.Duration {
	_, seconds := t.Zone()
	return time.Duration(seconds) * time.Second
}
