package peer

import (
	"bytes"
	"errors"
	"io"
	"os"
)

// image is what a file holds, without the zeros at its end: a map is 16 MiB of
// which most has never been written to.
type image struct {
	used []byte
	size int64
}

func imageOf(file string) (im image, err error) {
	f, err := os.Open(file)
	if err != nil {
		return im, err
	}
	defer f.Close()
	block, zeros := make([]byte, 16<<10), make([]byte, 16<<10)
	for {
		n, err := io.ReadFull(f, block)
		if b := block[:n]; !bytes.Equal(b, zeros[:n]) {
			im.used = append(im.used, make([]byte, im.size-int64(len(im.used)))...)
			im.used = append(im.used, b...)
		}
		im.size += int64(n)
		if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
			return im, nil
		} else if err != nil {
			return im, err
		}
	}
}

// write makes file hold it, with the same inode if it was there.
func (im image) write(file string) error {
	return errors.Join(os.WriteFile(file, im.used, 0o600), os.Truncate(file, im.size))
}
