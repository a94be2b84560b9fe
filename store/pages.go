package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/bits"
	"slices"
)

// What bbolt writes, as far as checking it needs: every page has a header (id 8
// bytes, flags 2, count 2, overflow 4, in the machine's byte order), then a
// meta, a list of free pages, or elements that point into the rest of the page.
//
//	meta   = magic 4, version 4, page size 4, flags 4, root 8, sequence 8,
//	         free list 8, pages 8, transaction 8, FNV-1a of all these 8
//	branch = offset from the element 4, key length 4, page 8
//	leaf   = flags 4 (1: a bucket), offset from the element 4, key and value length 4 each
//	bucket = root 8 (0: one leaf page follows here), sequence 8
const (
	pageHeader  = 16
	elementSize = 16

	pageBranch = 0x01
	pageLeaf   = 0x02
	pageFree   = 0x10

	boltMagic   = 0xED0CDAED
	boltVersion = 2
	noFreeList  = 1<<64 - 1
	maxDepth    = 64
)

var errDamaged = errors.New("damaged")

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errDamaged, fmt.Sprintf(format, args...))
}

// pages checks a database file by reading it: bbolt maps it into memory, where
// a page that is not what it should be can end the process in ways that cannot
// be caught (a fault behind the end of the file, a cycle, an absurd length).
type pages struct {
	f     io.ReaderAt
	size  uint64 // of a page
	limit uint64 // the first page that is none
	used  []uint64
	log   error // what is damaged in the log
	buf   [maxDepth][]byte
}

var order = binary.NativeEndian

// checkPages reads every page of the database of length bytes in f once and
// returns an error that wraps errDamaged unless they make up one tree of sorted
// keys, a free list, and nothing else.
func checkPages(f io.ReaderAt, length int64) error {
	m, err := newestMeta(f, length)
	if err != nil {
		return err
	}
	p := &pages{f: f, size: uint64(order.Uint32(m[8:])), limit: order.Uint64(m[40:])}
	if p.size < 1<<10 || p.size > 1<<24 || bits.OnesCount64(p.size) != 1 || p.limit > uint64(length)/p.size {
		return damaged("%d pages of %d bytes in a file of %d", p.limit, p.size, length)
	}
	p.used = make([]uint64, p.limit/64+1)
	p.used[0] = 3 // the two metas
	if free := order.Uint64(m[32:]); free != noFreeList {
		if err := p.freeList(free); err != nil {
			return err
		}
	}
	if err := p.tree(order.Uint64(m[16:]), 0, nil, nil); err != nil {
		return err
	}
	if p.log != nil {
		return p.log // which pages are its own cannot be known
	}
	n := uint64(0)
	for _, w := range p.used {
		n += uint64(bits.OnesCount64(w))
	}
	if n != p.limit {
		return damaged("%d of %d pages belong to nothing", p.limit-n, p.limit)
	}
	return nil
}

// newestMeta returns the meta that bbolt would open the file by.
func newestMeta(f io.ReaderAt, length int64) ([]byte, error) {
	var best []byte
	for at := int64(0); at < min(length, 1<<25); at = max(at*2, 1<<10) {
		m := make([]byte, 64)
		if _, err := f.ReadAt(m, at+pageHeader); err != nil {
			break
		}
		if order.Uint32(m) != boltMagic || order.Uint32(m[4:]) != boltVersion {
			continue
		}
		h := fnv.New64a()
		h.Write(m[:56])
		if h.Sum64() != order.Uint64(m[56:]) || (at != 0 && at != int64(order.Uint32(m[8:]))) {
			continue
		}
		if best == nil || order.Uint64(m[48:]) > order.Uint64(best[48:]) {
			best = m
		}
	}
	if best == nil {
		return nil, damaged("no valid meta page")
	}
	return best, nil
}

// claim marks n pages from id as belonging to something.
func (p *pages) claim(id, n uint64) error {
	if id >= p.limit || n > p.limit-id {
		return damaged("page %d behind the end", id)
	}
	for i := id; i < id+n; i++ {
		if p.used[i/64]&(1<<(i%64)) != 0 {
			return damaged("page %d belongs to two", i)
		}
		p.used[i/64] |= 1 << (i % 64)
	}
	return nil
}

// read returns page id with its overflow, in a buffer that lasts until the next
// page of that depth.
func (p *pages) read(id uint64, depth int) ([]byte, error) {
	if depth >= maxDepth || id >= p.limit {
		return nil, damaged("page %d at depth %d", id, depth)
	}
	b := p.buf[depth]
	if uint64(len(b)) < p.size {
		b = make([]byte, p.size)
	}
	if _, err := p.f.ReadAt(b[:p.size], int64(id*p.size)); err != nil {
		return nil, damaged("page %d: %v", id, err)
	}
	n := 1 + uint64(order.Uint32(b[12:]))
	if got := order.Uint64(b); got != id {
		return nil, damaged("page %d says it is %d", id, got)
	}
	if err := p.claim(id, n); err != nil {
		return nil, err
	}
	if n > 1 {
		if uint64(len(b)) < n*p.size {
			b = append(b[:p.size:p.size], make([]byte, (n-1)*p.size)...)
		}
		if _, err := p.f.ReadAt(b[p.size:n*p.size], int64((id+1)*p.size)); err != nil {
			return nil, damaged("page %d: %v", id, err)
		}
	}
	p.buf[depth] = b
	return b[:n*p.size], nil
}

func (p *pages) freeList(id uint64) error {
	b, err := p.read(id, 0)
	if err != nil {
		return err
	}
	n, list := uint64(order.Uint16(b[10:])), b[pageHeader:]
	if n == 0xFFFF {
		n, list = order.Uint64(list), list[8:]
	}
	if order.Uint16(b[8:]) != pageFree || n > uint64(len(list))/8 {
		return damaged("free list")
	}
	for i := range n {
		if err := p.claim(order.Uint64(list[8*i:]), 1); err != nil {
			return err
		}
	}
	return nil
}

// tree checks the page id and all below it. Its keys are at least low, and
// below high unless that is nil.
func (p *pages) tree(id uint64, depth int, low, high []byte) error {
	b, err := p.read(id, depth)
	if err != nil {
		return err
	}
	switch order.Uint16(b[8:]) {
	case pageLeaf:
		return p.leaf(b, depth, low, high)
	case pageBranch:
		return p.branch(b, depth, low, high)
	}
	return damaged("page %d of no known kind", id)
}

// element returns the element that starts at byte at and size bytes it points to.
func element(b []byte, at, offset int) (e []byte, rest []byte, err error) {
	if at+elementSize > len(b) {
		return nil, nil, damaged("more elements than the page holds")
	}
	e = b[at : at+elementSize]
	if o := uint64(at) + uint64(order.Uint32(e[offset:])); o <= uint64(len(b)) {
		return e, b[o:], nil
	}
	return nil, nil, damaged("element behind the end of its page")
}

func (p *pages) branch(b []byte, depth int, low, high []byte) error {
	n := int(order.Uint16(b[10:]))
	key := func(i int) ([]byte, uint64, error) {
		e, rest, err := element(b, pageHeader+i*elementSize, 0)
		if err != nil {
			return nil, 0, err
		}
		size := uint64(order.Uint32(e[4:]))
		if size > uint64(len(rest)) {
			return nil, 0, damaged("key behind the end of its page")
		}
		return rest[:size], order.Uint64(e[8:]), nil
	}
	if n == 0 {
		return damaged("empty branch")
	}
	k, child, err := key(0)
	for i := 0; i < n; i++ {
		if err != nil {
			return err
		}
		next, after := high, uint64(0)
		if i+1 < n {
			next, after, err = key(i + 1)
		}
		if err != nil {
			return err
		}
		if bytes.Compare(k, low) < 0 || (next != nil && bytes.Compare(k, next) >= 0) {
			return damaged("branch out of order")
		}
		if err := p.tree(child, depth+1, k, next); err != nil {
			return err
		}
		low, k, child = k, next, after
	}
	return nil
}

func (p *pages) leaf(b []byte, depth int, low, high []byte) error {
	for i := range int(order.Uint16(b[10:])) {
		e, rest, err := element(b, pageHeader+i*elementSize, 4)
		if err != nil {
			return err
		}
		k, v := uint64(order.Uint32(e[8:])), uint64(order.Uint32(e[12:]))
		if k+v > uint64(len(rest)) {
			return damaged("value behind the end of its page")
		}
		key, value := rest[:k], rest[k:k+v]
		if c := bytes.Compare(key, low); c < 0 || (c == 0 && i > 0) || (high != nil && bytes.Compare(key, high) >= 0) {
			return damaged("leaf out of order")
		}
		low = key
		if order.Uint32(e)&1 == 0 {
			continue
		}
		if len(value) < 16 {
			return damaged("bucket cut short")
		}
		before := slices.Clone(p.used)
		if root := order.Uint64(value); root != 0 {
			err = p.tree(root, depth+1, nil, nil)
		} else {
			err = p.inline(value[16:], depth)
		}
		if errors.Is(err, errDamaged) && (bytes.Equal(key, bucketLog) || bytes.Equal(key, bucketDays)) {
			p.used, p.log = before, fmt.Errorf("%w: %v", errLogDamaged, err)
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// inline checks the only page of a small bucket, which lives in its value.
func (p *pages) inline(b []byte, depth int) error {
	if len(b) < pageHeader || order.Uint16(b[8:]) != pageLeaf || depth+1 >= maxDepth {
		return damaged("bucket in a value")
	}
	return p.leaf(b, depth+1, nil, nil)
}
