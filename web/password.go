package web

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// What a password costs: the second recommended choice of RFC 9106, 4, with one
// lane, since this runs on small machines.
const (
	argonTime   = 3
	argonMemory = 64 << 10 // KiB
	argonLanes  = 1
	saltSize    = 16
	hashSize    = 32
	maxPassword = 1024 // bytes
)

// ErrPassword: it is too short, too long, or its hash is none of ours.
var ErrPassword = errors.New("not a password")

// HashPassword returns what is kept of a password, in the form that PHC strings
// have: $argon2id$v=19$m=65536,t=3,p=1$salt$hash. The error is [ErrPassword].
func HashPassword(password string) (string, error) {
	if len(password) < 8 || len(password) > maxPassword {
		return "", fmt.Errorf("%w: give 8 to %d bytes", ErrPassword, maxPassword)
	}
	return hashed{time: argonTime, memory: argonMemory, lanes: argonLanes}.of(password), nil
}

// of is the hash of a password at the cost that h has.
func (h hashed) of(password string) string {
	h.salt = make([]byte, saltSize)
	_, _ = rand.Read(h.salt) // never fails
	h.hash = argon2.IDKey([]byte(password), h.salt, h.time, h.memory, h.lanes, hashSize)
	b := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.memory, h.time, h.lanes, b.EncodeToString(h.salt), b.EncodeToString(h.hash))
}

// hashed is a password as it is kept.
type hashed struct {
	time, memory uint32
	lanes        uint8
	salt, hash   []byte
}

// CheckHash says what is wrong with a hash that stands in a configuration, an
// [ErrPassword].
func CheckHash(text string) error {
	_, err := parseHash(text)
	return err
}

func parseHash(text string) (h hashed, err error) {
	wrong := fmt.Errorf("%w: it must begin with $argon2id$; 'qsync config password' makes it", ErrPassword)
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return h, wrong
	}
	if n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.memory, &h.time, &h.lanes); n != 3 || err != nil {
		return h, wrong
	}
	var err1, err2 error
	h.salt, err1 = base64.RawStdEncoding.DecodeString(parts[4])
	h.hash, err2 = base64.RawStdEncoding.DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(h.salt) < 8 || len(h.hash) < 16 || len(h.hash) > 64 {
		return h, wrong
	}
	if h.memory < 8<<10 || h.memory > 1<<20 || h.time < 1 || h.time > 16 || h.lanes < 1 || h.lanes > 16 {
		return h, fmt.Errorf("%w: m must be 8192 to 1048576, t and p 1 to 16", ErrPassword)
	}
	return h, nil
}

func (h hashed) is(password string) bool {
	got := argon2.IDKey([]byte(password), h.salt, h.time, h.memory, h.lanes, uint32(len(h.hash)))
	return subtle.ConstantTimeCompare(got, h.hash) == 1
}
