package web

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
)

// TestHashes: what stands in a configuration is looked at before it counts.
func TestHashes(t *testing.T) {
	for _, bad := range []string{
		"", "secret", "$argon2i$v=19$m=65536,t=3,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA", "$argon2id$v=16$m=65536,t=3,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
		"$argon2id$v=19$m=1,t=3,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA", "$argon2id$v=19$m=4000000000,t=3,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
		"$argon2id$v=19$m=65536,t=0,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA", "$argon2id$v=19$m=65536,t=3,p=1$c2FsdHNhbHQ$aGE",
		"$argon2id$v=19$m=65536,t=3,p=1$!!$aGFzaGhhc2hoYXNoaGFzaA",
	} {
		if err := CheckHash(bad); !errors.Is(err, ErrPassword) {
			t.Errorf("%q: %v", bad, err)
		}
		if _, err := New(Config{Node: &fakeNode{}, Secret: []byte(testSecret), Password: bad}); err == nil && bad != "" {
			t.Errorf("a server takes %q", bad)
		}
	}
	for _, password := range []string{"", "short", strings.Repeat("x", maxPassword+1)} {
		if _, err := HashPassword(password); !errors.Is(err, ErrPassword) {
			t.Errorf("%d bytes: %v", len(password), err)
		}
	}
}

// TestExposed: what others reach is not served without TLS and a password.
func TestExposed(t *testing.T) {
	for name, c := range map[string]Config{
		"nothing": {}, "a password alone": {Password: "$argon2id$v=19$m=65536,t=3,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA"}, "TLS alone": {Cert: "c", Key: "k"},
	} {
		c.Node, c.Secret = &fakeNode{}, []byte(testSecret)
		s, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("tcp", "0.0.0.0:0")
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Serve(context.Background(), l); !errors.Is(err, ErrExposed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
