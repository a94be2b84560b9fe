package main

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"
)

// TestBombs: what somebody hostile who is let in, or a broken script, sends to any
// request is answered in time, with a sentence without control characters, and
// neither ends the node nor gets into its log as it is.
func TestBombs(t *testing.T) {
	a := actingSession(t, "")
	s, m := runningFolder(t, nil)
	evil := "x\x1b[2J\n\rfake: line\u202e<script>"
	odd, _ := json.Marshal(evil)
	bodies := []string{
		"", "null", "[]", "7", `""`, "{", strings.Repeat("[", 1<<19), strings.Repeat(`{"query":`, 1<<16), `{"folder":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + "}",
		`{"folder":1e999}`, `{"folder":"` + strings.Repeat("x", 1<<20-20) + `"}`, `{"timeout":1e999,"peers":-1}`, `{"timeout":-9223372036854775808,"peers":9223372036854775807}`,
		`{"folder":` + string(odd) + `,"dir":` + string(odd) + `,"name":` + string(odd) + `,"invitation":` + string(odd) + `,"mode":` + string(odd) + `,"text":` + string(odd) + `}`,
		`{"dir":"/none/such","name":"../../x","invitation":"qsync:join?","text":"` + strings.Repeat("zoo ", 5000) + `"}`, `{"set":{"x":1e999}}`, `{"set":{` + string(odd) + `:[[[{}]]]}}`,
		`{"set":{"listen":` + string(odd) + `,"name":7,"web.names":[1e300,{}]}}`, "\xff\xfe{}",
	}
	for pattern := range a.control().routes(windowVerbs) {
		method, path, _ := strings.Cut(pattern, " ")
		path = strings.Replace(path, "{doing}", "save", 1)
		for _, body := range bodies {
			if path == "/v1/wait" && strings.Contains(body, "9223372036854775807") || path == "/v1/pause" || path == "/v1/resume" {
				continue // that is what they are for
			}
			a.endures(t, method, path, body)
		}
	}
	running := acting{session: s, t: t, handler: s.windowAPI()}
	for _, v := range windowVerbs {
		q := reflect.ValueOf(v).FieldByName("do").Type().In(2)
		for _, extreme := range []int64{-1, math.MaxInt64, math.MinInt64, math.MaxInt32 + 1} {
			x := reflect.New(q).Elem()
			fillWith(x, extreme, evil)
			body, err := json.Marshal(map[string]any{"folder": m.Dir(), "query": x.Interface()})
			if err != nil {
				continue // a time that JSON does not have
			}
			running.endures(t, http.MethodPost, strings.TrimPrefix(v.pattern(), "POST "), string(body))
		}
	}
	if strings.Contains(a.logged.String(), "\x1b") || strings.Contains(a.logged.String(), "\nfake") {
		t.Errorf("the log has it:\n%s", a.logged)
	}
}

// fillWith gives every number of a value that number, and every text that text.
func fillWith(v reflect.Value, n int64, text string) {
	switch v.Kind() {
	case reflect.Int, reflect.Int64:
		v.SetInt(n)
	case reflect.Uint64:
		v.SetUint(uint64(n))
	case reflect.String:
		v.SetString(text)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte(text))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 3, 3))
		for i := range 3 {
			fillWith(v.Index(i), n, text)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(min(max(n, -62135596800), 253402300799), 0)))
			return
		}
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				fillWith(v.Field(i), n, text)
			}
		}
	}
}

func (a acting) endures(t *testing.T, method, path, body string) {
	t.Helper()
	began := time.Now()
	w := httptest.NewRecorder()
	a.handler.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	what := fmt.Sprintf("%s %s %.60q", method, path, body)
	if took := time.Since(began); took > 10*time.Second || w.Code >= 500 && w.Code != http.StatusServiceUnavailable {
		t.Errorf("%s: %d after %v", what, w.Code, took)
	}
	var got waitAnswer
	text := w.Body.String()
	if json.Unmarshal(w.Body.Bytes(), &got) == nil {
		text = got.Missing
	}
	if strings.ContainsFunc(strings.TrimSuffix(text, "\n"), func(r rune) bool { return unicode.IsControl(r) && r != '\n' || r == '\u202e' }) || strings.Contains(text, "\nfake") {
		t.Errorf("%s: it says %q", what, text)
	}
}
