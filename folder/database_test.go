package folder

import "testing"

func TestSidecar(t *testing.T) {
	for p, want := range map[Path]Path{
		"a.db": "", "a.db-wal": "a.db", "d/a-shm": "d/a", "x-journal": "x", "-wal": "", "d/-wal": "", "a-wal/b": "", "a-wal-wal": "a-wal",
	} {
		if got, ok := Sidecar(p); got != want || ok != (want != "") {
			t.Errorf("%s: %q, %v", p, got, ok)
		}
	}
	for _, p := range Sidecars("d/a.db") {
		if db, ok := Sidecar(p); !ok || db != "d/a.db" {
			t.Error(p, db)
		}
	}
	if !LooksLikeDatabase("x/Y.SQLite") || LooksLikeDatabase("db") {
		t.Error("names of databases")
	}
}
