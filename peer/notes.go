package peer

import (
	"errors"
	"io"
	"os"
	"path/filepath"
)

// notes is a file beside the map in which a running folder writes down, a line
// each, what a run after a kill has to know. They are not made durable: a power
// cut may take them. The zero value notes nothing. Whoever has them locks them.
type notes struct {
	file *os.File
	some bool // something is in it
}

// openNotes returns what the run before has left, too.
func openNotes(state, name string) (notes, string, error) {
	const most = 64 << 20
	f, err := os.OpenFile(filepath.Join(state, name), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return notes{}, "", err
	}
	text, err := io.ReadAll(io.LimitReader(f, most))
	if err != nil {
		return notes{}, "", errors.Join(err, f.Close())
	}
	return notes{f, len(text) > 0}, string(text), nil
}

// add writes lines. The one that a kill cuts off is passed over by who reads them.
func (n *notes) add(lines string) {
	if n.file != nil && lines != "" {
		_, err := n.file.WriteString(lines)
		n.some = n.some || err == nil
	}
}

// clear empties the file. Where that fails the next run hears of more than it has to.
func (n *notes) clear() {
	if n.some && n.file != nil {
		n.some = n.file.Truncate(0) != nil
	}
}

func (n *notes) close() (err error) {
	if n.file != nil {
		err = n.file.Close()
	}
	*n = notes{}
	return err
}
