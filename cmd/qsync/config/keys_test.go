package config

import (
	"path/filepath"
	"strings"
	"testing"
)

// testID is nobody's ID.
const testID = "7f3a1c9e5b2d4f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e9"

// root is an absolute path on every system.
func root(parts ...string) string {
	abs, err := filepath.Abs(string(filepath.Separator))
	if err != nil {
		panic(err)
	}
	return filepath.Join(append([]string{abs}, parts...)...)
}

// testHash is in the form of a password's hash.
const testHash = "$argon2id$v=19$m=65536,t=3,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA"

var testSource = Source{Name: "config.yaml", Home: root("home", "u")}

// at is a path in YAML.
func at(parts ...string) string { return renderText(root(parts...)) }

// keyCase is what a key takes and refuses.
type keyCase struct {
	unset any               // its value in an empty file
	good  map[string]any    // YAML to value
	bad   map[string]string // YAML to a part of the problem
}

// nodeCases and folderCases have a case for each key; [TestKeys] sees to that.
var nodeCases = map[string]keyCase{
	"name": {"", map[string]any{"laptop": "laptop", "'my laptop'": "my laptop", "12": "12", "yes": "yes"},
		map[string]string{"": "name has no value", "' '": "one line", `"a\nb"`: "one line", strings.Repeat("x", 65): "at most 64", "[a]": "not a list", "{a: b}": "not keys"}},
	"listen": {"", map[string]any{":2121": ":2121", "2122": ":2122", "192.168.0.1": "192.168.0.1:2121", "'[fe80::1]:9'": "[fe80::1]:9", "'::1'": "[::1]:2121", ":0": ":0"},
		map[string]string{"": "listen has no value", ":65536": "0 to 65535", "a:b:c": "ADDR:PORT"}},
	"discovery": {true, map[string]any{"false": false, "no": false, "ON": true, "'off'": false},
		map[string]string{"": "discovery has no value", "maybe": "true or false", "0": "true or false", "[true]": "not a list"}},
	"transport": {"auto", map[string]any{"auto": "auto", "quic": "quic", "tcp": "tcp"},
		map[string]string{"": "transport has no value", "udp": "auto, quic or tcp", "QUIC": "auto, quic or tcp"}},
	"log.level": {"warn", map[string]any{"debug": "debug", "info": "info", "warn": "warn", "error": "error"},
		map[string]string{"": "level has no value", "INFO": "debug, info", "3": "debug, info"}},
	"log.file": {"", map[string]any{"~/q.log": root("home", "u", "q.log"), at("var", "q.log"): root("var", "q.log")},
		map[string]string{"": "file has no value", "q.log": "absolute"}},
	"log.days": {7, map[string]any{"1": 1, "3650": 3650},
		map[string]string{"": "days has no value", "0": "1 to 3650", "3651": "1 to 3650", "1.5": "whole number", "week": "whole number"}},
	"log.size": {"10MiB", map[string]any{"64KiB": "64KiB", "1GiB": "1GiB", "100k": "100KiB", "1 MB": "1000000", "20M": "20MiB", "65536": "64KiB", "2mib": "2MiB"},
		map[string]string{"": "size has no value", "1KiB": "64KiB to 1GiB", "2GiB": "64KiB to 1GiB", "big": "64KiB to 1GiB", "999999999999G": "64KiB", "10 iB": "64KiB", "-1": "64KiB"}},
	"web.listen": {"auto", map[string]any{"off": "off", "auto": "auto", "7000": "127.0.0.1:7000", "'[::1]:9'": "[::1]:9", "0.0.0.0": "0.0.0.0:7555", ":80": ":80"},
		map[string]string{"": "listen has no value", "host": "auto, off, a port", "a:70000": "0 to 65535"}},
	"web.password": {"", map[string]any{testHash: testHash},
		map[string]string{"": "password has no value", "secret": "qsync config password", "$2b$10$x": "qsync config password"}},
	"web.cert": {"", map[string]any{at("c.pem"): root("c.pem")}, map[string]string{"": "cert has no value", "c.pem": "absolute"}},
	"web.key":  {"", map[string]any{at("k.pem"): root("k.pem")}, map[string]string{"": "key has no value", "k.pem": "absolute"}},
	"web.names": {[]string(nil), map[string]any{"[NAS.lan, b.]": []string{"nas.lan", "b"}},
		map[string]string{"[a:1]": "without a port", "['']": "without a port"}},
}

var folderCases = map[string]keyCase{
	"path": {root("the", "folder"), map[string]any{at("a", "b"): root("a", "b"), "~/a/../b/": root("home", "u", "b"), "'~'": root("home", "u")},
		map[string]string{"": "path has no value", "~": "path has no value", "a/b": "absolute", "~root/x": "your own home", `"` + strings.Repeat("x", 5000) + `"`: "4096", "[x]": "not a list"}},
	"id": {"", map[string]any{testID: testID, "0x" + strings.ToUpper(testID): testID, "'" + testID[:32] + " " + testID[32:] + "'": testID},
		map[string]string{"": "id has no value", testID[:63]: "", "legal winner": "", "0": "", strings.Repeat("ab", 32): ""}},
	"id_file": {"", map[string]any{"~/x.id": root("home", "u", "x.id")},
		map[string]string{"": "id_file has no value", "x.id": "absolute"}},
	"label": {"", map[string]any{"my photos": "my photos", "Fotos Müller": "Fotos Müller"},
		map[string]string{"": "label has no value", `"\e"`: "one line", strings.Repeat("x", 65): "64"}},
	"profile": {"", map[string]any{"work": "work", "a.b-C_1": "a.b-C_1", "7": "7"},
		map[string]string{"": "profile has no value", "a/b": "letters", ".x": "letters", "x.": "letters", "..": "letters", strings.Repeat("x", 65): "letters", "ü": "letters"}},
	"mode": {"", map[string]any{"two-way": "two-way", "send": "send", "receive": "receive", "mirror": "mirror", "backup": "backup"},
		map[string]string{"": "mode has no value", "both": "two-way, send", "auto": "two-way, send", "Send": "two-way, send"}},
	"to": {"", map[string]any{at("copy"): root("copy"), "~/copy/": root("home", "u", "copy")},
		map[string]string{"": "to has no value", "copy": "absolute", at("the", "folder"): "what this one has as 'to'", at("the", "folder", "x"): "lies inside", at("the"): "lies inside", at("b") + "\n  remotes: nas": "to or remotes", at("b") + "\n  mode: receive": "send (one way)"}},
	"remotes": {[]string(nil), map[string]any{"nas": []string{"nas:2121"}, "[nas, '10.0.0.1:99', \"fe80::1%eth0\"]": []string{"nas:2121", "10.0.0.1:99", "[fe80::1%eth0]:2121"},
		"": []string(nil), "[]": []string(nil), "\n    - nas\n    # other\n    - pi:1": []string{"nas:2121", "pi:1"}, "\n  - nas": []string{"nas:2121"}},
		map[string]string{"a/b": "no path", "[nas, ]x": "", "[a, ~]": "an item is empty", "[nas:0]": "1 to 65535", "{a: b}": "give a list", "[[a]]": "not a list", "'a b'": "no name"}},
	"exclude": {[]string(nil), map[string]any{"['*.tmp', /cache/]": []string{"*.tmp", "/cache/"}, "'!keep'": []string{"!keep"}, "\n    - 'a b'\n    - '#x'": []string{"a b", "#x"}},
		map[string]string{"[*.tmp]": "begins with *", "*.tmp": "begins with *", "!keep": "begins with !", "\n    - #x": "an item is empty", "['']": "one line", "[&x]": "begins with &", `["a\nb"]`: "one line"}},
	"default_ignores": {true, map[string]any{"true": true, "false": false, "no": false},
		map[string]string{"": "default_ignores has no value", "none": "true or false"}},
	"versions": {5, map[string]any{"0": 0, "5": 5, "1000000": 1000000},
		map[string]string{"": "versions has no value", "-1": "0 to 1000000", "1000001": "0 to 1000000", "many": "whole number", "5.0": "whole number"}},
	"conflict": {"keep-both", map[string]any{"keep-both": "keep-both", "newest": "newest"},
		map[string]string{"": "conflict has no value", "oldest": "give keep-both or newest", "Newest": "give keep-both or newest"}},
	"versions_age": {"30d", map[string]any{"0": "0", "30d": "30d", "1h": "1h", "36h": "36h", "48h": "2d", "8w": "56d", "36500d": "36500d"},
		map[string]string{"": "versions_age has no value", "30": "from 1h", "0d": "from 1h", "36501d": "from 1h", "-1d": "from 1h", "1.5d": "from 1h", "ever": "from 1h", "999999w": "from 1h"}},
	"versions_space": {"10%", map[string]any{"0": "0", "10%": "10%", "'0.5%'": "0.5%", "20GB": "20GB", "20 GiB": "20GiB", "1T": "1TiB", "500M": "500MiB", "3MB": "3MB", "1024GiB": "1TiB", "2000MB": "2GB"},
		map[string]string{"": "versions_space has no value", "0%": "such as 10%", "101%": "such as 10%", "20": "such as 10%", "0GB": "such as 10%", "-1GB": "such as 10%", "20kB": "such as 10%", "999999999TB": "such as 10%"}},
	"history_age": {"30d", map[string]any{"0": "0", "1h": "1h", "48h": "2d", "8w": "56d"},
		map[string]string{"": "history_age has no value", "30": "from 1h", "-1d": "from 1h", "ever": "from 1h"}},
	"max_delete": {"", map[string]any{"100": "100", "50%": "50%", "'0.5%'": "0.5%", "100%": "100%"},
		map[string]string{"": "max_delete has no value", "0": "above zero", "0%": "above zero", "101%": "above zero", "-5": "above zero", "half": "above zero", "NaN%": "above zero"}},
	"every": {"live", map[string]any{"live": "live", "10": "10s", "1h30m": "1h30m", "'*/5 * * * *'": "*/5 * * * *", "0 3 * * *": "0 3 * * *", "'@daily'": "@daily"},
		map[string]string{"": "every has no value", "*/5 * * * *": "begins with *", "@daily": "begins with @", "0": "from 1s", "'0 0 30 2 *'": "none of these months", "often": "give live"}},
	"paused": {false, map[string]any{"true": true, "false": false, "yes": true},
		map[string]string{"": "paused has no value", "1": "true or false"}},
}

func TestKeys(t *testing.T) {
	if len(nodeCases) != len(nodeKeys) || len(folderCases) != len(folderKeys) {
		t.Errorf("%d cases for %d keys of the node, %d for %d of folders", len(nodeCases), len(nodeKeys), len(folderCases), len(folderKeys))
	}
	for _, k := range nodeKeys {
		pre, name := "", k.name
		if section, last, ok := strings.Cut(k.name, "."); ok {
			pre, name = section+":\n  ", last
		}
		checkKey(t, k.name, nodeCases[k.name], func(text string) (any, error) {
			c, err := Parse([]byte(pre+name+": "+text+"\n"), testSource)
			if err != nil {
				return nil, err
			}
			return k.value(c), nil
		})
		if v := k.value(Default()); !equal(v, nodeCases[k.name].unset) {
			t.Errorf("%s: the default is %v, want %v", k.name, v, nodeCases[k.name].unset)
		}
	}
	for _, k := range folderKeys {
		pre := "folders:\n- path: " + at("the", "folder") + "\n  "
		if k.name == "path" {
			pre = "folders:\n- "
		}
		checkKey(t, k.name, folderCases[k.name], func(text string) (any, error) {
			c, err := Parse([]byte(pre+k.name+": "+text+"\n"), testSource)
			if err != nil {
				return nil, err
			}
			return k.value(&c.Folders[0]), nil
		})
		f := DefaultFolder(root("the", "folder"))
		if v := k.value(&f); !equal(v, folderCases[k.name].unset) {
			t.Errorf("%s: the default is %v, want %v", k.name, v, folderCases[k.name].unset)
		}
	}
}

func checkKey(t *testing.T, name string, c keyCase, parse func(string) (any, error)) {
	if len(c.good) == 0 || len(c.bad) == 0 {
		t.Errorf("%s has no case", name)
	}
	for text, want := range c.good {
		if got, err := parse(text); err != nil {
			t.Errorf("%s: %s: %v", name, text, err)
		} else if !equal(got, want) {
			t.Errorf("%s: %s is %#v, want %#v", name, text, got, want)
		}
	}
	for text, want := range c.bad {
		got, err := parse(text)
		if err == nil {
			t.Errorf("%s: %s is %#v, want an error", name, text, got)
			continue
		}
		if !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "config.yaml:") {
			t.Errorf("%s: %s: %v, want …%s…", name, text, err, want)
		}
	}
}
