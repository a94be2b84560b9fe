package disk

import (
	"bytes"

	"qsync/folder/fault"
)

// Holes are made of whole blocks of zeros, at least minHole in a row.
const (
	holeBlock = 4 << 10
	minHole   = 64 << 10
)

// writeAhead is how many bytes of a file the system is asked to begin to write to
// the disk: left to itself it waits, and the flush of a large file then takes as
// long as its coming took.
const writeAhead = 8 << 20

var zeroBlock [minHole]byte

// write puts p after the s.size bytes of content so far, except that a run of
// zeros is held back in s.zeros until it is known to be too short for a hole.
func (s *Staged) write(p []byte) error {
	start := -1 // in p, of the bytes to write next
	for i, j := 0, 0; i < len(p); i = j {
		at := s.size + int64(i)
		j = min(len(p), i+int(holeBlock-at%holeBlock))
		if bytes.Equal(p[i:j], zeroBlock[:j-i]) {
			s.zeros += int64(j - i)
			continue
		}
		gap := s.zeros
		s.zeros = 0
		switch {
		case start < 0 && gap < minHole:
			if err := s.writeAt(zeroBlock[:gap], at-gap); err != nil {
				return err
			}
			start = i
		case start < 0:
			start = i
		case gap >= minHole:
			if err := s.writeAt(p[start:i-int(gap)], s.size+int64(start)); err != nil {
				return err
			}
			start = i
		}
	}
	if start < 0 {
		return nil
	}
	return s.writeAt(p[start:len(p)-int(s.zeros)], s.size+int64(start))
}

func (s *Staged) writeAt(p []byte, off int64) error {
	if len(p) == 0 {
		return nil
	}
	if err := fault.File("write"); err != nil {
		return err
	}
	if s.past {
		return s.straight(p, off)
	}
	return s.through(p, off)
}

// through writes p through the memory in which the system holds files.
func (s *Staged) through(p []byte, off int64) error {
	_, err := s.f.WriteAt(p, off)
	end := off + int64(len(p))
	if err == nil && len(p) > 0 {
		s.landed.Store(end)
	}
	if err == nil && end-s.begun >= writeAhead {
		startWriting(s.f, s.begun, end-s.begun)
		s.begun = end
	}
	return err
}
