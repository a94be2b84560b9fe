package integration

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// browser asks the page of a node, as a browser or a script does.
type browser struct {
	t      *testing.T
	client *http.Client
	at     string // http://127.0.0.1:7555
	cookie string
	token  string
	bearer string
}

func newBrowser(t *testing.T, at string, conf *tls.Config) *browser {
	return &browser{t: t, at: strings.TrimSuffix(at, "/"), client: &http.Client{Timeout: patience, Transport: &http.Transport{TLSClientConfig: conf, DisableKeepAlives: true}}}
}

func (b *browser) try(method, path, body string) (*http.Response, string, error) {
	q, err := http.NewRequest(method, b.at+path, strings.NewReader(body))
	must(b.t, err)
	for name, value := range map[string]string{"Cookie": b.cookie, "X-Qsync-Token": b.token, "Authorization": b.bearer, "Content-Type": "application/json", "Origin": b.at} {
		if value != "" {
			q.Header.Set(name, value)
		}
	}
	a, err := b.client.Do(q)
	if err != nil {
		return nil, "", err
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	return a, string(text), err
}

// ask is try that has to be answered with that status.
func (b *browser) ask(status int, method, path, body string) string {
	b.t.Helper()
	a, text, err := b.try(method, path, body)
	if err != nil || a.StatusCode != status {
		b.t.Fatalf("%s %s: %v %v, not %d\n%s", method, path, err, a, status, text)
	}
	return text
}

// enter begins a session with a ticket or a password.
func (b *browser) enter(by, secret string) {
	b.t.Helper()
	body, _ := json.Marshal(map[string]string{by: secret})
	a, text, err := b.try("POST", "/session", string(body))
	var got struct{ Token string }
	if err != nil || a.StatusCode != 200 || json.Unmarshal([]byte(text), &got) != nil || len(a.Cookies()) == 0 {
		b.t.Fatalf("the %s gives %v, %v %s", by, err, a, text)
	}
	b.cookie, b.token = a.Cookies()[0].Name+"="+a.Cookies()[0].Value, got.Token
}

// ticket has 'qsync open' give an address of the page, and what lets in.
func (m *machine) ticket() (at, ticket string) {
	m.t.Helper()
	at, ticket, ok := strings.Cut(strings.TrimSpace(m.must(0, "open", "--url").out), "#ticket=")
	if !ok {
		m.t.Fatalf("'qsync open --url' gives %q", at)
	}
	return at, ticket
}

// freePort is one that nobody has now.
func freePort(t *testing.T) (l net.Listener, port string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return l, port
}

var metricLine = regexp.MustCompile(`^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-z]+="([^"\\\n]|\\.)*"(,[a-z]+="([^"\\\n]|\\.)*")*\})? [-+0-9.e]+)$`)

// TestPageOfANode: 'qsync serve' has a page, a ticket lets in once, health and metrics
// say how it is, and a session outlives the node and a change of its settings.
func TestPageOfANode(t *testing.T) {
	t.Parallel()
	m, dir := newMachine(t, "page"), t.TempDir()
	for i := range 9 {
		must(t, os.WriteFile(filepath.Join(dir, fmt.Sprint("f", i)), []byte(strings.Repeat("x", i+1)), 0o644))
	}
	config := fmt.Sprintf("folders:\n  - path: %s\n    max_delete: 2\n", dir)
	p := m.serves(config, "--no-discovery", "--listen", "127.0.0.1:0")
	m.must(0, "wait")
	if at, _ := m.ticket(); !strings.HasPrefix(at, "http://127.0.0.1:") {
		t.Errorf("by itself the page is at %s", at)
	}
	p.end(sigterm, 143)
	config += "web:\n  listen: " + address(t) + "\n" // one that no other test takes in between
	p = m.serves(config, "--no-discovery", "--listen", "127.0.0.1:0")
	at, ticket := m.ticket()
	if !strings.HasPrefix(at, "http://127.0.0.1:") || !strings.Contains(m.must(0, "status", "--json").out, `"web":"`+at+`"`) {
		t.Errorf("the page is at %s, and status says %s", at, m.must(0, "status", "--json").out)
	}
	b := newBrowser(t, at, nil)
	if page := b.ask(200, "GET", "/", ""); !strings.Contains(page, "<!doctype html>") {
		t.Errorf("the page is %.80s", page)
	}
	b.ask(401, "GET", "/api/v1/overview", "")
	b.enter("ticket", ticket)
	b.ask(401, "POST", "/session", `{"ticket":"`+ticket+`"}`)
	if text := b.ask(200, "GET", "/api/v1/overview", ""); !strings.Contains(text, dir) || !strings.Contains(text, `"files":9`) {
		t.Errorf("the overview is %s", text)
	}
	b.ask(200, "GET", "/openapi.json", "")
	secret, err := os.ReadFile(filepath.Join(m.home, "web.token"))
	must(t, err)
	if fi, err := os.Stat(filepath.Join(m.home, "web.token")); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("web.token: %v %v", fi.Mode(), err)
	}
	script := newBrowser(t, at, nil)
	script.bearer = "Bearer " + strings.TrimSpace(string(secret))
	for line := range strings.Lines(script.ask(200, "GET", "/metrics", "")) {
		if !metricLine.MatchString(strings.TrimSuffix(line, "\n")) {
			t.Errorf("no line of the text format: %q", line)
		}
	}

	// The brake stops the folder: not well. A person lets it through: well, also paused.
	healthy := func(status int) {
		t.Helper()
		eventually(t, func() error {
			if a, text, err := script.try("GET", "/health", ""); err != nil || a.StatusCode != status {
				return fmt.Errorf("/health: %v %s", err, text)
			}
			return nil
		})
	}
	healthy(200)
	for i := range 8 {
		must(t, os.Remove(filepath.Join(dir, fmt.Sprint("f", i))))
	}
	healthy(503)
	m.must(0, "confirm", dir)
	healthy(200)
	m.must(0, "pause", dir)
	healthy(200)

	// Restarted at the same port, the node knows the session; so it does when its own
	// settings have it begin anew, which is answered first.
	p.end(sigterm, 143)
	p = m.serves(config, "--no-discovery", "--listen", "127.0.0.1:0")
	m.ticket() // waits until it is there
	b.ask(200, "GET", "/api/v1/status", "")
	if text := b.ask(200, "POST", "/api/v1/settings", `{"folder":"","set":{"web.names":["page.example"]}}`); !strings.Contains(text, `"code":0`) {
		t.Errorf("the change is answered with %s", text)
	}
	eventually(t, func() error {
		a, text, err := b.try("GET", "/api/v1/settings", "")
		if err == nil && (a.StatusCode != 200 || !strings.Contains(text, "page.example")) {
			err = fmt.Errorf("%d %s", a.StatusCode, text)
		}
		return err
	})
	q, err := http.NewRequest("GET", b.at+"/session", nil)
	must(t, err)
	q.Host = "page.example"
	eventually(t, func() error {
		a, err := b.client.Do(q)
		if err == nil {
			_ = a.Body.Close()
			if a.StatusCode != 200 {
				err = fmt.Errorf("under its new name: %d", a.StatusCode)
			}
		}
		return err
	})

	// All sessions are ended, by one of them: they do not hold over a restart either, and scripts go on.
	b.ask(200, "DELETE", "/sessions", "")
	b.ask(401, "GET", "/api/v1/status", "")
	p.end(sigterm, 143)
	p = m.serves(config, "--no-discovery", "--listen", "127.0.0.1:0")
	_, ticket = m.ticket()
	b.ask(401, "GET", "/api/v1/status", "")
	script.ask(200, "GET", "/api/v1/status", "")
	b.enter("ticket", ticket)
	b.ask(200, "GET", "/api/v1/status", "")
	p.end(sigterm, 143)
}

// TestPageThatIsOffOrTaken: where there is no page, or its port is taken, sync goes
// on, and the page comes as soon as it can.
func TestPageThatIsOffOrTaken(t *testing.T) {
	t.Parallel()
	m, dir := newMachine(t, "taken"), t.TempDir()
	m.serves("folders: []\n", "--no-discovery", "--listen", "127.0.0.1:0", "--web=off").end(sigterm, 143)
	off := m.serves("folders: []\n", "--no-discovery", "--listen", "127.0.0.1:0", "--web=off")
	if r := m.must(2, "open", "--url"); !strings.Contains(r.err, "off") {
		t.Errorf("it says %s", r.err)
	}
	off.end(sigterm, 143)

	l, port := freePort(t)
	must(t, os.WriteFile(filepath.Join(m.home, "config.yaml"), []byte("web:\n  listen: 127.0.0.1:"+port+"\n"), 0o600))
	p := m.start("share", dir, "--json", "--no-discovery", "--listen", "127.0.0.1:0")
	p.ready()
	p.says("port 127.0.0.1:" + port + " of the page is taken")
	must(t, os.WriteFile(filepath.Join(dir, "f"), []byte("x"), 0o644))
	m.must(0, "wait", "--peers", "0")
	if r := m.must(1, "open", "--url"); !strings.Contains(r.err, "taken") {
		t.Errorf("it says %s", r.err)
	}
	must(t, l.Close())
	at, ticket := m.ticket()
	if at != "http://127.0.0.1:"+port+"/" {
		t.Errorf("the page is at %s", at)
	}
	newBrowser(t, at, nil).enter("ticket", ticket)
	p.end(sigterm, 143)
}

// TestPageForOthers: an address that others reach needs TLS and a password.
func TestPageForOthers(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "exposed")
	l, port := freePort(t)
	must(t, l.Close())
	listen := "web:\n  listen: 0.0.0.0:" + port + "\n"
	p := m.serves(listen, "--no-discovery", "--listen", "127.0.0.1:0")
	p.says("needs web.cert, web.key and web.password")
	if c, err := net.DialTimeout("tcp", "127.0.0.1:"+port, time.Second); err == nil {
		_ = c.Close()
		t.Error("it is served all the same")
	}
	m.must(2, "open", "--url")
	if text := p.err.String(); strings.Contains(text, "page: http") || strings.Contains(text, "shows the page") {
		t.Errorf("it is announced:\n%s", text)
	}
	p.end(sigterm, 143)

	cert, key := filepath.Join(m.home, "web.crt"), filepath.Join(m.home, "web.key")
	pool := selfSigned(t, cert, key)
	must(t, os.WriteFile(filepath.Join(m.home, "config.yaml"), []byte(listen+"  cert: "+cert+"\n  key: "+key+"\n"), 0o600))
	if r := m.feed("correct horse battery\n", "config", "password"); r.code != 0 {
		t.Fatalf("the password: %d %s", r.code, r.err)
	}
	text, err := os.ReadFile(filepath.Join(m.home, "config.yaml"))
	must(t, err)
	if strings.Contains(string(text), "battery") || !strings.Contains(string(text), "$argon2id$") {
		t.Errorf("config.yaml is\n%s", text)
	}
	p = m.serves(string(text), "--no-discovery", "--listen", "127.0.0.1:0")
	at, _ := m.ticket()
	if at != "https://127.0.0.1:"+port+"/" {
		t.Errorf("the page is at %s", at)
	}
	b := newBrowser(t, at, &tls.Config{RootCAs: pool})
	b.ask(401, "POST", "/session", `{"password":"wrong horse battery"}`)
	b.enter("password", "correct horse battery")
	if !strings.HasPrefix(b.cookie, "__Host-") {
		t.Errorf("the cookie is %.20s", b.cookie)
	}
	b.ask(200, "GET", "/api/v1/status", "")
	old := newBrowser(t, at, &tls.Config{RootCAs: pool, MaxVersion: tls.VersionTLS12})
	if _, _, err := old.try("GET", "/health", ""); err == nil {
		t.Error("it speaks TLS 1.2")
	}
	plain := newBrowser(t, "http://127.0.0.1:"+port, nil)
	if a, _, err := plain.try("GET", "/health", ""); err == nil && a.StatusCode == 200 {
		t.Error("it speaks without TLS")
	}
	p.end(sigterm, 143)
}

// selfSigned writes a certificate for this machine, and its key.
func selfSigned(t *testing.T, cert, key string) *x509.CertPool {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "nas"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &k.PublicKey, k)
	must(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(k)
	must(t, err)
	for name, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		must(t, os.WriteFile(name, pem.EncodeToMemory(block), 0o600))
	}
	pool := x509.NewCertPool()
	c, err = x509.ParseCertificate(der)
	must(t, err)
	pool.AddCert(c)
	return pool
}
