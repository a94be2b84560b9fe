package config

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseSchedule(t *testing.T) {
	for text, want := range map[string]string{
		"live": "live", " LIVE ": "live",
		"1": "1s", "10": "10s", "0.5h": "30m", "90m": "1h30m", "1h": "1h", "7d": "168h", "1.5": "1.5s",
		"3600": "1h", "1h0m5s": "1h0m5s", "365d": "8760h", "20m": "20m", "10h": "10h", "1m30s": "1m30s",
		"0 3 * * *": "0 3 * * *", "  */5\t*  * * MON-FRI": "*/5 * * * mon-fri", "@Daily": "@daily",
		"0 0 29 feb *": "0 0 29 feb *", "0,30 8-18/2 1-7 * 7": "0,30 8-18/2 1-7 * 7", "10/20 * * * *": "10/20 * * * *",
		"0 0 30 2 mon": "0 0 30 2 mon", // any Monday of February
	} {
		s, err := ParseSchedule(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
		} else if s.String() != want {
			t.Errorf("%q is %q, want %q", text, s, want)
		}
	}
}

func TestParseScheduleErrors(t *testing.T) {
	for text, want := range map[string]string{
		"": "give live", "often": "give live", "0": "from 1s", "0.2": "from 1s", "-5": "from 1s", "500ms": "from 1s",
		"366d": "a year", "1e300": "a year", "NaN": "a year", "Inf": "a year", "9000h": "a year",
		"* * * *": "and this one 4", "0 * * * * *": "and this one 6",
		"60 * * * *": "minute must be", "* 24 * * *": "hour must be", "* * 0 * *": "day of the month must be", "* * 32 * *": "of 1 to 31",
		"* * * 13 *": "of 1 to 12 or jan to dec", "* * * * 8": "of 0 to 7 or sun to sat", "* * * * frog": "or sun to sat",
		"a * * * *": "minute must be", "1- * * * *": "minute must be", "1,,2 * * * *": "minute must be", "? * * * *": "minute must be",
		"*/0 * * * *": "step of the minute", "*/ * * * *": "step of the minute", "*/60 * * * *": "step of the minute",
		"30-10 * * * *": "must go up", "* * * * fri-mon": "must go up",
		"0 0 30 2 *": "none of these months", "0 0 31 2,4,6,9,11 *": "none of these months",
		"@reboot": "the names of times", "@every 1h": "five fields", "@": "the names of times",
	} {
		if s, err := ParseSchedule(text); err == nil {
			t.Errorf("%q is %v, want an error", text, s)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want …%s…", text, err, want)
		}
	}
}

func TestScheduleKinds(t *testing.T) {
	at := time.Date(2026, 11, 21, 10, 0, 0, 1, time.UTC)
	var live Schedule
	if !live.Live() || live.Cron() || live.Interval() != 0 || !live.Next(at).IsZero() {
		t.Errorf("the zero Schedule is not live: %v", live)
	}
	hourly, err := Every(time.Hour)
	if err != nil || hourly.Live() || hourly.Cron() || hourly.Interval() != time.Hour || !hourly.Next(at).Equal(at.Add(time.Hour)) {
		t.Errorf("Every(1h): %v, %v", hourly, err)
	}
	if _, err := Every(time.Second - 1); err == nil {
		t.Error("less than a second is allowed")
	}
	daily, err := ParseSchedule("@daily")
	if err != nil || daily.Live() || !daily.Cron() || daily.Interval() != 0 || !daily.Next(at).Equal(time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("@daily: %v, %v, %v", daily, err, daily.Next(at))
	}
	var read Schedule
	if err := read.UnmarshalText([]byte("@daily")); err != nil || read != daily {
		t.Errorf("UnmarshalText: %v, %v", read, err)
	}
	if text, err := daily.MarshalText(); err != nil || string(text) != "@daily" {
		t.Errorf("MarshalText: %q, %v", text, err)
	}
	if err := read.UnmarshalText([]byte("x")); err == nil || read != daily {
		t.Errorf("UnmarshalText of nonsense: %v, %v", read, err)
	}
}

// TestCronTimes follows expressions through changes of the clock.
func TestCronTimes(t *testing.T) {
	for _, c := range []struct {
		zone, cron, after string
		want              []string
	}{
		{"UTC", "0 0 29 2 *", "2096-02-29 00:00", []string{"2104-02-29 00:00"}},
		{"UTC", "0 0 29 2 */7", "2004-02-29 00:00", []string{"2032-02-29 00:00"}}, // a * makes it both: a Sunday
		{"UTC", "0 12 13 * fri", "2026-11-09 00:00", []string{"2026-11-13 12:00", "2026-11-20 12:00", "2026-11-27 12:00", "2026-12-04 12:00", "2026-12-11 12:00", "2026-12-13 12:00"}},
		{"UTC", "0 0 31 * *", "2026-11-21 00:00", []string{"2026-12-31 00:00", "2027-01-31 00:00", "2027-03-31 00:00"}},
		{"UTC", "0 6 * * 7", "2026-11-21 00:00", []string{"2026-11-22 06:00", "2026-11-29 06:00"}},
		{"UTC", "@weekly", "2026-11-21 00:00", []string{"2026-11-22 00:00", "2026-11-29 00:00"}},
		{"UTC", "50-59/3 23 31 12 *", "2026-12-31 23:55", []string{"2026-12-31 23:56", "2026-12-31 23:59", "2027-12-31 23:50"}},
		// Berlin skips 02:00 to 03:00 on 2026-03-29, and has it twice on 2026-10-25.
		{"Europe/Berlin", "30 2 * * *", "2026-03-28 00:00", []string{"2026-03-28 02:30", "2026-03-29 03:00", "2026-03-30 02:30"}},
		{"Europe/Berlin", "*/10 2 * * *", "2026-03-29 00:00", []string{"2026-03-29 03:00", "2026-03-30 02:00"}},
		{"Europe/Berlin", "0 */2 * * *", "2026-03-29 00:00", []string{"2026-03-29 03:00", "2026-03-29 04:00"}},
		{"Europe/Berlin", "30 2 * * *", "2026-10-24 12:00", []string{"2026-10-25 02:30", "2026-10-26 02:30"}},
		{"Europe/Berlin", "*/30 * * * *", "2026-10-25 01:30", []string{"2026-10-25 02:00", "2026-10-25 02:30", "2026-10-25 02:00", "2026-10-25 02:30", "2026-10-25 03:00"}},
		{"Europe/Berlin", "*/30 * * * *", "2026-03-29 01:00", []string{"2026-03-29 01:30", "2026-03-29 03:00"}},
		// Havana skips midnight, Apia skipped a whole day, Lord Howe moves by half an hour.
		{"America/Havana", "@daily", "2026-03-07 12:00", []string{"2026-03-08 01:00", "2026-03-09 00:00"}},
		{"America/Havana", "30 0 * * *", "2026-10-31 12:00", []string{"2026-11-01 00:30", "2026-11-02 00:30"}},
		{"Pacific/Apia", "0 9,10 30 12 *", "2011-12-29 12:00", []string{"2011-12-31 00:00", "2012-12-30 09:00"}},
		{"Australia/Lord_Howe", "15 2 * * *", "2026-10-03 12:00", []string{"2026-10-04 02:30", "2026-10-05 02:15"}},
		{"Australia/Lord_Howe", "45 1 * * *", "2026-04-04 12:00", []string{"2026-04-05 01:45", "2026-04-06 01:45"}},
	} {
		s, err := ParseSchedule(c.cron)
		if err != nil {
			t.Fatal(err)
		}
		now, err := time.ParseInLocation("2006-01-02 15:04", c.after, location(t, c.zone))
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range c.want {
			next := s.Next(now)
			if !next.After(now) || next.Format("2006-01-02 15:04") != want {
				t.Errorf("%s in %s, time %d: %s after %s, want %s", c.cron, c.zone, i, next, now, want)
			}
			now = next
		}
	}
}

func location(t interface{ Fatal(...any) }, name string) *time.Location {
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

// TestCronAgainstClock compares Next with a clock that is read every minute.
func TestCronAgainstClock(t *testing.T) {
	around := map[string][]string{
		"Europe/Berlin": {"2026-03-29", "2026-10-25"}, "America/New_York": {"2026-03-08", "2026-11-01"},
		"America/Havana": {"2026-03-08", "2026-11-01"}, "America/Sao_Paulo": {"2018-11-04", "2019-02-17"},
		"Pacific/Apia": {"2011-12-30"}, "Australia/Lord_Howe": {"2026-04-05", "2026-10-04"},
		"Africa/Casablanca": {"2026-02-15", "2026-03-22"}, "Europe/Dublin": {"2026-03-29", "2026-10-25"}, "UTC": {"2026-02-28"},
	}
	zones := []string{"Africa/Casablanca", "America/Havana", "America/New_York", "America/Sao_Paulo", "Australia/Lord_Howe",
		"Europe/Berlin", "Europe/Dublin", "Pacific/Apia", "UTC"}
	rapid.Check(t, func(t *rapid.T) {
		zone := rapid.SampledFrom(zones).Draw(t, "zone")
		day, err := time.ParseInLocation("2006-01-02", rapid.SampledFrom(around[zone]).Draw(t, "day"), location(t, zone))
		if err != nil {
			t.Fatal(err)
		}
		after := day.Add(time.Duration(rapid.IntRange(-36*3600, 36*3600).Draw(t, "seconds")) * time.Second)
		minute := rapid.SampledFrom([]string{"*", "*/7", "0", "30", "15,45", "59"}).Draw(t, "minute")
		hour := rapid.SampledFrom([]string{"*", "*/2", "0", "1", "2", "0-3", "1,23"}).Draw(t, "hour")
		s, err := ParseSchedule(minute + " " + hour + " * * *")
		if err != nil {
			t.Fatal(err)
		}
		if got, want := s.Next(after), byWatching(s.cron, after); !got.Equal(want) {
			t.Fatalf("%s after %s: %s, the clock says %s", s, after, got, want)
		}
	})
}

// byWatching is what Next promises, told by a clock that is read every minute.
func byWatching(c cronExpr, after time.Time) time.Time {
	due := func(wall time.Time) bool {
		return c.hour>>wall.Hour()&1 == 1 && c.minute>>wall.Minute()&1 == 1
	}
	seen, last := map[time.Time]bool{}, time.Time{}
	for now := after.Add(-50 * time.Hour).Truncate(time.Minute); ; now = now.Add(time.Minute) {
		wall := time.Date(now.Year(), now.Month(), now.Day(), now.Hour(), now.Minute(), 0, 0, time.UTC)
		is := due(wall) && (!seen[wall] || c.hour == everyHour)
		if !last.IsZero() && c.hour != everyHour {
			for skipped := last.Add(time.Minute); skipped.Before(wall); skipped = skipped.Add(time.Minute) {
				is = is || due(skipped)
			}
		}
		seen[wall], last = true, wall
		if is && now.After(after) {
			return now
		}
	}
}

func TestScheduleRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s Schedule
		var err error
		if rapid.Bool().Draw(t, "cron") {
			field := rapid.SampledFrom([]string{"*", "1", "1-5", "*/2", "1,3", "2-6/3"})
			text := strings.Join(rapid.SliceOfN(field, 5, 5).Draw(t, "fields"), " ")
			s, err = ParseSchedule(text)
		} else {
			s, err = Every(time.Duration(rapid.Int64Range(int64(MinInterval), int64(MaxInterval)).Draw(t, "ns")))
		}
		if err != nil {
			t.Fatal(err)
		}
		if again, err := ParseSchedule(s.String()); err != nil || again != s {
			t.Fatalf("%q reads back as %q: %v", s, again, err)
		}
	})
}
