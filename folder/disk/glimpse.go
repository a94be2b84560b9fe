package disk

import (
	"bytes"
	"io"

	"qsync/folder"
)

// Glimpse is what a look at an entry shows without reading it. Two that are equal
// show no change in between.
type Glimpse struct {
	Kind                      folder.Kind // Absent: nothing is there, or nothing that is synced
	Size, MTime, CTime, Inode int64
}

// Glimpse looks at p. What cannot be looked at counts as not there.
func (r *Root) Glimpse(p folder.Path) Glimpse {
	d, err := r.parent(p)
	if err != nil {
		return Glimpse{}
	}
	defer d.Close()
	i, err := d.stat(slot{d.dir, p}.base())
	if err != nil || i.Special {
		return Glimpse{}
	}
	return Glimpse{i.Kind, i.Size, i.MTime, i.CTime, int64(i.Inode)}
}

// Shows reports whether a glimpse shows what l says.
func (g Glimpse) Shows(l folder.Local) bool {
	return g == Glimpse{l.Value.Kind, l.Value.Size, l.Value.MTime, l.Stat.CTime, int64(l.Stat.Inode)}
}

// databaseHeader begins every SQLite 3 database (sqlite.org/fileformat2.html,
// 1.3.1), journalHeader a rollback journal that is to be played back (3), and
// logHeader a write-ahead log, but for its last bit (4.1).
var (
	databaseHeader = []byte("SQLite format 3\x00")
	journalHeader  = []byte{0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7}
	logHeader      = []byte{0x37, 0x7f, 0x06}
)

// headSize is how many bytes tell what a file is to SQLite.
const headSize = 16

// SQLite is what a file's first bytes say that it is.
type SQLite uint8

// What a file may be to SQLite.
const (
	NotSQLite  SQLite = iota
	Database          // a database that is not encrypted
	HotJournal        // a rollback journal that is to be played back
	WriteLog          // a write-ahead log
)

// SQLite reads the first bytes of the file at p. What cannot be read is
// [NotSQLite].
func (r *Root) SQLite(p folder.Path) SQLite {
	d, err := r.parent(p)
	if err != nil {
		return NotSQLite
	}
	defer d.Close()
	f, _, err := d.open(slot{d.dir, p}.base())
	if err != nil {
		return NotSQLite
	}
	defer f.Close()
	return sqliteOf(f)
}

// SQLiteVersion does the same for an older version.
func (r *Root) SQLiteVersion(v Version) SQLite {
	if v.Kind != folder.File {
		return NotSQLite
	}
	f, err := r.OpenVersion(v)
	if err != nil {
		return NotSQLite
	}
	defer f.Close()
	return sqliteOf(f)
}

// SQLite does the same for a file that is to be put in place.
func (s *Staged) SQLite() SQLite {
	if s.f == nil {
		return NotSQLite
	}
	if int64(s.heads) == min(s.size, headSize) {
		return sqliteBy(s.head[:s.heads])
	}
	return sqliteOf(io.NewSectionReader(s.f, 0, int64(len(databaseHeader))))
}

func sqliteOf(f io.Reader) SQLite {
	head := make([]byte, headSize)
	n, _ := io.ReadFull(f, head) // what is shorter than one begins as none
	return sqliteBy(head[:n])
}

func sqliteBy(head []byte) SQLite {
	switch {
	case bytes.HasPrefix(head, databaseHeader):
		return Database
	case bytes.HasPrefix(head, journalHeader):
		return HotJournal
	case bytes.HasPrefix(head, logHeader):
		return WriteLog
	}
	return NotSQLite
}
