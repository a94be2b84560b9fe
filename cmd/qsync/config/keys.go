package config

import (
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"qsync/certs"
)

// Effect is what has to happen for a changed value to hold, beside reading it.
type Effect uint8

// The effects, by how much they disturb.
const (
	AtOnce        Effect = iota // nothing
	RestartFolder               // the folder is stopped and started
	RestartNode                 // the whole node is
)

// key is one setting. The tables of keys are the format.
type key[T any] struct {
	name   string // within a section with a dot: log.level
	effect Effect
	read   func(r *reader, n *yaml.Node, to *T)
	// value is what the setting is, as Set and SetFolder take it. Equal settings
	// have equal values, and only those.
	value func(*T) any
}

// nodeKeys are the settings of the node. The list of folders is not among them:
// it has its own table.
var nodeKeys = []key[Config]{
	{"name", RestartNode,
		func(r *reader, n *yaml.Node, c *Config) { scalar(r, n, &c.Name, oneLine(64)) },
		func(c *Config) any { return c.Name }},
	{"listen", RestartNode,
		func(r *reader, n *yaml.Node, c *Config) { scalar(r, n, &c.Listen, ParseListen) },
		func(c *Config) any { return c.Listen }},
	{"discovery", RestartNode,
		func(r *reader, n *yaml.Node, c *Config) { scalar(r, n, &c.Discovery, parseBool) },
		func(c *Config) any { return c.Discovery }},
	{"transport", RestartNode,
		func(r *reader, n *yaml.Node, c *Config) { scalar(r, n, &c.Transport, parseTransport) },
		func(c *Config) any { return c.Transport }},
	{"log.level", AtOnce,
		func(r *reader, n *yaml.Node, c *Config) { scalar(r, n, &c.Log.Level, parseLevel) },
		func(c *Config) any { return c.Log.Level }},
	{"log.file", AtOnce,
		func(r *reader, n *yaml.Node, c *Config) { scalar(r, n, &c.Log.File, r.src.expand) },
		func(c *Config) any { return c.Log.File }},
	{"log.days", AtOnce,
		func(r *reader, n *yaml.Node, c *Config) { scalar(r, n, &c.Log.Days, wholeNumber(1, 3650)) },
		func(c *Config) any { return c.Log.Days }},
	{"log.size", AtOnce,
		func(r *reader, n *yaml.Node, c *Config) { scalar(r, n, &c.Log.Size, parseSize) },
		func(c *Config) any { return sizeText(c.Log.Size) }},
	{"web.listen", RestartNode,
		func(r *reader, n *yaml.Node, c *Config) { scalar(r, n, &c.Web.Listen, ParseWeb) },
		func(c *Config) any { return c.Web.Listen }},
	{"web.password", RestartNode,
		func(r *reader, n *yaml.Node, c *Config) { scalar(r, n, &c.Web.Password, parseHash) },
		func(c *Config) any { return c.Web.Password }},
	{"web.cert", RestartNode,
		func(r *reader, n *yaml.Node, c *Config) { scalar(r, n, &c.Web.Cert, r.src.expand) },
		func(c *Config) any { return c.Web.Cert }},
	{"web.key", RestartNode,
		func(r *reader, n *yaml.Node, c *Config) { scalar(r, n, &c.Web.Key, r.src.expand) },
		func(c *Config) any { return c.Web.Key }},
	{"web.names", RestartNode,
		func(r *reader, n *yaml.Node, c *Config) { list(r, n, &c.Web.Names, parseHostName) },
		func(c *Config) any { return c.Web.Names }},
}

// folderKeys are the settings of a folder, in the order in which a new entry
// has them.
var folderKeys = []key[Folder]{
	{"path", RestartFolder,
		func(r *reader, n *yaml.Node, f *Folder) { scalar(r, n, &f.Path, r.src.expand) },
		func(f *Folder) any { return f.Path }},
	{"id", RestartFolder,
		func(r *reader, n *yaml.Node, f *Folder) { scalar(r, n, &f.ID, parseID) },
		func(f *Folder) any { return idText(f.ID) }},
	{"id_file", RestartFolder,
		func(r *reader, n *yaml.Node, f *Folder) { scalar(r, n, &f.IDFile, r.src.expand) },
		func(f *Folder) any { return f.IDFile }},
	{"label", AtOnce,
		func(r *reader, n *yaml.Node, f *Folder) { scalar(r, n, &f.Label, oneLine(64)) },
		func(f *Folder) any { return f.Label }},
	{"profile", AtOnce,
		func(r *reader, n *yaml.Node, f *Folder) { scalar(r, n, &f.Profile, ParseProfile) },
		func(f *Folder) any { return f.Profile }},
	{"mode", RestartFolder,
		func(r *reader, n *yaml.Node, f *Folder) { scalar(r, n, &f.Mode, parseMode) },
		func(f *Folder) any { return string(f.Mode) }},
	{"to", RestartFolder,
		func(r *reader, n *yaml.Node, f *Folder) { scalar(r, n, &f.To, r.src.expand) },
		func(f *Folder) any { return f.To }},
	{"remotes", RestartFolder,
		func(r *reader, n *yaml.Node, f *Folder) { list(r, n, &f.Remotes, ParseRemote) },
		func(f *Folder) any { return f.Remotes }},
	{"exclude", RestartFolder,
		func(r *reader, n *yaml.Node, f *Folder) { list(r, n, &f.Exclude, parsePattern) },
		func(f *Folder) any { return f.Exclude }},
	{"default_ignores", RestartFolder,
		func(r *reader, n *yaml.Node, f *Folder) { scalar(r, n, &f.Junk, parseBool) },
		func(f *Folder) any { return f.Junk }},
	{"versions", RestartFolder,
		func(r *reader, n *yaml.Node, f *Folder) { scalar(r, n, &f.Versions, wholeNumber(0, 1_000_000)) },
		func(f *Folder) any { return f.Versions }},
	{"conflict", RestartFolder,
		func(r *reader, n *yaml.Node, f *Folder) { scalar(r, n, &f.Conflict, parsePolicy) },
		func(f *Folder) any { return string(f.Conflict) }},
	{"versions_age", RestartFolder,
		func(r *reader, n *yaml.Node, f *Folder) { scalar(r, n, &f.VersionsAge, ParseAge) },
		func(f *Folder) any { return AgeText(f.VersionsAge) }},
	{"versions_space", RestartFolder,
		func(r *reader, n *yaml.Node, f *Folder) { scalar(r, n, &f.VersionsSpace, ParseSpace) },
		func(f *Folder) any { return f.VersionsSpace.String() }},
	{"history_age", RestartFolder,
		func(r *reader, n *yaml.Node, f *Folder) { scalar(r, n, &f.HistoryAge, ParseAge) },
		func(f *Folder) any { return AgeText(f.HistoryAge) }},
	{"max_delete", RestartFolder,
		func(r *reader, n *yaml.Node, f *Folder) { scalar(r, n, &f.MaxDelete, ParseBrake) },
		func(f *Folder) any { return f.MaxDelete.String() }},
	{"every", RestartFolder,
		func(r *reader, n *yaml.Node, f *Folder) { scalar(r, n, &f.Every, ParseSchedule) },
		func(f *Folder) any { return f.Every.String() }},
	{"paused", AtOnce,
		func(r *reader, n *yaml.Node, f *Folder) { scalar(r, n, &f.Paused, parseBool) },
		func(f *Folder) any { return f.Paused }},
}

// idText is an ID as a value of the file, the one place where it is text.
func idText(id *certs.SyncID) string {
	if id == nil {
		return ""
	}
	return id.Hex()
}

// names returns the names of the keys of one section ("" or "log."), without it,
// and of the sections.
func names[T any](table []key[T], section string) (all []string) {
	for _, k := range table {
		if name, ok := strings.CutPrefix(k.name, section); ok {
			name, _, _ = strings.Cut(name, ".")
			if !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	return all
}

func find[T any](table []key[T], name string) (key[T], bool) {
	for _, k := range table {
		if k.name == name {
			return k, true
		}
	}
	return key[T]{}, false
}

// different returns the names of the settings that differ.
func different[T any](table []key[T], a, b *T) (all []string) {
	for _, k := range table {
		if !equal(k.value(a), k.value(b)) {
			all = append(all, k.name)
		}
	}
	return all
}

// equal compares two values of a setting; a list without items is one.
func equal(a, b any) bool {
	if a, ok := a.([]string); ok {
		b, ok := b.([]string)
		return ok && slices.Equal(a, b)
	}
	return reflect.DeepEqual(a, b)
}
