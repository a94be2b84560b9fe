package web

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestEnterWithOverview: who is let in and asks for it is told how everything is with
// the same answer; who is not let in is told nothing, and the API is not asked.
func TestEnterWithOverview(t *testing.T) {
	r := serve(t, nil)
	enter := func(ticket, overview string) (int, map[string]any) {
		t.Helper()
		a, body := r.do("POST", "/session", `{"ticket":"`+ticket+`"`+overview+`}`, "Origin: "+r.url)
		var said map[string]any
		if a.StatusCode == http.StatusOK {
			if err := json.Unmarshal([]byte(body), &said); err != nil {
				t.Fatal(err)
			}
		} else if strings.Contains(body, `"ok"`) {
			t.Errorf("%d tells %s", a.StatusCode, body)
		}
		return a.StatusCode, said
	}
	asked := func() string {
		r.mu.Lock()
		defer r.mu.Unlock()
		all := strings.Join(r.api, ", ")
		r.api = nil
		return all
	}
	if code, said := enter(r.Ticket(), ""); code != 200 || said["overview"] != nil || asked() != "" {
		t.Errorf("without asking: %d %v", code, said)
	}
	code, said := enter(r.Ticket(), `,"overview":true`)
	if all, _ := said["overview"].(map[string]any); code != 200 || all["ok"] != true || said["token"] == "" {
		t.Errorf("asked for: %d %v", code, said)
	}
	if api := asked(); api != "GET /v1/overview 0" {
		t.Errorf("the API was asked %q", api)
	}
	if code, _ := enter("wrong", `,"overview":true`); code != http.StatusUnauthorized || asked() != "" {
		t.Errorf("with a wrong ticket: %d", code)
	}
}

// TestEnterWithoutOverview: that the API cannot say how everything is keeps nobody out.
func TestEnterWithoutOverview(t *testing.T) {
	for name, api := range map[string]http.HandlerFunc{
		"refused": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, `"busy"`, http.StatusServiceUnavailable) },
		"no JSON": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "a sentence") },
		"empty":   func(http.ResponseWriter, *http.Request) {},
	} {
		r := serve(t, func(c *Config) { c.API = api })
		a, body := r.do("POST", "/session", `{"ticket":"`+r.Ticket()+`","overview":true}`, "Origin: "+r.url)
		if a.StatusCode != 200 || !strings.Contains(body, `"token"`) || strings.Contains(body, "overview") {
			t.Errorf("%s: %d %s", name, a.StatusCode, body)
		}
	}
}
