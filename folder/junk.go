package folder

// Junk are the patterns of what systems and editors leave lying about: it is
// made anew wherever it is needed, or means something to one machine at one
// moment only. [Ignore.WithJunk] ignores it; any other rule overrules that.
//
// Only what nobody can hold dear is here. So it has no dotfiles in general, no
// backup directories, no *.tmp, *.bak, *.o or *.part, nothing of a version
// control system and nothing of another sync program: .stversions holds files.
// What looks like an editor's backup is left alone when it is a directory.
var Junk = []string{
	".DS_Store",    // how the Finder shows a folder
	"._*",          // what macOS cannot store on a foreign disk, beside each file
	"[Tt]humbs.db", // Windows' previews, and those of its media centre
	"ehthumbs.db",
	"[Dd]esktop.ini",
	"*~", // Emacs, Vim, gedit and others: the file as it was before
	"#*#",
	".#*",         // Emacs: who edits the file
	".*.sw[nopx]", // Vim
	".*.kate-swp",
	"~$*",              // Microsoft Office: who has the file open
	".~lock.*#",        // LibreOffice
	".goutputstream-*", // half of a file that a GNOME program saves
	"*.crdownload",     // half of a download
	".fuse_hidden*",    // removed, and still open somewhere: FUSE
	".nfs[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]*", // and NFS
	"!*/", // up to here, files
	"$RECYCLE.BIN/",
	"System Volume Information/",
	".Trash-[0-9]*/", // what was thrown away on this disk, by user
	".Trashes/",
	".Spotlight-V100/", // indexes of macOS
	".fseventsd/",
	".TemporaryItems/",
	".DocumentRevisions-V100/",
}

var junk = excludes(FromJunk, Junk)

// WithJunk returns g with [Junk], whose rules all others win over. g may be nil.
func (g *Ignore) WithJunk() *Ignore {
	out := &Ignore{}
	if g != nil {
		out.layers = append(out.layers, g.layers...)
	}
	out.layers = append(out.layers, junk)
	return out
}

// nameEnds tells of most names from their first and last byte alone that no rule
// of a layer matches: a scan asks about every entry. Rules that match no name
// by its ends, or a whole path, have none.
type nameEnds struct{ first, last byteSet }

// endsOf returns what is true of any name that a rule matches, nil if nothing
// is. In the last layer "!*/" needs no look: it only takes back what another
// rule of that layer says.
func endsOf(rules []rule, last bool) *nameEnds {
	e := &nameEnds{}
	for i := range rules {
		r := &rules[i]
		switch {
		case last && r.negate && r.base && r.ends && r.suffix == "":
		case !r.base:
			return nil
		case r.ends && r.suffix != "":
			e.last.add(r.suffix[len(r.suffix)-1])
		case r.prefix != "":
			e.first.add(r.prefix[0])
		case len(r.glob.tokens) > 0 && r.glob.tokens[0].kind == tokenChar:
			e.first.add(r.glob.tokens[0].char)
		case len(r.glob.tokens) > 0 && r.glob.tokens[0].kind == tokenSet:
			for i, w := range r.glob.tokens[0].set {
				e.first[i] |= w
			}
		default:
			return nil
		}
	}
	return e
}

// may reports whether a rule of the layer may match the last component of name.
func (e *nameEnds) may(name string) bool {
	if e == nil || name == "" {
		return true
	}
	first := name[0]
	for i := len(name) - 1; i >= 0; i-- {
		if name[i] == '/' {
			first = name[i+1]
			break
		}
	}
	return e.first.has(first) || e.last.has(name[len(name)-1])
}
