package peer

import (
	"context"
	"io"
	"testing"

	"qsync/certs"
)

// BenchmarkTransport moves content over loopback in one stream of a link, QUIC or
// TCP, and tells what both ends together cost.
func BenchmarkTransport(b *testing.B) {
	_, k := testKeys(b, 1)
	for _, how := range []string{"quic", "tcp"} {
		b.Run(how, func(b *testing.B) {
			var x, y *end
			if how == "quic" {
				x, y = start(b, udp(b)), start(b, udp(b), k)
			} else {
				x, y = startTCP(b, loopback(b)), startTCP(b, loopback(b), k)
			}
			dialed, accepted := join(b, x, y, k)
			go func() {
				for {
					s, err := accepted.AcceptStream(context.Background())
					if err != nil {
						return
					}
					buf := make([]byte, 256<<10)
					for err == nil {
						_, err = s.Write(buf)
					}
				}
			}()
			s, err := dialed.OpenStream(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			if _, err := s.Write([]byte{1}); err != nil {
				b.Fatal(err)
			}
			buf := make([]byte, 256<<10)
			b.SetBytes(int64(len(buf)))
			before := processTime()
			b.ResetTimer()
			for range b.N {
				if _, err := io.ReadFull(s, buf); err != nil {
					b.Fatal(err)
				}
			}
			spent := processTime() - before
			b.ReportMetric(spent.Seconds()*1e9/float64(b.N*len(buf)), "cpu-s/GB")
			s.Reset()
		})
	}
}

func loopback(t testing.TB) TCP {
	t.Helper()
	l, err := ListenTCP("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// startTCP is start for TCP alone.
func startTCP(t testing.TB, l TCP, shares ...certs.Keys) *end {
	t.Helper()
	return startBoth(t, nil, l, shares...)
}
