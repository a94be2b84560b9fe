package disk

import (
	"math"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"qsync/folder"
)

// TestNanos: a time beyond what nanoseconds reach is their end and not some
// other time (F49).
func TestNanos(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ sec, nsec, want int64 }{
		{0, 5, 5}, {-1, 999_999_999, -1}, {7, 0, 7e9},
		{9223372035, 999_999_999, 9223372035_999999999},
		{9223372036, 0, math.MaxInt64}, {32503680000, 0, math.MaxInt64},
		{-9223372036, 0, math.MinInt64}, {math.MinInt64, 0, math.MinInt64},
	} {
		if got := nanos(c.sec, c.nsec); got != c.want {
			t.Errorf("%d.%09d is %d, not %d", c.sec, c.nsec, got, c.want)
		}
	}
}

// TestFarTimes: what a scan says of a time far away can be set again.
func TestFarTimes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d, err := unix.Open(dir, unix.O_DIRECTORY|unix.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(d) }()
	for _, sec := range []int64{-1 << 31, -5, 1<<31 + 5, 9223372036, 15032385535} {
		if err := os.WriteFile(dir+"/f", nil, 0o600); err != nil {
			t.Fatal(err)
		}
		far, err := unix.TimeToTimespec(time.Unix(sec, 0))
		if err != nil {
			continue // not to be said in this machine's words
		}
		ts := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, far}
		if err := unix.UtimesNanoAt(d, "f", ts, 0); err != nil {
			t.Fatal(err)
		}
		var before, after unix.Stat_t
		if err := unix.Lstat(dir+"/f", &before); err != nil {
			t.Fatal(err)
		}
		ts, err = times(infoOf(&before).MTime)
		if err != nil {
			t.Fatal(err)
		}
		if err := unix.UtimesNanoAt(d, "f", ts, 0); err != nil {
			t.Fatal(err)
		}
		if err := unix.Lstat(dir+"/f", &after); err != nil {
			t.Fatal(err)
		}
		if a, b := infoOf(&before).MTime, infoOf(&after).MTime; a-b > 1e9 || infoOf(&before).Kind != folder.File {
			t.Errorf("second %d: %d was made %d", sec, a, b)
		}
	}
}
