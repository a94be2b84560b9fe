package certs

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
)

// Keys is everything that is derived from one sync ID. The zero Keys holds
// nothing and must not be used. Keys are immutable and hide themselves like a
// [SyncID] does, in unexported fields too.
type Keys struct {
	l sealed[ladder]
}

// sealed keeps a value from fmt, which reads unexported fields by reflection
// and follows one pointer, but never two.
type sealed[T any] struct{ p **T }

func seal[T any](v *T) sealed[T] { return sealed[T]{&v} }
func (s sealed[T]) open() *T     { return *s.p }

type ladder struct {
	reader, storer [32]byte
	auth, disc     [32]byte
	name, data     [32]byte
	share          ShareID
	writeKey       ed25519.PrivateKey
	writePub       ed25519.PublicKey
}

// ShareID is a label of a folder for directories and logs of its own peers. It
// is derived from the sync ID, does not reveal it, and is never sent.
type ShareID [16]byte

// String returns the label as 32 hexadecimal digits.
func (s ShareID) String() string { return hex.EncodeToString(s[:]) }

// Derive computes the keys of a sync ID. It refuses an ID of one repeated
// byte, zeros in particular, with an error that wraps [ErrSyncID].
func Derive(id SyncID) (Keys, error) {
	if id.weak() {
		return Keys{}, fmt.Errorf("%w: it is one byte repeated, which anybody can guess", ErrSyncID)
	}
	root, err := hkdf.Extract(sha256.New, id[:], []byte("qsync/1 root"))
	if err != nil {
		return Keys{}, fmt.Errorf("certs: cannot derive keys: %w", err)
	}
	l := &ladder{}
	var seed [32]byte
	for _, step := range []struct {
		from []byte
		info string
		to   []byte
	}{
		{root, "qsync/1 reader", l.reader[:]},
		{l.reader[:], "qsync/1 storer", l.storer[:]},
		{l.storer[:], "qsync/1 auth", l.auth[:]},
		{l.storer[:], "qsync/1 discovery", l.disc[:]},
		{l.storer[:], "qsync/1 share-id", l.share[:]},
		{l.reader[:], "qsync/1 name", l.name[:]},
		{l.reader[:], "qsync/1 data", l.data[:]},
		{root, "qsync/1 write-sign", seed[:]},
	} {
		key, err := hkdf.Expand(sha256.New, step.from, step.info, len(step.to))
		if err != nil {
			return Keys{}, fmt.Errorf("certs: cannot derive keys: %w", err)
		}
		copy(step.to, key)
	}
	l.writeKey = ed25519.NewKeyFromSeed(seed[:])
	l.writePub = l.writeKey.Public().(ed25519.PublicKey)
	return Keys{seal(l)}, nil
}

// ShareID returns the label of the folder.
func (k Keys) ShareID() ShareID { return k.l.open().share }

// Discovery returns K_disc, the key of announcements. It is secret.
func (k Keys) Discovery() [32]byte { return k.l.open().disc }

// NameKey returns K_name. It is secret, from peers that only store too.
func (k Keys) NameKey() [32]byte { return k.l.open().name }

// DataKey returns K_data. It is secret, from peers that only store too.
func (k Keys) DataKey() [32]byte { return k.l.open().data }

// ReaderToken returns R and pk_w: what a peer needs to read and verify the
// folder, and not to write to it. It is secret.
func (k Keys) ReaderToken() [64]byte { return token(k.l.open().reader, k.l.open().writePub) }

// StorerToken returns E and pk_w: what a peer needs to keep the folder for
// others and to verify it, and not to read it. It is secret.
func (k Keys) StorerToken() [64]byte { return token(k.l.open().storer, k.l.open().writePub) }

func token(key [32]byte, pub ed25519.PublicKey) (t [64]byte) {
	copy(t[:32], key[:])
	copy(t[32:], pub)
	return t
}

const hiddenKeys = "keys (hidden)"

// String returns a fixed text that reveals nothing.
func (k Keys) String() string { return hiddenKeys }

// GoString returns a fixed text that reveals nothing.
func (k Keys) GoString() string { return hiddenKeys }

// Format writes a fixed text that reveals nothing, whatever the verb.
func (k Keys) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, hiddenKeys) }

// LogValue returns a fixed text that reveals nothing.
func (k Keys) LogValue() slog.Value { return slog.StringValue(hiddenKeys) }
