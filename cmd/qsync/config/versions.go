package config

import (
	"errors"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// agePattern is a number with a unit.
var agePattern = regexp.MustCompile(`^([0-9]{1,6})([hdw])$`)

// maxAge is 100 years of 365 days.
const maxAge = 36500 * day

// ParseAge reads how long older versions are kept: hours (12h), days (30d),
// weeks (8w), or 0 for ever.
func ParseAge(text string) (time.Duration, error) {
	if text == "0" {
		return 0, nil
	}
	bad := errors.New("give an age from 1h to 36500d, such as 30d, or 0 to keep them whatever their age")
	m := agePattern.FindStringSubmatch(text)
	if m == nil {
		return 0, bad
	}
	n, err := strconv.Atoi(m[1])
	unit := map[string]time.Duration{"h": time.Hour, "d": day, "w": 7 * day}[m[2]]
	if err != nil || n == 0 || time.Duration(n) > maxAge/unit {
		return 0, bad
	}
	return time.Duration(n) * unit, nil
}

// AgeText is the inverse of [ParseAge].
func AgeText(age time.Duration) string {
	switch {
	case age == 0:
		return "0"
	case age%day == 0:
		return strconv.FormatInt(int64(age/day), 10) + "d"
	}
	return strconv.FormatInt(int64(age/time.Hour), 10) + "h"
}

// spacePattern is a number of bytes with a unit.
var spacePattern = regexp.MustCompile(`^([0-9]{1,9}) ?([MGT])(i?)B?$`)

// ParseSpace reads what older versions may take up: a share of the file system
// (10%), a size (500MiB, 20GB, 1TiB), or 0 for no bound. KB, MB, GB and TB are
// powers of ten; M, G and T of two.
func ParseSpace(text string) (Space, error) {
	if text == "0" {
		return Space{}, nil
	}
	bad := errors.New("give a share of the file system, such as 10%, a size from 1MB on, such as 20GB, or 0 for no bound")
	if p, ok := strings.CutSuffix(text, "%"); ok {
		n, err := strconv.ParseFloat(p, 64)
		if err != nil || !(n > 0 && n <= 100) {
			return Space{}, bad
		}
		return Space{Percent: n}, nil
	}
	m := spacePattern.FindStringSubmatch(text)
	if m == nil {
		return Space{}, bad
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	unit := int64(1024)
	if m[3] == "" && strings.HasSuffix(text, "B") {
		unit = 1000
	}
	for range strings.Index("?KMGT", m[2]) {
		if n > math.MaxInt64/unit {
			return Space{}, bad
		}
		n *= unit
	}
	if err != nil || n == 0 {
		return Space{}, bad
	}
	return Space{Bytes: n}, nil
}

// String is the inverse of [ParseSpace].
func (s Space) String() string {
	switch {
	case s.Percent > 0:
		return strconv.FormatFloat(s.Percent, 'f', -1, 64) + "%"
	case s.Bytes == 0:
		return "0"
	}
	for _, u := range []struct {
		name string
		size int64
	}{{"TiB", 1 << 40}, {"TB", 1e12}, {"GiB", 1 << 30}, {"GB", 1e9}, {"MiB", 1 << 20}} {
		if s.Bytes%u.size == 0 {
			return strconv.FormatInt(s.Bytes/u.size, 10) + u.name
		}
	}
	return strconv.FormatInt(s.Bytes/1e6, 10) + "MB"
}
