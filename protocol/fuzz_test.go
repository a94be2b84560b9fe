package protocol

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"testing"
)

// fuzz feeds payloads of type k: whatever decodes can be sent, and reads as the
// same message again; whatever does not is a violation.
func fuzz(f *testing.F, k kind) {
	for name, m := range golden {
		if m.kind() == k {
			f.Add(goldenBytes(f, name)[headerSize:])
			f.Add(raw(m)[headerSize:])
		}
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		m, err := read(frame(k, payload))
		if err != nil {
			if !errors.Is(err, ErrProtocol) {
				t.Fatalf("not called a violation: %v", err)
			}
			return
		}
		again, err := read(written(t, m))
		if err != nil || !reflect.DeepEqual(m, again) {
			t.Fatalf("%+v\nreads as %+v, %v", m, again, err)
		}
	})
}

func FuzzHello(f *testing.F)    { fuzz(f, kindHello) }
func FuzzResume(f *testing.F)   { fuzz(f, kindResume) }
func FuzzProgress(f *testing.F) { fuzz(f, kindProgress) }
func FuzzIndex(f *testing.F)    { fuzz(f, kindIndex) }
func FuzzRequest(f *testing.F)  { fuzz(f, kindRequest) }
func FuzzResponse(f *testing.F) { fuzz(f, kindResponse) }
func FuzzData(f *testing.F)     { fuzz(f, kindData) }
func FuzzAbort(f *testing.F)    { fuzz(f, kindAbort) }
func FuzzRecipe(f *testing.F)   { fuzz(f, kindRecipe) }

func FuzzRanges(f *testing.F)   { fuzz(f, kindRanges) }
func FuzzDelivery(f *testing.F) { fuzz(f, kindDelivery) }
func FuzzVerdicts(f *testing.F) { fuzz(f, kindVerdicts) }

func FuzzRecipeRequest(f *testing.F) { fuzz(f, kindRecipeRequest) }

// FuzzReader feeds whole streams.
func FuzzReader(f *testing.F) {
	uses := []Limits{Control, Indexes, Requests, Answers, Recipes, frames}
	for name := range golden {
		b := goldenBytes(f, name)
		for use := range uses {
			f.Add(uint8(use), append(b[:len(b):len(b)], b...))
		}
	}
	f.Fuzz(func(t *testing.T, use uint8, stream []byte) {
		limits := uses[int(use)%len(uses)]
		r := NewReader(bytes.NewReader(stream), limits)
		for range len(stream) + 1 {
			m, err := r.Next()
			if err == nil {
				if limits[m.kind()] == 0 {
					t.Fatalf("%v on a stream that does not carry it", m.kind())
				}
				continue
			}
			if err != io.EOF && err != io.ErrUnexpectedEOF && !errors.Is(err, ErrProtocol) {
				t.Fatal(err)
			}
			return
		}
		t.Fatal("more frames than bytes")
	})
}
