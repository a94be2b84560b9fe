package certs

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// NodeID names a device: the first 16 bytes of SHA-256 of its public key.
type NodeID [16]byte

// String returns the ID as 32 hexadecimal digits.
func (n NodeID) String() string { return hex.EncodeToString(n[:]) }

// Compare orders node IDs bytewise. Of two connections between the same two
// nodes the one whose dialer has the smaller ID stays.
func (n NodeID) Compare(other NodeID) int { return bytes.Compare(n[:], other[:]) }

func nodeIDOf(pub ed25519.PublicKey) NodeID {
	sum := sha256.Sum256(pub)
	return NodeID(sum[:16])
}

// Device is the identity of one installation: an Ed25519 key (RFC 8032). The
// zero Device is none and must not be used.
type Device struct {
	key sealed[ed25519.PrivateKey]
}

// ErrDevice is what [ParseDevice] wraps when its input is not, or no longer,
// what Marshal made.
var ErrDevice = errors.New("damaged device key")

// The stored form: magic, seed, and the start of SHA-256 of both, so that a
// damaged file does not silently become another device.
const (
	deviceMagic = "qsync/1 device\n"
	deviceCheck = 4
)

// NewDevice makes a fresh random identity.
func NewDevice() (Device, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return Device{}, fmt.Errorf("certs: cannot make a device key: %w", err)
	}
	return Device{seal(&key)}, nil
}

// ParseDevice reads what Marshal wrote. Errors wrap [ErrDevice].
func ParseDevice(b []byte) (Device, error) {
	body, ok := bytes.CutPrefix(b, []byte(deviceMagic))
	if !ok || len(body) != ed25519.SeedSize+deviceCheck {
		return Device{}, fmt.Errorf("certs: %w: wrong form", ErrDevice)
	}
	sum := sha256.Sum256(b[:len(b)-deviceCheck])
	if !bytes.Equal(sum[:deviceCheck], body[ed25519.SeedSize:]) {
		return Device{}, fmt.Errorf("certs: %w: wrong checksum", ErrDevice)
	}
	key := ed25519.NewKeyFromSeed(body[:ed25519.SeedSize])
	return Device{seal(&key)}, nil
}

// Marshal returns the stored form of the identity. It is secret: whoever
// writes it to a file gives that file mode 0600.
func (d Device) Marshal() []byte {
	b := append([]byte(deviceMagic), d.key.open().Seed()...)
	sum := sha256.Sum256(b)
	return append(b, sum[:deviceCheck]...)
}

// ID returns the name of the device.
func (d Device) ID() NodeID { return nodeIDOf(d.public()) }

func (d Device) public() ed25519.PublicKey { return d.key.open().Public().(ed25519.PublicKey) }

// String returns the node ID, never the key.
func (d Device) String() string {
	if d.key.p == nil {
		return "no device"
	}
	return "device " + d.ID().String()
}

// GoString returns the node ID, never the key.
func (d Device) GoString() string { return d.String() }

// Format writes the node ID, never the key, whatever the verb.
func (d Device) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, d.String()) }

// LogValue returns the node ID, never the key.
func (d Device) LogValue() slog.Value { return slog.StringValue(d.String()) }
