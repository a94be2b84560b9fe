package config

import "slices"

// Changes is what a new version of a file changes.
type Changes struct {
	Node           []string // the settings of the node that differ
	Added, Removed []Folder // by path, in the order of their file
	Changed        []FolderChange
}

// FolderChange is a folder that is in both versions with other settings.
type FolderChange struct {
	Old, New Folder
	Keys     []string // that differ
}

// Diff compares two versions. A folder is the same one if it has the same path;
// its place in the list means nothing.
func Diff(old, new *Config) Changes {
	ch := Changes{Node: different(nodeKeys, old, new)}
	at := func(c *Config, path string) int {
		return slices.IndexFunc(c.Folders, func(f Folder) bool { return f.Path == path })
	}
	for _, f := range old.Folders {
		i := at(new, f.Path)
		if i < 0 {
			ch.Removed = append(ch.Removed, f)
		} else if keys := different(folderKeys, &f, &new.Folders[i]); keys != nil {
			ch.Changed = append(ch.Changed, FolderChange{f, new.Folders[i], keys})
		}
	}
	for _, f := range new.Folders {
		if at(old, f.Path) < 0 {
			ch.Added = append(ch.Added, f)
		}
	}
	return ch
}

// None reports whether nothing changes.
func (ch Changes) None() bool {
	return len(ch.Node)+len(ch.Added)+len(ch.Removed)+len(ch.Changed) == 0
}

// Restart reports whether the node has to be started anew for its settings to hold.
func (ch Changes) Restart() bool { return worst(nodeKeys, ch.Node) == RestartNode }

// Restart reports whether the folder has to be stopped and started.
func (ch FolderChange) Restart() bool { return worst(folderKeys, ch.Keys) >= RestartFolder }

// worst is the greatest effect of some keys.
func worst[T any](table []key[T], names []string) (most Effect) {
	for _, name := range names {
		if k, ok := find(table, name); ok {
			most = max(most, k.effect)
		}
	}
	return most
}
