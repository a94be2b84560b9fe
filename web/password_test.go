package web

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"
)

// TestPasswords: a hash lets its password in and no other; wrong ones make the
// next attempt wait.
func TestPasswords(t *testing.T) {
	hash, err := HashPassword("correct horse")
	if err != nil || CheckHash(hash) != nil || !strings.HasPrefix(hash, "$argon2id$v=19$m=65536,t=3,p=1$") {
		t.Fatalf("%q: %v", hash, err)
	}
	cheap := hashed{time: 1, memory: 8 << 10, lanes: 1}.of("correct horse")
	r := serve(t, func(c *Config) { c.Password = cheap })
	if _, body := r.do("GET", "/session", ""); !strings.Contains(body, `"password":true`) {
		t.Errorf("it says %s", body)
	}
	enter := func(password string) int {
		a, _ := r.do("POST", "/session", `{"password":"`+password+`"}`, "Origin: "+r.url)
		return a.StatusCode
	}
	if code := enter("correct horse"); code != 200 {
		t.Errorf("the password: %d", code)
	}
	for _, wrong := range []string{"", "wrong horse"} {
		if code := enter(wrong); code != 401 {
			t.Errorf("%q: %d", wrong, code)
		}
	}
	if r.door.pause != 2*firstWait {
		t.Errorf("after two wrong ones the next waits %v", r.door.pause)
	}
	began := time.Now()
	if code := enter("correct horse"); code != 200 || time.Since(began) < firstWait || r.door.pause != 0 {
		t.Errorf("the right one after them: %d after %v", code, time.Since(began))
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r.door.trying = maxTrying
	if err := r.door.try(ctx, "x"); !errors.Is(err, errCrowd) {
		t.Errorf("in a crowd: %v", err)
	}
	r.door.trying = 0
}

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
