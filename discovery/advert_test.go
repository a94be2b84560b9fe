package discovery

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func addrs(texts ...string) (all []netip.AddrPort) {
	for _, text := range texts {
		all = append(all, netip.MustParseAddrPort(text))
	}
	return all
}

func keyOf(b byte) (k key) {
	for i := range k {
		k[i] = b
	}
	return k
}

// sample is a fixed advert of the folders of the keys 1 and 2.
func sample() advert {
	a := advert{addrs: addrs("10.0.0.7:2121", "169.254.3.4:2121", "[2001:db8::1]:2121", "[fe80::1]:2121")}
	for i := range a.nonce {
		a.nonce[i] = byte(i)
	}
	a.tags = []tag{a.tagOf(keyOf(1)), a.tagOf(keyOf(2)), {3, 3, 3}, {4, 4, 4}}
	return a
}

// golden was computed by another program from the format in the package comment.
var golden = []string{
	"v=1",
	"n=AAECAwQFBgcICQoLDA0ODw==",
	"a=10.0.0.7:2121,169.254.3.4:2121,[2001:db8::1]:2121,[fe80::1]:2121",
	"t=sVDDWZergEiUOolk7jWNCzTEXfjb5tUBAwMDAAAAAAAAAAAABAQEAAAAAAAAAAAA",
}

func TestAdvertBytes(t *testing.T) {
	if got := sample().strings(); !slices.Equal(got, golden) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(golden, "\n"))
	}
	a, err := parseAdvert(golden)
	if err != nil || !reflect.DeepEqual(a, sample()) {
		t.Errorf("read as %+v, %v", a, err)
	}
	if !a.madeWith(keyOf(1)) || !a.madeWith(keyOf(2)) || a.madeWith(keyOf(3)) {
		t.Error("it is to be for the holders of 1 and 2 alone")
	}
}

// with is the golden advert with the value of a key replaced, or added.
func with(k, v string) []string {
	all := slices.DeleteFunc(slices.Clone(golden), func(s string) bool { return strings.HasPrefix(s, k+"=") })
	return append(all, k+"="+v)
}

func without(k string) []string {
	all := with(k, "")
	return all[:len(all)-1]
}

func TestAdvertRefused(t *testing.T) {
	tags := func(n int) string { return base64.StdEncoding.EncodeToString(make([]byte, n*tagSize)) }
	many := func(n int, name, value string) (all []string) {
		all = without(name)
		for i := range n {
			all = append(all, numbered(name, i)+fmt.Sprintf(value, 1000+i))
		}
		return all
	}
	cases := map[string][]string{
		"nothing":                           nil,
		"no version":                        without("v"),
		"another version":                   with("v", "2"),
		"no nonce":                          without("n"),
		"short nonce":                       with("n", "AAECAwQFBgcICQoLDA0O"),
		"nonce with a line end":             with("n", "AAECAwQFBgcICQoLDA0ODw==\n"),
		"nonce with spare bits":             with("n", "AAECAwQFBgcICQoLDA0ODx=="),
		"nonce of another code":             with("n", "________________________"),
		"no addresses":                      without("a"),
		"empty addresses":                   with("a", ""),
		"empty one":                         with("a", "10.0.0.7:2121,"),
		"junk":                              with("a", "junk"),
		"a name":                            with("a", "laptop.local:2121"),
		"no port":                           with("a", "10.0.0.7"),
		"port 0":                            with("a", "10.0.0.7:0"),
		"port too big":                      with("a", "10.0.0.7:65536"),
		"port with a zero":                  with("a", "10.0.0.7:02121"),
		"spaces":                            with("a", "10.0.0.7:2121, 10.0.0.8:2121"),
		"long form":                         with("a", "[2001:0db8::1]:2121"),
		"capitals":                          with("a", "[2001:DB8::1]:2121"),
		"mapped":                            with("a", "[::ffff:10.0.0.7]:2121"),
		"a zone":                            with("a", "[fe80::1%eth0]:2121"),
		"unspecified":                       with("a", "0.0.0.0:2121"),
		"unspecified v6":                    with("a", "[::]:2121"),
		"multicast":                         with("a", "224.0.0.251:5353"),
		"multicast v6":                      with("a", "[ff02::fb]:5353"),
		"broadcast":                         with("a", "255.255.255.255:2121"),
		"unsorted":                          with("a", "10.0.0.8:2121,10.0.0.7:2121"),
		"twice":                             with("a", "10.0.0.7:2121,10.0.0.7:2121"),
		"unsorted over strings":             with("a1", "10.0.0.6:2121"),
		"long string":                       with("a", strings.Repeat("10.0.0.7:2121,", 14)+"10.0.0.7:2121"),
		"too many addresses":                many(maxAddrs/2+1, "a", "10.0.0.7:%[1]d,10.0.0.7:1%[1]d"),
		"a twice":                           append(slices.Clone(golden), golden[2]),
		"no tags":                           without("t"),
		"empty tags":                        with("t", ""),
		"half a tag":                        with("t", "AAAA"),
		"tags of another code":              with("t", "----------------"),
		"too many tags":                     many(maxTags/8+1, "t", tags(8)+"%.0[1]d"),
		"a string without a key":            append(slices.Clone(golden), "something"),
		"too many strings":                  append(slices.Clone(golden), make([]string, maxStrings)...),
		"a string that no TXT record holds": append(slices.Clone(golden), "x="+strings.Repeat("x", 254)),
	}
	for name, txt := range cases {
		if a, err := parseAdvert(txt); err == nil {
			t.Errorf("%s: read as %+v", name, a)
		}
	}
	for name, txt := range map[string][]string{
		"order":              {golden[3], golden[2], golden[1], golden[0]},
		"keys of the future": append(slices.Clone(golden), "x=1", "tt=2", "a2=behind a gap"),
	} {
		if _, err := parseAdvert(txt); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What is sealed fits a TXT record, reads as the same, is for its keys and
// nobody else, and shows no more than a power of two of them.
func TestAdvertRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		octets := rapid.SliceOfN(rapid.Byte(), 16, 16)
		at := addrs("10.0.0.7:2121")
		for range rapid.IntRange(0, maxAddrs-1).Draw(t, "addresses") {
			b := octets.Draw(t, "address")
			ip := netip.AddrFrom16([16]byte(b))
			if rapid.Bool().Draw(t, "IPv4") {
				ip = netip.AddrFrom4([4]byte(b[:4]))
			}
			if a := netip.AddrPortFrom(ip, rapid.Uint16Min(1).Draw(t, "port")); announceable(a) {
				at = append(at, a)
			}
		}
		slices.SortFunc(at, netip.AddrPort.Compare)
		at = slices.Compact(at)
		var keys []key
		for i := range rapid.IntRange(1, maxTags).Draw(t, "folders") {
			keys = append(keys, key{byte(i), 1})
		}
		a := seal(at, keys)
		for _, s := range a.strings() {
			if v := s[strings.IndexByte(s, '=')+1:]; len(s) > 255 || s[0] == 'a' && len(v) > maxAddrString {
				t.Fatalf("%d bytes in one string", len(s))
			}
		}
		b, err := parseAdvert(a.strings())
		if err != nil || !reflect.DeepEqual(a, b) {
			t.Fatalf("%+v\nreads as %+v, %v", a, b, err)
		}
		n := len(b.tags)
		if n < 4 || n&(n-1) != 0 || n >= 8 && n/2 >= len(keys) {
			t.Errorf("%d tags for %d folders", n, len(keys))
		}
		for _, k := range keys {
			if !b.madeWith(k) {
				t.Fatal("a folder is missing")
			}
		}
		if b.madeWith(key{1, 2}) {
			t.Error("another folder is in")
		}
		b.addrs = append(b.addrs[:len(b.addrs)-1:len(b.addrs)-1], netip.MustParseAddrPort("203.0.113.66:1"))
		if b.madeWith(keys[0]) {
			t.Error("addresses can be exchanged")
		}
	})
}

// Two adverts of the same node have nothing in common but its addresses.
func TestAdvertsAreUnlike(t *testing.T) {
	keys := []key{keyOf(1), keyOf(2)}
	seen := map[string]bool{}
	for range 1000 {
		f := newFace(link{at: sample().addrs}, keys)
		all := []string{f.label, f.host, string(f.advert.nonce[:])}
		for _, tag := range f.advert.tags {
			all = append(all, string(tag[:]))
		}
		for _, s := range all {
			if len(s) < 12 || seen[s] {
				t.Fatalf("%q came twice, or is short", s)
			}
			seen[s] = true
		}
	}
}

func FuzzAdvert(f *testing.F) {
	f.Add(strings.Join(golden, "\n"))
	f.Add(strings.Join(seal(sample().addrs, make([]key, 100)).strings(), "\n"))
	f.Fuzz(func(t *testing.T, text string) {
		a, err := parseAdvert(strings.Split(text, "\n"))
		if err != nil {
			return
		}
		if len(a.addrs) > maxAddrs || len(a.tags) > maxTags {
			t.Fatalf("%d addresses and %d tags", len(a.addrs), len(a.tags))
		}
		for _, s := range a.addrs {
			if !announceable(s) {
				t.Errorf("%v can be dialled", s)
			}
		}
		b, err := parseAdvert(a.strings())
		if err != nil || !reflect.DeepEqual(a, b) {
			t.Errorf("%+v\nreads as %+v, %v", a, b, err)
		}
	})
}
