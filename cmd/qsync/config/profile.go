package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrNoProfile says that no folder belongs to a profile.
var ErrNoProfile = errors.New("no folder belongs to this profile")

// Profiles returns the names of the profiles that folders belong to, sorted.
func (c *Config) Profiles() []string {
	var all []string
	for _, f := range c.Folders {
		if f.Profile != "" {
			all = append(all, f.Profile)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// InProfile returns the folders of a profile, in the order of the file.
func (c *Config) InProfile(name string) []Folder {
	var all []Folder
	for _, f := range c.Folders {
		if f.Profile == name {
			all = append(all, f)
		}
	}
	return all
}

// Export returns the entries of a profile as a file of their own, with the
// comments in them, for [ReadProfile]. It does not hold the profile's name, so
// that a copy of the file is another profile. It is as secret as config.yaml.
// The error is [ErrNoProfile] where there is nothing to export.
func (c *Config) Export(name string) ([]byte, error) {
	if len(c.InProfile(name)) == 0 {
		return nil, fmt.Errorf("%s: %w", show(name), ErrNoProfile)
	}
	out, err := Parse([]byte("# A profile of qsync: 'qsync profile load' adds these folders to config.yaml.\n"), c.doc.src)
	if err != nil {
		return nil, err
	}
	for i, f := range c.Folders {
		if f.Profile != name {
			continue
		}
		lines, err := c.entryLines(i)
		if err != nil {
			return nil, err
		}
		if out, err = out.addEntry(lines, f); err != nil {
			return nil, err
		}
		if out, err = out.SetFolder(f.Path, "profile", nil); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), nil
}

// entryLines are the lines of an entry without its dash and indentation.
func (c *Config) entryLines(i int) ([]string, error) {
	e := newEdit(c)
	part, ok := e.entrySpan(i)
	if !ok {
		return nil, c.byHand(e.entry(i))
	}
	item := e.entry(i)
	text := strings.ReplaceAll(string(c.doc.text[part.from:part.to]), "\r\n", "\n")
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	dash := strings.IndexByte(lines[0], '-')
	lines[0] = lines[0][:dash] + " " + lines[0][dash+1:]
	for n, line := range lines {
		own := min(len(line)-len(strings.TrimLeft(line, " ")), item.Column-1)
		lines[n] = line[own:]
	}
	if strings.TrimSpace(lines[0]) == "" { // the dash had a line of its own
		lines = lines[1:]
	}
	return lines, nil
}

// ReadProfile reads a file as [Config.Export] writes it: a config.yaml that has
// nothing but folders. Errors are those of [Parse].
func ReadProfile(text []byte, src Source) (*Config, error) {
	c, err := Parse(text, src)
	if err != nil || c.doc.root == nil {
		return c, err
	}
	r := &reader{src: src}
	for i := 0; i < len(c.doc.root.Content); i += 2 {
		if k := c.doc.root.Content[i]; k.Value != foldersKey {
			r.fail(k, "a profile holds folders and nothing else; %s belongs into config.yaml", show(k.Value))
		}
	}
	if len(r.problems) > 0 {
		return nil, &Problems{src.Name, r.problems}
	}
	return c, nil
}

// Import returns the configuration with the folders of a profile's file added,
// as members of the profile of that name, and how many they are. A folder that
// is a member already stays as it is, one of no profile becomes a member, so that a
// profile that was deleted can be loaded again; one of another profile, or with
// another ID, is an error.
func (c *Config) Import(profile *Config, name string) (next *Config, added int, err error) {
	if _, err := ParseProfile(name); err != nil {
		return nil, 0, c.errorf("profile %s: %v", show(name), err)
	}
	next = c
	for i, f := range profile.Folders {
		if have, ok := next.Folder(f.Path); ok {
			switch other := f.ID != nil && have.ID != nil && *f.ID != *have.ID; {
			case have.Profile == name:
				continue
			case have.Profile == "" && !other:
				if next, err = next.SetFolder(f.Path, "profile", name); err != nil {
					return nil, 0, err
				}
				added++
				continue
			}
			return nil, 0, c.errorf("the folder %s is there already (line %d); remove one of the two, or give it 'profile: %s'", showPath(f.Path), have.Line, name)
		}
		lines, err := profile.entryLines(i)
		if err != nil {
			return nil, 0, err
		}
		if next, err = next.addEntry(lines, f); err != nil {
			return nil, 0, err
		}
		if next, err = next.SetFolder(f.Path, "profile", name); err != nil {
			return nil, 0, err
		}
		added++
	}
	return next, added, nil
}
