package certs

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// MinVersion and MaxVersion bound the protocol versions that this code speaks.
const (
	MinVersion uint16 = 1
	MaxVersion uint16 = 1
)

// FailDelay is how long after the dialer's flight [Verify] refuses it, the
// same for every reason: far more than any of its computations takes.
const FailDelay = 50 * time.Millisecond

// Why a handshake ends without a peer.
var (
	// ErrWrongID: the other side does not hold our sync ID, or does not serve it.
	ErrWrongID = errors.New("the peer does not hold this sync ID")

	// ErrVersion: the other side holds it, but speaks no version that we do.
	ErrVersion = errors.New("incompatible version")

	// ErrSelf: the connection leads back to this process.
	ErrSelf = errors.New("connected to itself")

	// ErrClone: another process shows this device's identity, with its key.
	ErrClone = errors.New("another node carries this node's identity")

	// ErrIdent: the other side's identity is malformed or not its own.
	ErrIdent = errors.New("false identity")
)

// Channel is what a handshake runs on: the first stream of a connection, and
// what [Exporter] returned for that connection. Deadlines are the caller's.
type Channel struct {
	Stream io.ReadWriter
	EKM    [32]byte
}

// Ident is what a node says of itself to peers that have proved themselves. Of
// one's own, Epoch, Caps and Name are filled in; the rest the handshake finds.
type Ident struct {
	Epoch   uint64 // random at each start of the node: tells a restart, an echo and a clone
	Caps    uint32 // capability bits, defined by the protocol
	Name    string // for people; of a peer printable, at most [MaxName] bytes
	Node    NodeID // proved by a signature
	Writer  bool   // it has proved to hold the sync ID itself, not a lesser token
	Version uint16 // the protocol version of this connection
}

// Self is this node in a handshake.
type Self struct {
	Device Device
	Ident  Ident // its name is sent as [CleanName] makes it
}

const (
	roleDialer   = "dialer"
	roleListener = "listener"
)

// Prove is the dialer's side: it proves to hold keys and lets the
// listener prove the same. After it the stream belongs to the session.
//
// Errors wrap [ErrWrongID], [ErrVersion], [ErrSelf], [ErrClone], [ErrIdent] or
// what the stream returned. A listener that ends the stream instead of
// answering counts as ErrWrongID.
func Prove(c Channel, self Self, keys Keys) (Ident, error) {
	h := &handshake{Channel: c, self: self, keys: keys, role: roleDialer, vmin: MinVersion, vmax: MaxVersion}
	p, err := h.prove()
	if err != nil {
		return Ident{}, fmt.Errorf("certs: %w", err)
	}
	return p, nil
}

// Verify is the listener's side: it finds out which of shares the dialer
// proves to hold, proves the same and returns the keys of that one. Until then it says
// nothing, and it returns every refusal [FailDelay] after the dialer's flight;
// the caller then ends the connection in the same way for every error but
// ErrVersion, ErrSelf, ErrClone and ErrIdent, which only a holder can cause.
//
// Errors wrap those, [ErrWrongID], or what the stream returned.
func Verify(c Channel, self Self, shares []Keys) (Ident, Keys, error) {
	h := &handshake{Channel: c, self: self, role: roleListener, vmin: MinVersion, vmax: MaxVersion}
	p, err := h.verify(shares)
	if err != nil {
		return Ident{}, Keys{}, fmt.Errorf("certs: %w", err)
	}
	return p, h.keys, nil
}

// handshake is one run of the protocol, of either side.
type handshake struct {
	Channel
	self       Self
	keys       Keys
	role       string
	vmin, vmax uint16

	helloD, helloL [helloSize]byte
	tagD, tagL     [tagSize]byte
	key            []byte // K_c
}

func (h *handshake) prove() (Ident, error) {
	mine := hello{vmin: h.vmin, vmax: h.vmax, share: shareTag(h.keys, h.EKM)}
	if _, err := rand.Read(mine.nonce[:]); err != nil {
		return Ident{}, err
	}
	h.helloD = mine.encode()
	if err := h.setKey(h.keys.l.open().auth); err != nil {
		return Ident{}, err
	}
	h.tagD = h.dialerTag()
	if _, err := h.Stream.Write(append(h.helloD[:], h.tagD[:]...)); err != nil {
		return Ident{}, err
	}

	var flight [flightSize]byte
	if _, err := io.ReadFull(h.Stream, flight[:]); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return Ident{}, ErrWrongID
		}
		return Ident{}, err
	}
	h.helloL, h.tagL = [helloSize]byte(flight[:helloSize]), [tagSize]byte(flight[helloSize:])
	want := h.listenerTag()
	theirs, ok := parseHello(h.helloL)
	if !hmac.Equal(want[:], h.tagL[:]) || !ok {
		return Ident{}, ErrWrongID
	}
	if theirs.vmin != theirs.vmax || theirs.vmax < h.vmin || theirs.vmax > h.vmax {
		return Ident{}, ErrVersion
	}
	peer, err := h.readIdent()
	if err != nil {
		return Ident{}, err
	}
	peer.Version = theirs.vmax
	return peer, h.writeAll(h.ownIdent())
}

func (h *handshake) verify(shares []Keys) (Ident, error) {
	var flight [flightSize]byte
	if _, err := io.ReadFull(h.Stream, flight[:]); err != nil {
		return Ident{}, err
	}
	refuseAt := time.Now().Add(FailDelay)
	h.helloD, h.tagD = [helloSize]byte(flight[:helloSize]), [tagSize]byte(flight[helloSize:])
	theirs, ok, err := h.checkDialer(shares)
	if err != nil || !ok {
		time.Sleep(time.Until(refuseAt))
		return Ident{}, errors.Join(err, ErrWrongID)
	}

	mine := hello{vmin: h.vmin, vmax: h.vmax}
	version := min(h.vmax, theirs.vmax)
	common := version >= h.vmin && version >= theirs.vmin
	if common {
		mine.vmin, mine.vmax = version, version
	}
	if _, err := rand.Read(mine.nonce[:]); err != nil {
		return Ident{}, err
	}
	h.helloL = mine.encode()
	h.tagL = h.listenerTag()
	answer := append(h.helloL[:], h.tagL[:]...)
	if !common {
		return Ident{}, errors.Join(ErrVersion, h.writeAll(answer))
	}
	if err := h.writeAll(append(answer, h.ownIdent()...)); err != nil {
		return Ident{}, err
	}
	peer, err := h.readIdent()
	peer.Version = version
	return peer, err
}

// checkDialer looks for the share whose keys made the dialer's flight. What it
// computes does not depend on whether there is one.
func (h *handshake) checkDialer(shares []Keys) (theirs hello, ok bool, err error) {
	theirs, formed := parseHello(h.helloD)
	var auth [32]byte
	found := false
	for _, s := range shares {
		tag := shareTag(s, h.EKM)
		if hmac.Equal(tag[:], theirs.share[:]) {
			auth, found, h.keys = s.l.open().auth, true, s
		}
	}
	if err := h.setKey(auth); err != nil {
		return hello{}, false, err
	}
	want := h.dialerTag()
	return theirs, hmac.Equal(want[:], h.tagD[:]) && found && formed, nil
}

func (h *handshake) setKey(auth [32]byte) (err error) {
	h.key, err = hkdf.Extract(sha256.New, auth[:], h.EKM[:])
	return err
}

func (h *handshake) dialerTag() [tagSize]byte {
	return mac(h.key, []byte("qsync/1 dialer"), h.helloD[:])
}

func (h *handshake) listenerTag() [tagSize]byte {
	return mac(h.key, []byte("qsync/1 listener"), h.helloD[:], h.tagD[:], h.helloL[:])
}

// signed is the text of a signature of the side that plays role.
func (h *handshake) signed(label, role string) []byte {
	return appendLP(nil, []byte(label), []byte(role), h.tagD[:], h.tagL[:])
}

func (h *handshake) ownIdent() []byte {
	device := *h.self.Device.key.open()
	i := ident{
		node:  h.self.Device.ID(),
		epoch: h.self.Ident.Epoch,
		key:   [32]byte(h.self.Device.public()),
		sig:   [64]byte(ed25519.Sign(device, h.signed("qsync/1 device", h.role))),
		caps:  h.self.Ident.Caps,
		write: ed25519.Sign(h.keys.l.open().writeKey, h.signed("qsync/1 write", h.role)),
		name:  CleanName(h.self.Ident.Name),
	}
	return i.encode()
}

// readIdent reads and verifies who the other side is.
func (h *handshake) readIdent() (Ident, error) {
	var length [2]byte
	if _, err := io.ReadFull(h.Stream, length[:]); err != nil {
		return Ident{}, err
	}
	n := binary.BigEndian.Uint16(length[:])
	if n > maxIdent {
		return Ident{}, fmt.Errorf("%w: length", ErrIdent)
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(h.Stream, body); err != nil {
		return Ident{}, err
	}
	i, err := parseIdent(body)
	if err != nil {
		return Ident{}, err
	}
	role := roleDialer
	if h.role == roleDialer {
		role = roleListener
	}
	switch {
	case i.node != nodeIDOf(i.key[:]):
		return Ident{}, fmt.Errorf("%w: the node ID is not that of the key", ErrIdent)
	case !ed25519.Verify(i.key[:], h.signed("qsync/1 device", role), i.sig[:]):
		return Ident{}, fmt.Errorf("%w: wrong device signature", ErrIdent)
	case i.write != nil && !ed25519.Verify(h.keys.l.open().writePub, h.signed("qsync/1 write", role), i.write):
		return Ident{}, fmt.Errorf("%w: wrong write signature", ErrIdent)
	case i.node == h.self.Device.ID() && i.epoch == h.self.Ident.Epoch:
		return Ident{}, ErrSelf
	case i.node == h.self.Device.ID():
		return Ident{}, ErrClone
	}
	return Ident{Node: i.node, Epoch: i.epoch, Caps: i.caps, Name: i.name, Writer: i.write != nil}, nil
}

func (h *handshake) writeAll(b []byte) error {
	_, err := h.Stream.Write(b)
	return err
}

// shareTag tells the listener which share a dialer means, and nobody else.
func shareTag(k Keys, ekm [32]byte) [shareSize]byte {
	sum := mac(k.l.open().disc[:], []byte("qsync/1 share-tag"), ekm[:])
	return [shareSize]byte(sum[:shareSize])
}

func mac(key []byte, fields ...[]byte) (tag [tagSize]byte) {
	m := hmac.New(sha256.New, key)
	m.Write(appendLP(nil, fields...)) // hash.Hash never returns an error
	m.Sum(tag[:0])
	return tag
}
