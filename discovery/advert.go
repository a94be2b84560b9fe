package discovery

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

const (
	nonceSize = 16
	tagSize   = 12

	maxTags       = 256 // of one advert, padding included
	maxAddrs      = 64  // of one advert
	maxStrings    = 64  // of one TXT record
	tagsAString   = 8
	maxAddrString = 200 // of one a string, without its key
)

type (
	nonce [nonceSize]byte
	tag   [tagSize]byte
	key   = [32]byte
)

// advert is what a TXT record says: addresses, and tags that only those who hold
// a key can tell from noise.
type advert struct {
	nonce nonce
	addrs []netip.AddrPort // sorted, none twice, none with a zone
	tags  []tag
}

// seal makes an advert of addrs for the holders of keys. The tags of the keys
// stand among random ones, sorted, so that neither their number nor their
// order says more than 4, 8, 16 and so on.
func seal(addrs []netip.AddrPort, keys []key) advert {
	a := advert{addrs: addrs}
	_, _ = rand.Read(a.nonce[:]) // it never fails: crypto/rand ends the program first
	n := 4
	for n < len(keys) {
		n *= 2
	}
	a.tags = make([]tag, n)
	for i := range a.tags {
		if i < len(keys) {
			a.tags[i] = a.tagOf(keys[i])
		} else {
			_, _ = rand.Read(a.tags[i][:])
		}
	}
	slices.SortFunc(a.tags, func(x, y tag) int { return bytes.Compare(x[:], y[:]) })
	return a
}

// tagOf is what the holder of a key writes into this advert.
func (a advert) tagOf(k key) (t tag) {
	h := hmac.New(sha256.New, k[:])
	for _, part := range [][]byte{[]byte("qsync/1 mdns"), a.nonce[:], []byte(joinAddrs(a.addrs))} {
		var size [4]byte
		binary.BigEndian.PutUint32(size[:], uint32(len(part)))
		h.Write(size[:])
		h.Write(part)
	}
	copy(t[:], h.Sum(nil))
	return t
}

// madeWith reports whether a holder of k made the advert. How long it takes
// does not depend on which tag it is.
func (a advert) madeWith(k key) bool {
	want, found := a.tagOf(k), 0
	for i := range a.tags {
		found |= subtle.ConstantTimeCompare(want[:], a.tags[i][:])
	}
	return found == 1
}

func joinAddrs(addrs []netip.AddrPort) string {
	var b strings.Builder
	for i, a := range addrs {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(a.String())
	}
	return b.String()
}

// strings are the strings of the TXT record.
func (a advert) strings() []string {
	all := []string{"v=1", "n=" + base64.StdEncoding.EncodeToString(a.nonce[:])}
	for i, list := range splitAddrs(a.addrs) {
		all = append(all, numbered("a", i)+list)
	}
	i := 0
	for some := range slices.Chunk(a.tags, tagsAString) {
		all = append(all, numbered("t", i)+base64.StdEncoding.EncodeToString(slices.Concat(sliced(some)...)))
		i++
	}
	return all
}

func sliced(tags []tag) (all [][]byte) {
	for i := range tags {
		all = append(all, tags[i][:])
	}
	return all
}

// splitAddrs cuts the list at commas into as few strings as its limit allows.
func splitAddrs(addrs []netip.AddrPort) (lists []string) {
	for rest := addrs; len(rest) > 0; {
		n := len(rest)
		for len(joinAddrs(rest[:n])) > maxAddrString {
			n--
		}
		lists = append(lists, joinAddrs(rest[:n]))
		rest = rest[n:]
	}
	return lists
}

// numbered is the key of the string i of a value: "a=", "a1=", "a2=".
func numbered(name string, i int) string {
	if i == 0 {
		return name + "="
	}
	return name + strconv.Itoa(i) + "="
}

// errAdvert is every reason why a TXT record is none of ours. Nobody branches
// on which: it is counted and dropped.
var errAdvert = errors.New("not an advert")

// parseAdvert takes only what strings writes, and strings with keys that it
// does not know (RFC 6763, section 6.4), in any order. It allocates no more than
// the limits above whatever it is given.
func parseAdvert(txt []string) (advert, error) {
	values, err := splitStrings(txt)
	if err != nil {
		return advert{}, err
	}
	var a advert
	raw, ok := unbase64(values["n"])
	if values["v"] != "1" || !ok || len(raw) != nonceSize {
		return advert{}, errAdvert
	}
	copy(a.nonce[:], raw)
	if a.addrs, err = parseAddrs(series(values, "a")); err != nil {
		return advert{}, err
	}
	if a.tags, err = parseTags(series(values, "t")); err != nil {
		return advert{}, err
	}
	return a, nil
}

func splitStrings(txt []string) (map[string]string, error) {
	if len(txt) > maxStrings {
		return nil, errAdvert
	}
	values := make(map[string]string, len(txt))
	for _, s := range txt {
		k, v, ok := strings.Cut(s, "=")
		if _, twice := values[k]; !ok || twice || len(s) > 255 {
			return nil, errAdvert
		}
		values[k] = v
	}
	return values, nil
}

// series are the values of name, name1, name2 up to the first that is missing.
func series(values map[string]string, name string) (all []string) {
	for i := 0; ; i++ {
		v, ok := values[strings.TrimSuffix(numbered(name, i), "=")]
		if !ok {
			return all
		}
		all = append(all, v)
	}
}

func parseAddrs(lists []string) (addrs []netip.AddrPort, err error) {
	for _, list := range lists {
		if len(list) > maxAddrString {
			return nil, errAdvert
		}
		for text := range strings.SplitSeq(list, ",") {
			a, err := netip.ParseAddrPort(text)
			if err != nil || a.String() != text || !announceable(a) || len(addrs) == maxAddrs {
				return nil, errAdvert
			}
			if n := len(addrs); n > 0 && addrs[n-1].Compare(a) >= 0 {
				return nil, errAdvert
			}
			addrs = append(addrs, a)
		}
	}
	if len(addrs) == 0 {
		return nil, errAdvert
	}
	return addrs, nil
}

// announceable refuses what nobody can be dialled at. A zone is the name of
// somebody's interface and means nothing elsewhere.
func announceable(a netip.AddrPort) bool {
	ip := a.Addr()
	broadcast := ip == netip.AddrFrom4([4]byte{255, 255, 255, 255})
	return a.Port() != 0 && ip.Zone() == "" && !ip.Is4In6() && !ip.IsUnspecified() && !ip.IsMulticast() && !broadcast
}

func parseTags(lists []string) (tags []tag, err error) {
	for _, list := range lists {
		raw, ok := unbase64(list)
		if !ok || len(raw) == 0 || len(raw)%tagSize != 0 || len(tags)+len(raw)/tagSize > maxTags {
			return nil, errAdvert
		}
		for some := range slices.Chunk(raw, tagSize) {
			tags = append(tags, tag(some))
		}
	}
	if len(tags) == 0 {
		return nil, errAdvert
	}
	return tags, nil
}

// unbase64 takes the one canonical text of some bytes; Go's decoder alone would
// skip line ends.
func unbase64(text string) ([]byte, bool) {
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	return raw, err == nil && base64.StdEncoding.EncodedLen(len(raw)) == len(text)
}
