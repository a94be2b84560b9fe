package certs

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"unicode"
)

// SyncID is the 256-bit secret that the peers of one folder share. It hides
// itself from every verb of fmt, from slog and from encoders; only Hex and
// Words reveal it. (Its methods do not reach into unexported fields of a
// struct that is printed as a whole, nor does fmt call them for %p.)
type SyncID [32]byte

// ErrSyncID is what every error of [ParseSyncID] wraps. No such error contains
// any part of what was parsed but, among 24 words or some of them, the one that
// is no word.
var ErrSyncID = errors.New("not a sync ID")

// ErrCutOff is what an error of [ParseSyncID] wraps besides when what is there
// is right but not all of an ID.
var ErrCutOff = errors.New("cut off")

// cutOff wraps both.
type cutOff struct{ text string }

func (e *cutOff) Error() string   { return ErrSyncID.Error() + ": " + e.text }
func (e *cutOff) Unwrap() []error { return []error{ErrSyncID, ErrCutOff} }

// Lengths of the hexadecimal forms, in digits, and of any form, in bytes.
const (
	idDigits      = 64
	maxIDDigits   = 512
	maxIDText     = 4096
	hiddenID      = "sync ID (hidden)"
	noteLongID    = "this ID has more than 64 digits; it stands for the 256-bit sync ID that is its hash"
	longIDContext = "qsync/1 long-id"
)

// NewSyncID returns a fresh random sync ID.
func NewSyncID() (SyncID, error) {
	var id SyncID
	if _, err := rand.Read(id[:]); err != nil {
		return SyncID{}, fmt.Errorf("certs: no random bytes: %w", err)
	}
	return id, nil
}

// ParseSyncID reads any text form of a sync ID, white space and dashes between
// the digits or words ignored:
//
//   - 64 hexadecimal digits, in either case, with or without 0x before them;
//   - the 24 English words of BIP 39, in any case, each of which may be cut after
//     four letters or more, which determine it;
//   - 65 to 512 hexadecimal digits: the ID is the SHA-256 hash of the text
//     "qsync/1 long-id", a colon, and the digits in lower case, leading zeros
//     among them.
//
// IDs that are one byte repeated, zeros in particular, are refused. note is
// for the user where the text needed interpretation, else "". Errors wrap
// [ErrSyncID] and say what is wrong; see there for what they may tell of the
// text. One about a word is a [*WordError].
func ParseSyncID(text string) (id SyncID, note string, err error) {
	if len(text) > maxIDText {
		return SyncID{}, "", fmt.Errorf("%w: it is longer than %d bytes", ErrSyncID, maxIDText)
	}
	fields := strings.FieldsFunc(strings.ToLower(text), isSeparator)
	if len(fields) == 0 {
		return SyncID{}, "", fmt.Errorf("%w: it is empty", ErrSyncID)
	}
	if looksLikeWords(fields) {
		id, err = parseWords(fields)
	} else {
		id, note, err = parseHex(strings.Join(fields, ""))
	}
	if err != nil {
		return SyncID{}, "", err
	}
	return id, note, nil
}

func isSeparator(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Pd, r) }

// looksLikeWords tells a damaged mnemonic from a damaged number, for the sake
// of the message: no number of this length lacks decimal digits by chance.
func looksLikeWords(fields []string) bool {
	known := true
	for _, f := range fields {
		if strings.ContainsAny(f, "0123456789") {
			return false
		}
		_, found := slices.BinarySearch(wordList, f)
		known = known && found
	}
	return known || strings.Trim(strings.Join(fields, ""), "abcdef") != ""
}

func parseHex(digits string) (id SyncID, note string, err error) {
	digits = strings.TrimPrefix(digits, "0x")
	n := 0
	for _, r := range digits {
		n++
		if !strings.ContainsRune("0123456789abcdef", r) {
			return SyncID{}, "", fmt.Errorf("%w: the character at digit position %d is not a hexadecimal digit", ErrSyncID, n)
		}
	}
	if n < idDigits {
		return SyncID{}, "", &cutOff{fmt.Sprintf("it has %s instead of %d", counted(n, "hexadecimal digit"), idDigits)}
	}
	if n > maxIDDigits {
		return SyncID{}, "", fmt.Errorf("%w: it has %s instead of %d", ErrSyncID, counted(n, "hexadecimal digit"), idDigits)
	}
	if digits[2:] == digits[:n-2] {
		return SyncID{}, "", fmt.Errorf("%w: it is one byte repeated, which anybody can guess", ErrSyncID)
	}
	if n > idDigits {
		return sha256.Sum256([]byte(longIDContext + ":" + digits)), noteLongID, nil
	}
	if _, err := hex.Decode(id[:], []byte(digits)); err != nil {
		return SyncID{}, "", fmt.Errorf("%w: not hexadecimal", ErrSyncID)
	}
	return id, "", nil
}

// weak reports whether every byte of id is the same.
func (id SyncID) weak() bool {
	var diff byte
	for _, b := range id {
		diff |= b ^ id[0]
	}
	return diff == 0
}

// Equal reports in constant time whether two IDs are the same.
func (id SyncID) Equal(other SyncID) bool { return subtle.ConstantTimeCompare(id[:], other[:]) == 1 }

// Hex returns the ID as 64 lower-case hexadecimal digits. It reveals the secret.
func (id SyncID) Hex() string { return hex.EncodeToString(id[:]) }

// String returns a fixed text that reveals nothing.
func (id SyncID) String() string { return hiddenID }

// GoString returns a fixed text that reveals nothing.
func (id SyncID) GoString() string { return hiddenID }

// Format writes a fixed text that reveals nothing, whatever the verb.
func (id SyncID) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, hiddenID) }

// LogValue returns a fixed text that reveals nothing.
func (id SyncID) LogValue() slog.Value { return slog.StringValue(hiddenID) }

// MarshalText returns a fixed text that reveals nothing, for encoders.
func (id SyncID) MarshalText() ([]byte, error) { return []byte(hiddenID), nil }
