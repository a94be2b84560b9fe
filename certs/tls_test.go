package certs

import (
	"crypto/tls"
	"errors"
	"net"
	"testing"
)

// tlsPair finishes a TLS handshake between two configurations.
func tlsPair(t *testing.T, server, client *tls.Config) (s, c tls.ConnectionState, err error) {
	t.Helper()
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	srv, cli := tls.Server(a, server), tls.Client(b, client)
	done := make(chan error, 1)
	go func() { done <- srv.Handshake() }()
	err = cli.Handshake()
	if err != nil {
		b.Close()
	}
	return srv.ConnectionState(), cli.ConnectionState(), errors.Join(err, <-done)
}

func mustServerTLS(t *testing.T) *tls.Config {
	t.Helper()
	c, err := ServerTLS()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestExporterFresh: each session has a key of its own, the same on both ends.
func TestExporterFresh(t *testing.T) {
	server := mustServerTLS(t)
	seen := map[[32]byte]bool{}
	for range 50 {
		s, c, err := tlsPair(t, server, ClientTLS())
		if err != nil {
			t.Fatal(err)
		}
		a, errA := Exporter(s)
		b, errB := Exporter(c)
		if errA != nil || errB != nil || a != b || seen[a] {
			t.Fatal("exporter:", errA, errB, a == b, seen[a])
		}
		seen[a] = true
		if s.CurveID != tls.X25519MLKEM768 || s.ServerName != "q" || len(s.PeerCertificates) != 0 {
			t.Errorf("group %v, name %q, %d client certificates", s.CurveID, s.ServerName, len(s.PeerCertificates))
		}
	}
}

func TestCheckState(t *testing.T) {
	good, _, err := tlsPair(t, mustServerTLS(t), ClientTLS())
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*tls.ConnectionState){
		"version":    func(s *tls.ConnectionState) { s.Version = tls.VersionTLS12 },
		"protocol":   func(s *tls.ConnectionState) { s.NegotiatedProtocol = "h3" },
		"resumed":    func(s *tls.ConnectionState) { s.DidResume = true },
		"incomplete": func(s *tls.ConnectionState) { s.HandshakeComplete = false },
	} {
		bad := good
		spoil(&bad)
		if err := CheckState(bad); !errors.Is(err, ErrTLS) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := Exporter(bad); !errors.Is(err, ErrTLS) {
			t.Errorf("%s: exported, %v", name, err)
		}
	}
}

// TestNoLowerTLS: neither side accepts TLS 1.2 or another protocol.
func TestNoLowerTLS(t *testing.T) {
	old := ClientTLS()
	old.MinVersion, old.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	other := ClientTLS()
	other.NextProtos = []string{"h3"}
	for name, c := range map[string]*tls.Config{"TLS 1.2": old, "h3": other} {
		if _, _, err := tlsPair(t, mustServerTLS(t), c); err == nil {
			t.Errorf("the listener accepted %s", name)
		}
	}
	oldServer := mustServerTLS(t)
	oldServer.MinVersion, oldServer.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	if _, _, err := tlsPair(t, oldServer, ClientTLS()); err == nil {
		t.Error("the dialer accepted TLS 1.2")
	}
}

// TestCertificatesUnlinkable: nothing of a certificate survives a restart.
func TestCertificatesUnlinkable(t *testing.T) {
	_, a, err := tlsPair(t, mustServerTLS(t), ClientTLS())
	_, b, err2 := tlsPair(t, mustServerTLS(t), ClientTLS())
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	x, y := a.PeerCertificates[0], b.PeerCertificates[0]
	if x.SerialNumber.Cmp(y.SerialNumber) == 0 || string(x.RawSubjectPublicKeyInfo) == string(y.RawSubjectPublicKeyInfo) {
		t.Error("two starts share a serial number or key")
	}
	if x.Subject.String() != "" || len(x.DNSNames)+len(x.IPAddresses) != 0 || !x.NotBefore.Equal(y.NotBefore) {
		t.Error("the certificate says something about the node")
	}
}
