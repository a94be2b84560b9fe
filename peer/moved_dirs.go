package peer

import (
	"qsync/folder"
	"qsync/folder/disk"
)

// maxMovedDirs is how many renames of directories are remembered until the next look.
const maxMovedDirs = 256

// movedDirs are directories that were renamed and have not been looked at since, by
// where they are now. Of what is small the map does not know by its digest where
// it is; this tells it, so that ten thousand small files in a directory that is
// renamed are not ten thousand contents for the others (F44). Of the scanner alone.
type movedDirs map[folder.Path]folder.Path

func (r *movedDirs) add(to, from folder.Path) {
	if from == "" || len(*r) >= maxMovedDirs {
		return
	}
	if *r == nil {
		*r = make(movedDirs)
	}
	(*r)[to] = from
}

// from is where p was before a directory above it was renamed, "" if none was.
func (r movedDirs) from(p folder.Path) folder.Path {
	if len(r) == 0 {
		return ""
	}
	for dir := p.Dir(); dir != ""; dir = dir.Dir() {
		if old := r[dir]; old != "" {
			return old + p[len(dir):]
		}
	}
	return ""
}

func (r movedDirs) clear() { clear(r) }

// wasAt is what a file was at the path that it had before a directory above it
// was renamed, unless it may have changed since without a trace.
func (f *Folder) wasAt(p folder.Path) (folder.Local, bool) {
	from := f.movedDirs.from(p)
	if from == "" || f.motion.proves(from) {
		return folder.Local{}, false
	}
	r, err := f.store.Record(from)
	return r.Local, err == nil && r.Local.Value.Kind == folder.File
}

// origin is the path from which a new file seems to have been renamed.
func (f *Folder) origin(x disk.Found) folder.Path {
	v := x.After.Value
	if v.Kind != folder.File || v.Size == 0 {
		return ""
	}
	if from := f.movedDirs.from(x.Path); from != "" {
		r, err := f.store.Record(from)
		if err == nil && r.Local.Value.Kind == folder.File && r.Local.Value.Digest == v.Digest {
			if _, here := f.root.Restat(from, r.Local); !here {
				return from
			}
		}
	}
	held, err := f.store.Holding(v.Digest, 4)
	if err != nil {
		return ""
	}
	for _, r := range held {
		if r.Path == x.Path {
			continue
		}
		if _, here := f.root.Restat(r.Path, r.Local); !here {
			return r.Path
		}
	}
	return ""
}
