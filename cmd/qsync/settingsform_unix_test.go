//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSettingsThatCannotBeWritten: where no file can be made beside config.yaml,
// as on a full disk, it stays as it was, and so do the folders.
func TestSettingsThatCannotBeWritten(t *testing.T) {
	a, dir := settledSession(t)
	elsewhere := filepath.Join(t.TempDir(), strings.Repeat("c", 250)) // a name beside it is too long
	text, err := os.ReadFile(a.home.configPath())
	if err == nil {
		err = os.WriteFile(elsewhere, text, 0o600)
	}
	if err == nil {
		err = os.Remove(a.home.configPath())
	}
	if err == nil {
		err = os.Symlink(elsewhere, a.home.configPath())
	}
	if err != nil {
		t.Fatal(err)
	}
	a.fails(t, "/v1/settings", setQuery{dir, map[string]any{"mode": "send"}}, "which stays as it was")
	a.fails(t, "/v1/pause", dirQuery{dir}, "which stays as it was")
	a.fails(t, "/v1/share", shareQuery{Dir: t.TempDir()}, "which stays as it was")
	if m := a.folders.running(); len(m) != 1 || m[0].mode() != "two-way" {
		t.Error("it runs as it was not set")
	}
	if known, err := a.home.entries(); err != nil || len(known) != 1 {
		t.Errorf("%d entries, %v", len(known), err)
	}
}
