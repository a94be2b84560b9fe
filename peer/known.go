package peer

import (
	"iter"

	"qsync/folder"
	"qsync/folder/disk"
)

// known yields what the map says is on disk at and below under.
func (f *Folder) known(under folder.Path, shallow bool) iter.Seq2[disk.Known, error] {
	return func(yield func(disk.Known, error) bool) {
		if shallow {
			// What is below matters only if the entry is gone or has been
			// replaced; it is read only if it is asked for.
			r, err := f.store.Record(under)
			if err == nil && r.Local.Value.Kind == folder.Absent {
				return
			}
			if !yield(disk.Known{Path: under, Local: r.Local}, err) || err != nil {
				return
			}
		}
		for r, err := range f.store.Records(under) {
			if err == nil && (r.Local.Value.Kind == folder.Absent || shallow && r.Path == under) {
				continue
			}
			if r.Local.Implicit && !r.Register.Live() {
				f.lostEntry(r.Path)
			}
			f.rival(&r)
			f.noteConflict(r.Path, true)
			if !yield(disk.Known{Path: r.Path, Local: r.Local}, err) || err != nil {
				return
			}
		}
	}
}

// counting counts what is ignored of all that is known.
func (s *scan) counting(known iter.Seq2[disk.Known, error]) iter.Seq2[disk.Known, error] {
	if !s.whole {
		return known
	}
	return func(yield func(disk.Known, error) bool) {
		for k, err := range known {
			if k.Local.Ignored {
				s.ignored++
			}
			if !yield(k, err) {
				return
			}
		}
	}
}
