package config

import (
	"errors"
	"fmt"
	"math"
	"net"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"qsync/certs"
)

// DefaultPort is where peers are looked for, and what a node listens on, UDP and TCP.
const DefaultPort = "2121"

// The functions of this file read the text of one value. Their errors say what
// to write and do not repeat the text.

func parseBool(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "true", "yes", "on":
		return true, nil
	case "false", "no", "off":
		return false, nil
	}
	return false, errors.New("give true or false")
}

// wholeNumber returns what reads a number from low to high.
func wholeNumber(low, high int) func(string) (int, error) {
	return func(text string) (int, error) {
		n, err := strconv.Atoi(text)
		if err != nil || n < low || n > high {
			return 0, fmt.Errorf("give a whole number from %d to %d", low, high)
		}
		return n, nil
	}
}

// sizePattern is a number of bytes with a unit or without.
var sizePattern = regexp.MustCompile(`^([0-9]{1,12}) ?([kKmMgG]?)(i?)[bB]?$`)

// parseSize reads 64KiB to 1GiB; KB, MB and GB are powers of ten, K, M and G of two.
func parseSize(text string) (int64, error) {
	bad := errors.New("give a size from 64KiB to 1GiB, such as 10MiB")
	m := sizePattern.FindStringSubmatch(text)
	if m == nil || m[2] == "" && m[3] != "" {
		return 0, bad
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	unit := int64(1024)
	if m[3] == "" && strings.HasSuffix(strings.ToLower(text), "b") {
		unit = 1000
	}
	for range strings.Index("KMG", strings.ToUpper(m[2])) + min(len(m[2]), 1) {
		if n > math.MaxInt32 {
			return 0, bad
		}
		n *= unit
	}
	if err != nil || n < 64<<10 || n > 1<<30 {
		return 0, bad
	}
	return n, nil
}

// sizeText is the inverse of parseSize.
func sizeText(n int64) string {
	for i, unit := range []string{"GiB", "MiB", "KiB"} {
		if one := int64(1) << (30 - 10*i); n%one == 0 {
			return strconv.FormatInt(n/one, 10) + unit
		}
	}
	return strconv.FormatInt(n, 10)
}

func parseMode(text string) (Mode, error) {
	for _, m := range modes {
		if string(m) == text {
			return m, nil
		}
	}
	return "", errors.New("give two-way, send, receive, backup or mirror")
}

func parsePolicy(text string) (Policy, error) {
	switch p := Policy(text); p {
	case "keep-both", "newest":
		return p, nil
	}
	return "", errors.New("give keep-both or newest")
}

func parseTransport(text string) (string, error) {
	switch text {
	case "auto", "quic", "tcp":
		return text, nil
	}
	return "", errors.New("give auto, quic or tcp")
}

func parseLevel(text string) (string, error) {
	switch text {
	case "debug", "info", "warn", "error":
		return text, nil
	}
	return "", errors.New("give debug, info, warn or error")
}

func parseID(text string) (*certs.SyncID, error) {
	id, _, err := certs.ParseSyncID(text)
	if err != nil {
		return nil, err // it never repeats the ID
	}
	return &id, nil
}

// ParseBrake reads a number of entries (500) or a percentage (50%).
func ParseBrake(text string) (Brake, error) {
	bad := errors.New("give a number of entries above zero, such as 500, or a percentage from above 0% to 100%")
	if p, ok := strings.CutSuffix(text, "%"); ok {
		n, err := strconv.ParseFloat(p, 64)
		if err != nil || !(n > 0 && n <= 100) {
			return Brake{}, bad
		}
		return Brake{Percent: n}, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 {
		return Brake{}, bad
	}
	return Brake{Entries: n}, nil
}

// String is the inverse of [ParseBrake]; of the default it is "".
func (b Brake) String() string {
	switch {
	case b.Percent > 0:
		return strconv.FormatFloat(b.Percent, 'f', -1, 64) + "%"
	case b.Entries > 0:
		return strconv.FormatInt(b.Entries, 10)
	}
	return ""
}

// ParseRemote completes a name, an IPv4 or an IPv6 address (in brackets where a
// port follows it) to host:port.
func ParseRemote(text string) (string, error) {
	text = strings.TrimSpace(text)
	host, port := text, DefaultPort
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

// ParseListen completes an address or a port to ADDR:PORT; the port may be 0
// for any free one.
func ParseListen(text string) (string, error) {
	text = strings.TrimSpace(text)
	host, port := text, DefaultPort
	if _, err := strconv.ParseUint(text, 10, 16); err == nil {
		host, port = "", text
	} else if bare := strings.Trim(text, "[]"); net.ParseIP(bare) != nil {
		host = bare
	} else if host, port, err = net.SplitHostPort(text); err != nil {
		return "", errors.New("give it as ADDR:PORT, such as :2121 or 192.168.0.10:2121")
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", errors.New("the port must be a number from 0 to 65535")
	}
	return net.JoinHostPort(host, port), nil
}

// ParseWeb reads where the page is served: auto, off, or ADDR:PORT, of which
// either part may be left out; the port may be 0 for any free one.
func ParseWeb(text string) (string, error) {
	text = strings.TrimSpace(text)
	if text == WebOff || text == WebAuto {
		return text, nil
	}
	host, port := "127.0.0.1", text
	if _, err := strconv.ParseUint(text, 10, 16); err != nil {
		port = DefaultWebPort
		if bare := strings.Trim(text, "[]"); net.ParseIP(bare) != nil {
			host = bare
		} else if host, port, err = net.SplitHostPort(text); err != nil {
			return "", errors.New("give auto, off, a port, or an address and a port such as 127.0.0.1:7555")
		}
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", errors.New("the port must be a number from 0 to 65535")
	}
	return net.JoinHostPort(host, port), nil
}

func parseHash(text string) (string, error) {
	if parts := strings.Split(text, "$"); len(parts) != 6 || parts[1] != "argon2id" || strings.ContainsFunc(text, unicode.IsSpace) {
		return "", errors.New("'qsync config password' makes it, from a password that you type: it begins with $argon2id$")
	}
	return text, nil
}

func parseHostName(text string) (string, error) {
	name := strings.ToLower(strings.TrimSuffix(strings.TrimSpace(text), "."))
	if name == "" || len(name) > 253 || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || strings.ContainsRune(`:/\[]@*`, r) }) {
		return "", errors.New("give a host name without a port, such as nas.lan")
	}
	return name, nil
}

// profilePattern is a name that is a file name everywhere.
var profilePattern = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9_-])?$`)

// ParseProfile checks the name of a profile, which names a file in the home.
func ParseProfile(text string) (string, error) {
	if !profilePattern.MatchString(text) {
		return "", errors.New("give a name of 1 to 64 letters, digits, '.', '-' and '_' that begins with a letter or digit and does not end with '.'")
	}
	return text, nil
}

// oneLine returns what reads a text for people, of at most so many bytes.
func oneLine(most int) func(string) (string, error) {
	return func(text string) (string, error) {
		if strings.TrimSpace(text) == "" || len(text) > most || strings.ContainsFunc(text, unicode.IsControl) {
			return "", fmt.Errorf("give a text of one line and at most %d bytes", most)
		}
		return text, nil
	}
}

func parsePattern(text string) (string, error) {
	if strings.TrimSpace(text) == "" || strings.ContainsAny(text, "\x00\n\r") {
		return "", errors.New("give a pattern of one line, as .gitignore has it")
	}
	return text, nil
}

// expand returns the path that a text means, absolute and clean.
func (s Source) expand(text string) (string, error) {
	if strings.ContainsAny(text, "\x00") || len(text) > 4096 {
		return "", errors.New("give a path of at most 4096 bytes")
	}
	if rest, ok := strings.CutPrefix(text, "~"); ok {
		if rest != "" && !filepath.IsAbs(rest) && rest[0] != '/' && rest[0] != filepath.Separator {
			return "", errors.New("~ stands for your own home directory alone; give an absolute path")
		}
		if !filepath.IsAbs(s.Home) {
			return "", errors.New("there is no home directory that ~ could stand for; give an absolute path")
		}
		return filepath.Join(s.Home, filepath.FromSlash(rest)), nil
	}
	if !filepath.IsAbs(text) {
		return "", errors.New("give an absolute path, or one that begins with ~/")
	}
	return filepath.Clean(text), nil
}

// Path returns the path that a text means, absolute and clean, with ~ for the
// directory of the user.
func (s Source) Path(text string) (string, error) { return s.expand(text) }
