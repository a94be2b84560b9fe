//go:build unix

package integration

import (
	"bufio"
	"math/rand/v2"
	"os"
	"testing"
)

// bigFile writes a file of random bytes.
func bigFile(t *testing.T, path string, size int64) {
	t.Helper()
	f, err := os.Create(path)
	must(t, err)
	w := bufio.NewWriterSize(f, 1<<20)
	random := rand.NewChaCha8([32]byte{byte(size)})
	block := make([]byte, 1<<20)
	for left := size; left > 0; left -= int64(len(block)) {
		block = block[:min(left, int64(len(block)))]
		_, _ = random.Read(block) // never fails
		_, err = w.Write(block)
		must(t, err)
	}
	must(t, w.Flush())
	must(t, f.Close())
}
