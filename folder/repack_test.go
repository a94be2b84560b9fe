package folder

import (
	"strings"
	"testing"
)

// What git drops when it packs, and what looks like it.
func TestPackDir(t *testing.T) {
	sha1, sha256 := strings.Repeat("0f", 20), strings.Repeat("a9", 32)
	loose1, loose256 := sha1[2:], sha256[2:]
	for _, c := range []struct {
		path string
		kind Kind
		want Path // "": it counts
	}{
		{".git/objects/ab/" + loose1, File, ".git/objects/pack"},
		{".git/objects/ab/" + loose256, File, ".git/objects/pack"},
		{".git/objects/ab", Dir, ".git/objects/pack"},
		{"objects/ab/" + loose1, File, "objects/pack"},
		{"src/bare.git/objects/00", Dir, "src/bare.git/objects/pack"},
		{"objects/of mine/.git/objects/00/" + loose1, File, "objects/of mine/.git/objects/pack"},
		{".git/modules/m/objects/ff/tmp_obj_Xy12Zw", File, ".git/modules/m/objects/pack"},
		{".git/objects/pack/pack-" + sha1 + ".pack", File, ".git/objects/pack"},
		{".git/objects/pack/pack-" + sha256 + ".idx", File, ".git/objects/pack"},
		{".git/objects/pack/pack-" + sha1 + ".rev", File, ".git/objects/pack"},
		{".git/objects/pack/pack-" + sha1 + ".mtimes", File, ".git/objects/pack"},
		{".git/objects/pack/pack-" + sha1 + ".bitmap", File, ".git/objects/pack"},
		{".git/objects/pack/pack-" + sha1 + ".promisor", File, ".git/objects/pack"},
		{".git/objects/pack/tmp_pack_Ab3dEf", File, ".git/objects/pack"},
		{".git/objects/pack/.tmp-77-pack-" + sha1 + ".pack", File, ".git/objects/pack"},
		{".git/objects/pack/multi-pack-index", File, ".git/objects/pack"},
		{".git/objects/info/packs", File, ".git/objects/pack"},
		{".git/objects/info/commit-graph", File, ".git/objects/pack"},
		{".git/objects/info/commit-graphs/commit-graph-chain", File, ".git/objects/pack"},

		{".git/objects/ab/" + loose1, Dir, ""},
		{".git/objects/ab/" + loose1, Symlink, ""},
		{".git/objects/ab", File, ""},
		{".git/objects/ab/" + loose1[1:], File, ""},
		{".git/objects/ab/" + sha1, File, ""},
		{".git/objects/ab/" + strings.ToUpper(loose1), File, ""},
		{".git/objects/ab/x/" + loose1, File, ""},
		{".git/objects/abc/" + loose1, File, ""},
		{".git/objects/xy", Dir, ""},
		{".git/objects/xy/" + loose1, File, ""},
		{".git/objects/ab/notes.txt", File, ""},
		{".git/objects/" + loose1, File, ""},
		{".git/objects", Dir, ""},
		{".git/objects/pack", Dir, ""},
		{".git/objects/info", Dir, ""},
		{".git/objects/info/alternates", File, ""},
		{".git/objects/pack/pack-" + sha1 + ".keep", File, ""},
		{".git/objects/pack/pack-" + sha1 + ".pack.old", File, ""},
		{".git/objects/pack/pack-" + sha1, File, ""},
		{".git/objects/pack/pack-" + sha1[1:] + ".pack", File, ""},
		{".git/objects/pack/my.pack", File, ""},
		{".git/objects/pack/tmp_x/y", File, ""},
		{".git/refs/heads/main", File, ""},
		{".git/logs/HEAD", File, ""},
		{".git/packed-refs", File, ""},
		{"myobjects/ab/" + loose1, File, ""},
		{"ab/" + loose1, File, ""},
		{"objects", Dir, ""},
		{"", Absent, ""},
	} {
		got, ok := PackDir(Path(c.path), c.kind)
		if got != c.want || ok != (c.want != "") {
			t.Errorf("%s %q: %q, %v; want %q", c.kind, c.path, got, ok, c.want)
		}
	}
}

func TestIsPack(t *testing.T) {
	sha1, sha256 := strings.Repeat("0f", 20), strings.Repeat("a9", 32)
	for path, want := range map[string]bool{
		".git/objects/pack/pack-" + sha1 + ".pack":                  true,
		"bare/objects/pack/pack-" + sha256 + ".pack":                true,
		"objects/pack/pack-" + sha1 + ".pack":                       true,
		".git/objects/pack/pack-" + sha1 + ".idx":                   false,
		".git/objects/pack/.tmp-77-pack-" + sha1 + ".pack":          false,
		".git/objects/pack/tmp_pack_Ab3dEf":                         false,
		".git/objects/pack/old/pack-" + sha1 + ".pack":              false,
		".git/objects/pack-" + sha1 + ".pack":                       false,
		"pack/pack-" + sha1 + ".pack":                               false,
		".git/objects/pack/pack-" + sha1[:39] + "g" + ".pack":       false,
		".git/objects/pack/pack-" + strings.ToUpper(sha1) + ".pack": false,
		"": false,
	} {
		if IsPack(Path(path)) != want {
			t.Errorf("%q: %v", path, !want)
		}
	}
}
