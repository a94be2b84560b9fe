package integration

// floors are the rooms and how high they lie. An arrow only goes down.
var floors = map[string]int{
	"folder": 1, "certs": 1, "discovery": 1, "folder/fault": 1,
	"folder/chunk": 2,
	"folder/disk":  3, "store": 3, "protocol": 3,
	"peer": 4, "web": 4, "cmd/qsync/config": 4, "cmd/qsync/service": 4, "cmd/qsync/doctor": 4,
	"cmd/qsync": 5, "integration": 5, "cmd/benchmarks": 5,
}

// arrows are the imports that a room may have beside the standard library, each
// with its reason. What is not here is not allowed.
var arrows = map[string]map[string]string{
	"folder": {}, // pure: the standard library alone
	"certs":  {}, // HKDF, HMAC, Ed25519 and TLS are the standard library's
	"discovery": {
		"github.com/hashicorp/mdns": "the records of an announcement",
		"github.com/miekg/dns":      "the packets around them; it comes with hashicorp/mdns",
		"golang.org/x/net":          "joining and sending on one interface",
		"golang.org/x/sys":          "news of the network on Linux",
	},
	"folder/chunk": {
		"qsync/folder":            "a digest is a noun of the model",
		"github.com/zeebo/blake3": "the digest",
		"github.com/zeebo/xxh3":   "what chunks are found by",
	},
	"folder/fault": {},
	"folder/disk": {
		"qsync/folder/fault": "where tests crash it and have calls fail",
		"qsync/folder":       "what a scan finds and what is put in place are the model's values",
		"qsync/folder/chunk": "a scan digests, a stage verifies",
		"golang.org/x/sys":   "calls relative to directory descriptors, inotify",
		"golang.org/x/text":  "which names are one but for the Unicode normal form",
	},
	"store": {
		"qsync/folder/fault":            "where tests crash it and have a commit fail",
		"qsync/folder":                  "it keeps registers and contexts, and joins them by their rules",
		"qsync/folder/chunk":            "the sums by which two maps are compared are digests with a key; the recipes that are kept are its",
		"go.etcd.io/bbolt":              "one file, transactions, readers that do not wait",
		"github.com/klauspost/compress": "zstd for large rows of the log",
	},
	"protocol": {
		"qsync/folder":                      "the index carries registers and contexts, in the model's encoding",
		"qsync/folder/chunk":                "a recipe is made of chunks",
		"github.com/vmihailenco/msgpack/v5": "lengths and numbers of the wire",
		"github.com/klauspost/compress":     "zstd for index batches",
	},
	"peer": {
		"qsync/folder":               "paths, values and who wins",
		"qsync/folder/disk":          "the tree on this machine",
		"qsync/folder/fault":         "where tests crash it",
		"qsync/folder/chunk":         "what is served whole is digested on its way: nobody sends what is not what it says; and what a changed file has in common with the older one",
		"qsync/store":                "what the node knows",
		"qsync/protocol":             "the messages",
		"qsync/certs":                "who may talk",
		"github.com/quic-go/quic-go": "links between machines",
		"golang.org/x/sync":          "the goroutines of a node end together",
		"golang.org/x/sys":           "receive offload of UDP",
		"golang.org/x/net":           "the message type of quic-go's batch reads",
	},
	"web": {
		"golang.org/x/crypto": "argon2id, for the password of the page",
		"golang.org/x/net":    "a bound on connections",
	},
	"cmd/qsync": {
		"qsync/web":                       "the page",
		"qsync/cmd/qsync/doctor":          "the checks of 'qsync doctor'",
		"qsync/store":                     "a map that no node has open is examined",
		"qsync/cmd/qsync/service":         "units of systemd, and what a service tells it",
		"qsync/certs":                     "sync IDs as people type them",
		"qsync/cmd/qsync/config":          "the settings file, and the values that flags take in the same form",
		"qsync/folder":                    "the kinds of planned entries",
		"qsync/peer":                      "the node that it runs",
		"qsync/discovery":                 "where peers nearby are, and when the network changes",
		"github.com/alecthomas/kong":      "the command line",
		"golang.org/x/term":               "the width of a terminal",
		"golang.org/x/text":               "the width of a character",
		"golang.org/x/sys":                "machine-id of systems without a file for it, locks, notices of a changed config.yaml",
		"github.com/makiuchi-d/gozxing":   "the QR code in a picture that somebody took of it",
		"rsc.io/qr":                       "the QR code of a sync ID",
		"github.com/rogpeppe/go-internal": "how two versions of a text differ, in a time that their length bounds",
	},
	"cmd/qsync/doctor": {
		"qsync/certs":      "why a peer that answers is not one",
		"qsync/discovery":  "what the search for peers sees on an interface",
		"golang.org/x/sys": "free space, renames, the clock and limits of the system",
	},
	"cmd/qsync/service": {
		"golang.org/x/sys": "the clock by which systemd orders reloads",
	},
	"cmd/qsync/config": {
		"qsync/certs":        "a sync ID in the file is checked, and held as what never prints",
		"go.yaml.in/yaml/v4": "the YAML of config.yaml, with the place of every node",
	},
	"cmd/benchmarks": {}, // it sees a file of results
	"integration":    {}, // it sees binaries, not packages
}

// testArrows are the imports of test files beyond those of their room. A test
// may also use any room that lies lower.
var testArrows = map[string]string{
	"pgregory.net/rapid":                "properties",
	"github.com/rogpeppe/go-internal":   "command-line tests as scripts",
	"github.com/quic-go/quic-go":        "its simulated network",
	"github.com/vmihailenco/msgpack/v5": "frames made by hand",
	"github.com/klauspost/compress":     "bombs made by hand",
	"github.com/zeebo/blake3":           "what a digest must be",
	"github.com/zeebo/xxh3":             "what the sum of a chunk must be",
	"go.etcd.io/bbolt":                  "damage done to a map",
	"golang.org/x/sys":                  "what a test needs of the system",
	"golang.org/x/net":                  "what a test needs of the network",
	"golang.org/x/sync":                 "goroutines of a test end together",
	"github.com/hanwen/go-fuse/v2":      "file systems that no driver here has",
	"github.com/chromedp/chromedp":      "the page in a real browser",
	"github.com/chromedp/cdproto":       "the words in which a browser is told what to do; it comes with chromedp",
	"github.com/hashicorp/mdns":         "what other programs see of announcements",
}
