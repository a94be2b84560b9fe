package web

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// A request has to come in time. What answers it may take longer, and so may the
// stream of what happens.
func TestBodyTime(t *testing.T) {
	t.Parallel()
	const short = 200 * time.Millisecond
	late := make(chan error, 1)
	r := serve(t, func(c *Config) {
		c.API = http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			if _, err := io.ReadAll(q.Body); err != nil {
				late <- err
				return
			}
			select {
			case <-q.Context().Done():
				http.Error(w, "the request was ended", http.StatusInternalServerError)
			case <-time.After(3 * short):
				_, _ = w.Write([]byte("done"))
			}
		})
	}, short)
	script := []string{"Authorization: Bearer " + testSecret, "Content-Type: application/json"}
	for method, body := range map[string]string{"GET": "", "POST": `{"folder":""}`} {
		if a, text := r.do(method, "/api/v1/slow", body, script...); a.StatusCode != http.StatusOK || text != "done" {
			t.Errorf("%s: %d, %s", method, a.StatusCode, text)
		}
	}
	from, to := io.Pipe()
	defer to.Close()
	q, err := http.NewRequest("POST", r.url+"/api/v1/slow", io.MultiReader(strings.NewReader("half of it"), from))
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Authorization", "Bearer "+testSecret)
	q.Header.Set("Content-Type", "application/json")
	if a, err := http.DefaultClient.Do(q); err == nil {
		_ = a.Body.Close()
	}
	select {
	case <-late:
	case <-time.After(10 * time.Second):
		t.Error("a body may come as slowly as it likes")
	}
}

// Who asks and does not read the answers, and need not be let in for that, has the
// connection for a moment only.
func TestAnswersThatNobodyReads(t *testing.T) {
	t.Parallel()
	r := serve(t, nil, 200*time.Millisecond)
	for _, path := range []string{"/openapi.json", "/api/v1/status"} { // the latter is refused, at some length
		c, err := net.Dial("tcp", r.host)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		// As many as nothing between the two can hold the answers of: at some time no more is
		// taken, and then the connection ends, though its other end does not close it.
		asked := strings.Repeat("GET "+path+" HTTP/1.1\r\nHost: "+r.host+"\r\n\r\n", 1000)
		_ = c.SetWriteDeadline(time.Now().Add(20 * time.Second))
		for range 1000 {
			if _, err = io.WriteString(c, asked); err != nil {
				break
			}
		}
		if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: the connection lives on: %v", path, err)
		}
	}
}
