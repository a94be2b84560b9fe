package web

import (
	"regexp"
	"strings"
	"testing"
)

// TestPageOfOneVersion: what the page asks for is below the name of the whole, which is
// another with another version of the program; a browser keeps it, and a page that is
// older than the node gets nothing of the new one.
func TestPageOfOneVersion(t *testing.T) {
	r := serve(t, nil)
	a, body := r.do("GET", "/", "")
	name := a.Header.Get("X-Qsync-Page")
	all := regexp.MustCompile(`(?:src|href)="([^"#]+)"`).FindAllStringSubmatch(body, -1)
	if len(name) != 20 || len(all) < 10 {
		t.Fatalf("page %q asks for %v", name, all)
	}
	for _, m := range all {
		a, _ := r.do("GET", "/"+m[1], "")
		if !strings.HasPrefix(m[1], name+"/") || a.StatusCode != 200 || a.Header.Get("Cache-Control") != forever {
			t.Errorf("%s: %d %s", m[1], a.StatusCode, a.Header.Get("Cache-Control"))
		}
	}
	for _, path := range []string{"/" + strings.Repeat("0", 20) + "/app.js", "/" + name, "/" + name + "/", "/" + name + "app.js"} {
		if a, _ := r.do("GET", path, ""); a.StatusCode != 404 {
			t.Errorf("%s: %d", path, a.StatusCode)
		}
	}
	_, one, _ := loadStatic("1.2")
	_, other, err := loadStatic("1.3")
	if err != nil || one != name || other == name {
		t.Errorf("1.2 is page %s and %s, 1.3 is %s, %v", name, one, other, err)
	}
}
