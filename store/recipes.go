package store

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"qsync/folder"
	"qsync/folder/chunk"
)

// Recipes are the recipes of large files, kept beside the map in a directory of
// their own, a file each: they are as large as the map may be, change as a whole,
// and whoever loses one reads a file once more. So nothing is flushed for them, and
// what cannot be read is not there. The zero value keeps none.
//
//	name  = digest in hexadecimal '-' bits
//	file  = "qsr1", the first 8 bytes of the digest of what follows, chunks
//	chunk = length (uvarint), sum 16
//
// The time of a file is when it was last wanted.
type Recipes struct{ Dir string }

const (
	recipeMagic = "qsr1"
	recipeHead  = len(recipeMagic) + 8
	// recipesSize is what all of them may take in bytes: the recipes of some
	// ten images of 1 GiB, or of 10 GiB three.
	recipesSize = 16 << 20
	// wantedTick is how exactly it is noted when one was wanted.
	wantedTick = time.Hour
)

func (r Recipes) file(d folder.Digest, bits int) string {
	return filepath.Join(r.Dir, hex.EncodeToString(d[:])+"-"+strconv.Itoa(bits))
}

// Of returns the recipe with chunks of 2^bits bytes of the content d, which has
// size bytes; nil if there is none.
func (r Recipes) Of(d folder.Digest, bits int, size int64) *chunk.Recipe {
	if r.Dir == "" {
		return nil
	}
	name := r.file(d, bits)
	fi, err := os.Stat(name)
	if err != nil || fi.Size() > recipesSize {
		return nil
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return nil
	}
	out := readRecipe(b, bits, size)
	if out == nil {
		os.Remove(name)
		return nil
	}
	if now := time.Now(); now.Sub(fi.ModTime()).Abs() > wantedTick {
		os.Chtimes(name, now, now)
	}
	return out
}

func checkOf(b []byte) [8]byte {
	h := chunk.New()
	h.Write(b)
	sum := h.Sum()
	return [8]byte(sum[:])
}

// readRecipe returns nil for what is none of so many bytes of content.
func readRecipe(b []byte, bits int, size int64) *chunk.Recipe {
	if len(b) < recipeHead || string(b[:len(recipeMagic)]) != recipeMagic ||
		[8]byte(b[len(recipeMagic):]) != checkOf(b[recipeHead:]) {
		return nil
	}
	b = b[recipeHead:]
	parts := make([]chunk.Part, 0, len(b)/18)
	for len(b) > 0 {
		n, used := binary.Uvarint(b)
		if used <= 0 || len(b) < used+16 || n == 0 || n > uint64(size) {
			return nil
		}
		parts = append(parts, chunk.Part{Length: int64(n), Sum: [16]byte(b[used:])})
		b, size = b[used+16:], size-int64(n)
	}
	if size != 0 {
		return nil
	}
	return chunk.NewRecipe(bits, parts)
}

// Put keeps the recipe of content d, and drops those that were wanted the longest
// ago where they have become too many.
func (r Recipes) Put(d folder.Digest, made *chunk.Recipe) error {
	if r.Dir == "" {
		return nil
	}
	b := make([]byte, recipeHead, recipeHead+19*len(made.Chunks))
	copy(b, recipeMagic)
	for i := range made.Chunks {
		b = binary.AppendUvarint(b, uint64(made.Chunks[i].Length))
		b = append(b, made.Chunks[i].Sum[:]...)
	}
	if len(b) > recipesSize/2 {
		return nil
	}
	check := checkOf(b[recipeHead:])
	copy(b[len(recipeMagic):], check[:])
	if err := r.write(r.file(d, made.Bits), b); err != nil {
		return fmt.Errorf("keep recipe: %w", err)
	}
	return r.trim()
}

func (r Recipes) write(name string, b []byte) error {
	if err := os.MkdirAll(r.Dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(r.Dir, "new-")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// Drop forgets a recipe that is not that of the content.
func (r Recipes) Drop(d folder.Digest, bits int) {
	if r.Dir != "" {
		os.Remove(r.file(d, bits))
	}
}

// Known returns the contents of which there is a recipe with chunks of 2^bits bytes, the one
// that was wanted last first.
func (r Recipes) Known(bits int) (out []folder.Digest) {
	for _, e := range r.list() {
		name, of, _ := strings.Cut(e.Name(), "-")
		if of != strconv.Itoa(bits) {
			continue
		}
		var d folder.Digest
		if n, err := hex.Decode(d[:], []byte(name)); err == nil && n == len(d) && len(name) == 2*len(d) {
			out = append(out, d)
		}
	}
	return out
}

// list returns what is in the directory, the youngest first.
func (r Recipes) list() (out []fs.FileInfo) {
	if r.Dir == "" {
		return nil
	}
	all, err := os.ReadDir(r.Dir)
	if err != nil {
		return nil
	}
	for _, e := range all {
		if fi, err := e.Info(); err == nil {
			out = append(out, fi)
		}
	}
	slices.SortFunc(out, func(a, b fs.FileInfo) int { return b.ModTime().Compare(a.ModTime()) })
	return out
}

// trim drops the oldest, and what a process that was killed has left.
func (r Recipes) trim() error {
	var errs []error
	size := int64(0)
	for _, fi := range r.list() {
		size += fi.Size()
		left := strings.HasPrefix(fi.Name(), "new-") && time.Since(fi.ModTime()) > wantedTick
		if size > recipesSize || left {
			errs = append(errs, os.Remove(filepath.Join(r.Dir, fi.Name())))
		}
	}
	return errors.Join(errs...)
}
