package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"regexp"
	"strings"
)

//go:embed static openapi.json
var embedded embed.FS

// file is a part of the page, ready to be sent.
type file struct {
	kind   string // of the content
	tag    string // ETag
	plain  []byte
	packed []byte // gzip, nil where that is not shorter
}

// kinds are the types of what is embedded; the system's table may say otherwise,
// or nothing.
var kinds = map[string]string{
	".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
	".json": "application/json", ".svg": "image/svg+xml", ".png": "image/png", ".txt": "text/plain; charset=utf-8",
}

// loadStatic reads and packs all files of the page, by the path that a request has.
// The name of the page is that of all its files together and of the program's
// version: index.html asks for the others below it, so that they are never of
// another page, and need not be asked for twice.
func loadStatic(version string) (all map[string]*file, page string, err error) {
	all = map[string]*file{}
	sum := sha256.New()
	sum.Write([]byte(version))
	err = fs.WalkDir(embedded, "static", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := embedded.ReadFile(name)
		sum.Write(b)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	page = hex.EncodeToString(sum.Sum(nil)[:10])
	err = fs.WalkDir(embedded, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f := &file{kind: kinds[path.Ext(name)]}
		if f.kind == "" {
			f.kind = mime.TypeByExtension(path.Ext(name))
		}
		if f.plain, err = embedded.ReadFile(name); err != nil {
			return err
		}
		if path.Ext(name) == ".html" {
			f.plain = local.ReplaceAll(f.plain, []byte(` $1="`+page+`/$2"`))
		}
		sum := sha256.Sum256(f.plain)
		f.tag = `"` + hex.EncodeToString(sum[:12]) + `"`
		var b bytes.Buffer
		z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
		_, _ = z.Write(f.plain) // into memory
		_ = z.Close()
		if b.Len() < len(f.plain) {
			f.packed = b.Bytes()
		}
		all["/"+strings.TrimPrefix(name, "static/")] = f
		return nil
	})
	all["/"] = all["/index.html"]
	return all, page, err
}

// local are the files that index.html asks for.
var local = regexp.MustCompile(` (href|src)="([a-z]+\.[a-z]+)"`)

// forever is for what has another name when it is another.
const forever = "max-age=31536000, immutable"

// files sends a part of the page. There is no secret in it. A browser asks each
// time whether the page is still the same, and keeps what is below its name.
func (s *Server) files(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "this can only be read", http.StatusMethodNotAllowed)
		return
	}
	name, kept := strings.CutPrefix(r.URL.Path, "/"+s.page)
	f := s.static[name]
	if f == nil || kept && name == "/" {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Cache-Control", "no-cache")
	if kept {
		h.Set("Cache-Control", forever)
	}
	h.Set("Vary", "Accept-Encoding")
	h.Set("ETag", f.tag)
	h.Set("Content-Type", f.kind)
	if r.Header.Get("If-None-Match") == f.tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := f.plain
	if f.packed != nil && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = f.packed
	}
	_, _ = w.Write(body) // whoever asked may be gone
}
