package peer

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"qsync/certs"
)

func testNode(t *testing.T, name string) *Node {
	t.Helper()
	dev, err := certs.NewDevice()
	if err != nil {
		t.Fatal(err)
	}
	n, err := New(Config{Name: name, Version: "test", Device: dev, Log: slog.New(slog.NewTextHandler(testWriter{t}, nil))})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Logf("%s", p)
	return len(p), nil
}

func TestPairOneWay(t *testing.T) {
	dir := t.TempDir()
	src, dst := filepath.Join(dir, "src"), filepath.Join(dir, "dst")
	for _, d := range []string{src + "/a/b", dst} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	os.WriteFile(src+"/a/b/x.txt", []byte("hello"), 0o640)
	os.WriteFile(src+"/a/big", make([]byte, 300<<10), 0o600)
	os.Symlink("b/x.txt", src+"/a/link")
	os.WriteFile(dst+"/extra", []byte("old"), 0o600)
	n := testNode(t, "n")
	id, _ := certs.NewSyncID()
	_, d, err := n.Pair(FolderConfig{ID: id, Dir: src, State: dir + "/s1", Mode: Send}, FolderConfig{ID: id, Dir: dst, State: dir + "/s2", Mode: Mirror, Versions: 5})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- n.Run(ctx) }()
	wctx, wcancel := context.WithTimeout(ctx, 10*time.Second)
	defer wcancel()
	if err := d.Wait(wctx, 1); err != nil {
		t.Error(err, d.Missing(1), d.Status())
	}
	b, err := os.ReadFile(dst + "/a/b/x.txt")
	if string(b) != "hello" {
		t.Error(string(b), err)
	}
	if _, err := os.Stat(dst + "/extra"); err == nil {
		t.Error("extra stays")
	}
	os.WriteFile(src+"/a/b/y.txt", []byte("live"), 0o640)
	for i := 0; i < 200; i++ {
		if b, _ := os.ReadFile(dst + "/a/b/y.txt"); string(b) == "live" {
			t.Log("live after", i*10, "ms")
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
