package certs

import (
	"crypto/sha256"
	"crypto/subtle"
	_ "embed"
	"fmt"
	"slices"
	"strings"
)

// english.txt is the English list of BIP 39 as published with it. It is sorted.
//
//go:embed english.txt
var english string

var wordList = strings.Fields(english)

// A word carries 11 bits: 24 of them hold 256 bits and a checksum of 8.
const (
	idWords  = 24
	wordBits = 11
)

// wordIndex returns the position of a word in the list, or -1.
func wordIndex(word string) int {
	i, ok := slices.BinarySearch(wordList, word)
	if !ok {
		return -1
	}
	return i
}

// Words returns the ID as its 24 English words of BIP 39, the last of which
// carries a checksum. It reveals the secret.
func (id SyncID) Words() string {
	sum := sha256.Sum256(id[:])
	data := append(id[:], sum[0])
	words := make([]string, idWords)
	for i := range words {
		n := 0
		for bit := i * wordBits; bit < (i+1)*wordBits; bit++ {
			n = n<<1 | int(data[bit/8]>>(7-bit%8)&1)
		}
		words[i] = wordList[n]
	}
	return strings.Join(words, " ")
}

func parseWords(words []string) (SyncID, error) {
	for i, w := range words {
		if wordIndex(w) < 0 {
			return SyncID{}, fmt.Errorf("%w: word %d of %d is not in the list; similar ones are %s",
				ErrSyncID, i+1, len(words), strings.Join(nearestWords(w), ", "))
		}
	}
	if len(words) != idWords {
		return SyncID{}, fmt.Errorf("%w: it has %d words instead of %d", ErrSyncID, len(words), idWords)
	}
	var data [33]byte
	for i, w := range words {
		n := wordIndex(w)
		for b := range wordBits {
			bit := i*wordBits + b
			data[bit/8] |= byte(n>>(wordBits-1-b)&1) << (7 - bit%8)
		}
	}
	id := SyncID(data[:32])
	sum := sha256.Sum256(id[:])
	if subtle.ConstantTimeByteEq(sum[0], data[32]) != 1 {
		return SyncID{}, fmt.Errorf("%w: the words do not fit together (checksum): one is wrong, or two changed places", ErrSyncID)
	}
	if id.weak() {
		return SyncID{}, fmt.Errorf("%w: it is one byte repeated, which anybody can guess", ErrSyncID)
	}
	return id, nil
}

// nearestWords returns the three words of the list that are most like w.
func nearestWords(w string) []string {
	r := []rune(w)
	r = r[:min(len(r), 16)] // no word is longer than 8, and the work stays small
	near := slices.Clone(wordList)
	cost := make(map[string]int, len(near))
	for _, word := range near {
		cost[word] = distance(r, []rune(word))
	}
	slices.SortStableFunc(near, func(a, b string) int { return cost[a] - cost[b] })
	return near[:3]
}

// distance is the number of insertions, deletions, replacements and swaps of
// neighbours that make b of a (optimal string alignment).
func distance(a, b []rune) int {
	before, above, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		before, above, row = above, row, before
		row[0] = i + 1
		for j := range b {
			d := above[j]
			if a[i] != b[j] {
				d = 1 + min(d, above[j+1], row[j])
			}
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				d = min(d, before[j-1]+1)
			}
			row[j+1] = d
		}
	}
	return row[len(b)]
}
