package web

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
)

// TestOpenAPI: what is served as /openapi.json has the requests that are answered
// here, and none that are not. Those of the API are checked where they are made.
func TestOpenAPI(t *testing.T) {
	r := serve(t, nil)
	a, body := r.do("GET", "/openapi.json", "")
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct{ Security []map[string][]string }
	}
	if err := json.Unmarshal([]byte(body), &doc); err != nil || a.Header.Get("Content-Type") != "application/json" || doc.OpenAPI != "3.1.0" {
		t.Fatalf("%v, %v, %s", err, a.Header, doc.OpenAPI)
	}
	var own []string
	for path, all := range doc.Paths {
		for method, op := range all {
			pattern := strings.ToUpper(method) + " " + path
			if !strings.HasPrefix(path, "/api/") || path == "/api/v1/events" {
				own = append(own, pattern)
			}
			// Whoever is not let in gets what is said to be for everybody, and nothing else.
			a, _ := r.do(strings.ToUpper(method), strings.Replace(path, "{doing}", "save", 1), "{}", "Origin: "+r.url, "Content-Type: application/json")
			if open := len(op.Security) > 0; open == (a.StatusCode == 401) && pattern != "POST /session" {
				t.Errorf("%s answers %d, for everybody: %v", pattern, a.StatusCode, open)
			}
		}
	}
	want := slices.Sorted(maps.Keys(r.own()))
	want = append(want, "GET /openapi.json")
	slices.Sort(want)
	slices.Sort(own)
	if !slices.Equal(own, want) {
		t.Errorf("described are %q, and answered %q", own, want)
	}
}
