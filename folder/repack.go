package folder

import "strings"

// IsPack reports whether p is a pack of a git repository, the file that holds
// objects: objects/pack/pack-<hash>.pack (gitrepository-layout(5)).
func IsPack(p Path) bool {
	_, rest := objectStore(p)
	name, ok := strings.CutPrefix(rest, "pack/")
	stem, ext := strings.CutSuffix(name, ".pack")
	return ok && ext && isPackName(stem)
}

// PackDir tells what `git gc` removes, by having moved it, from what a person
// does. If p, of kind k, is a part of a git repository's object store that git
// drops once a pack holds what was in it, PackDir returns the directory of that
// repository's packs: the removal of p then loses nothing as long as some
// [IsPack] stays, or has come, directly in it. Of anything else it returns false.
//
// Such parts are, after gitrepository-layout(5) and git-repack(1), loose objects
// (objects/<2 hex>/<38 or 62 hex>) and their directories, packs with what
// belongs to them, what is derived from them in objects/info, and temporary
// files in all these places. Refs, logs and objects/info/alternates are none.
// The names are those of a .git directory and of a bare repository alike; nothing
// else has both them and a pack.
func PackDir(p Path, k Kind) (dir Path, ok bool) {
	store, rest := objectStore(p)
	if store == "" {
		return "", false
	}
	in, name, nested := strings.Cut(rest, "/")
	switch {
	case !nested:
		ok = k == Dir && len(rest) == 2 && isHex(rest)
	case k != File:
	case in == "pack":
		ok = isPackPart(name)
	case in == "info":
		ok = name == "packs" || name == "commit-graph" || strings.HasPrefix(name, "commit-graphs/")
	default:
		hash := (len(name) == 38 || len(name) == 62) && isHex(name)
		ok = len(in) == 2 && isHex(in) && (hash || strings.HasPrefix(name, "tmp_obj_"))
	}
	if !ok {
		return "", false
	}
	return store.Join("pack"), true
}

// objectStore returns the deepest directory called objects that p lies in, and
// where in it; "" if there is none.
func objectStore(p Path) (dir Path, rest string) {
	const name = "objects/"
	i := strings.LastIndex("/"+string(p), "/"+name) // in p, where the name begins
	if i < 0 {
		return "", ""
	}
	end := i + len(name)
	return p[:end-1], string(p[end:])
}

// isPackPart reports whether name, in objects/pack, is of a pack, of the index
// over all packs, or a temporary file.
func isPackPart(name string) bool {
	for _, temp := range []string{"tmp_", ".tmp-", "multi-pack-index"} {
		if strings.HasPrefix(name, temp) {
			return !strings.Contains(name, "/")
		}
	}
	stem, ext, ok := strings.Cut(name, ".")
	if !ok || !isPackName(stem) {
		return false
	}
	switch ext {
	case "pack", "idx", "rev", "mtimes", "bitmap", "promisor":
		return true
	}
	return false
}

// isPackName reports whether name is "pack-" and a hash, SHA-1 or SHA-256.
func isPackName(name string) bool {
	hash, ok := strings.CutPrefix(name, "pack-")
	return ok && (len(hash) == 40 || len(hash) == 64) && isHex(hash)
}

func isHex(s string) bool { return s != "" && strings.Trim(s, "0123456789abcdef") == "" }
