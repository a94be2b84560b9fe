package web

import (
	"strings"
	"testing"
)

// TestHealth is for everybody, and tells no name.
func TestHealth(t *testing.T) {
	r := serve(t, nil)
	r.node.folders["/secret"] = `{}`
	r.node.health = Health{Folders: 3}
	if a, body := r.do("GET", "/health", ""); a.StatusCode != 200 || strings.TrimSpace(body) != `{"folders":3,"ill":0,"problems":0,"status":"ok"}` {
		t.Errorf("well: %d %s", a.StatusCode, body)
	}
	r.node.health.Problems = 2
	if a, body := r.do("GET", "/health", ""); a.StatusCode != 200 || !strings.Contains(body, `"problems":2`) {
		t.Errorf("with problems: %d %s", a.StatusCode, body)
	}
	if a, body := r.do("GET", "/health?strict", ""); a.StatusCode != 503 || !strings.Contains(body, "not well") {
		t.Errorf("with problems, strictly: %d %s", a.StatusCode, body)
	}
	r.node.health.Problems = 0
	if a, _ := r.do("GET", "/health?strict", ""); a.StatusCode != 200 {
		t.Errorf("strictly: %d", a.StatusCode)
	}
	r.node.health.Ill = 1
	if a, body := r.do("GET", "/health", ""); a.StatusCode != 503 || !strings.Contains(body, "not well") || strings.Contains(body, "secret") {
		t.Errorf("ill: %d %s", a.StatusCode, body)
	}
}
