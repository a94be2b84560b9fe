package folder

import "strings"

// sidecars are what SQLite appends to the name of a database for the files that
// belong to it, in the order in which they are put beside a new one: a rollback
// journal must not come later than what it would undo. See "Temporary Files Used
// By SQLite" (sqlite.org/tempfiles.html).
var sidecars = [...]string{"-journal", "-wal", "-shm"}

// Sidecar returns the database to which p belongs if its name is that of a
// journal or an index beside one. Whether there is such a database, and whether
// it is one, the name does not tell.
func Sidecar(p Path) (database Path, ok bool) {
	for _, end := range sidecars {
		if db, found := strings.CutSuffix(string(p), end); found && db != "" && !strings.HasSuffix(db, "/") {
			return Path(db), true
		}
	}
	return "", false
}

// Sidecars returns the paths of the files that may stand beside database p: its
// rollback journal, its write-ahead log and the index of that.
func Sidecars(p Path) [3]Path {
	var all [3]Path
	for i, end := range sidecars {
		all[i] = p + Path(end)
	}
	return all
}

// LooksLikeDatabase reports whether a file of that name is often a database.
func LooksLikeDatabase(p Path) bool {
	name := strings.ToLower(string(p))
	for _, end := range []string{".db", ".sqlite", ".sqlite3", ".db3"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return false
}
