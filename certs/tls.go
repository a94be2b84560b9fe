package certs

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// What is the same in every TLS handshake of ours.
const (
	ALPN          = "qsync/1" // application protocol (RFC 7301)
	serverName    = "q"
	exporterLabel = "EXPERIMENTAL qsync/1 channel"
)

// ErrTLS is what [CheckState] and [Exporter] wrap when a TLS session is not of
// the kind that a proof may be bound to.
var ErrTLS = errors.New("unsuitable TLS session")

// ServerTLS returns the configuration of a listener, with a self-signed
// certificate made for it. The certificate says nothing about the node and
// differs at each call, so that nobody knows the node again after a restart.
func ServerTLS() (*tls.Config, error) {
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("certs: cannot make a certificate: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("certs: cannot make a certificate: %w", err)
	}
	// Fixed dates: ours would tell the time of the start and a skewed clock.
	template := &x509.Certificate{
		SerialNumber: serial.Add(serial, big.NewInt(1)),
		NotBefore:    time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:     time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, pub, key)
	if err != nil {
		return nil, fmt.Errorf("certs: cannot make a certificate: %w", err)
	}
	c := commonTLS()
	c.Certificates = []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}
	return c, nil
}

// ClientTLS returns the configuration of a dialer. It verifies no certificate:
// the proof of [Prove] is the only authority.
func ClientTLS() *tls.Config {
	c := commonTLS()
	c.ServerName = serverName
	c.InsecureSkipVerify = true
	return c
}

func commonTLS() *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		MaxVersion:             tls.VersionTLS13,
		NextProtos:             []string{ALPN},
		SessionTicketsDisabled: true,
		ClientAuth:             tls.NoClientCert,
	}
}

// CheckState refuses a finished TLS handshake that is not TLS 1.3 with our
// application protocol and without resumption. Errors wrap [ErrTLS].
func CheckState(s tls.ConnectionState) error {
	switch {
	case !s.HandshakeComplete:
		return fmt.Errorf("certs: %w: handshake not complete", ErrTLS)
	case s.Version != tls.VersionTLS13:
		return fmt.Errorf("certs: %w: not TLS 1.3", ErrTLS)
	case s.NegotiatedProtocol != ALPN:
		return fmt.Errorf("certs: %w: another application protocol", ErrTLS)
	case s.DidResume:
		return fmt.Errorf("certs: %w: a resumed session", ErrTLS)
	}
	return nil
}

// Exporter returns the key that the proof is bound to: the same on both ends
// of a TLS session and different in every session (RFC 8446 section 7.5). It
// refuses what [CheckState] refuses.
func Exporter(s tls.ConnectionState) ([32]byte, error) {
	if err := CheckState(s); err != nil {
		return [32]byte{}, err
	}
	ekm, err := s.ExportKeyingMaterial(exporterLabel, nil, 32)
	if err != nil {
		return [32]byte{}, fmt.Errorf("certs: %w: %w", ErrTLS, err)
	}
	return [32]byte(ekm), nil
}
