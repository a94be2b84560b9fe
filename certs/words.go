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

// shortWord is how many letters of a word determine it, as BIP 39 promises; the
// words that are shorter are not the beginning of another one.
const shortWord = 4

// wordIndex returns the position in the list of a word, or of the one word that
// begins with the four or more letters given, or -1.
func wordIndex(word string) int {
	i, ok := slices.BinarySearch(wordList, word)
	if !ok && (len(word) < shortWord || i == len(wordList) || !strings.HasPrefix(wordList[i], word)) {
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

// WordError says which word of an ID is not in the list. It wraps [ErrSyncID].
type WordError struct {
	Position int      // of the word, from 1
	Near     []string // at most three words of the list, the most similar first; none if none is
	word     string   // as it was typed, "" if that must not be told
}

// Error names the word and those that it resembles.
func (e *WordError) Error() string {
	text := fmt.Sprintf("%v: word %d", ErrSyncID, e.Position)
	if e.word != "" {
		text += fmt.Sprintf(", %q,", e.word)
	}
	text += " is not in the list"
	if len(e.Near) > 0 {
		text += "; did you mean " + strings.Join(e.Near, ", ") + "?"
	}
	return text
}

// Unwrap returns [ErrSyncID].
func (e *WordError) Unwrap() error { return ErrSyncID }

// CheckWords finds the first of some words of an ID that is not in the list of
// BIP 39, in any case and abbreviated to four letters or more or not; first is
// the position of words[0] in the whole, from 1. The error is a [*WordError].
func CheckWords(words []string, first int) error {
	for i, w := range words {
		lower := strings.ToLower(w)
		if wordIndex(lower) >= 0 {
			continue
		}
		e := &WordError{Position: first + i, Near: nearestWords(lower)}
		if tellable(lower) {
			e.word = lower
		}
		return e
	}
	return nil
}

// CompleteWord returns the words of the list that begin with a text in any case,
// at most n of them, in the order of the list; none for an empty text.
func CompleteWord(start string, n int) []string {
	start = strings.ToLower(start)
	if start == "" {
		return nil
	}
	from, _ := slices.BinarySearch(wordList, start)
	to := from
	for to < len(wordList) && to < from+n && strings.HasPrefix(wordList[to], start) {
		to++
	}
	return slices.Clone(wordList[from:to])
}

// tellable reports whether a word may be repeated to whoever typed it: nothing
// that is longer than a word, which could be more of the secret than one.
func tellable(word string) bool {
	return len(word) <= 12 && strings.Trim(word, "abcdefghijklmnopqrstuvwxyz") == ""
}

func parseWords(words []string) (SyncID, error) {
	if len(words) == 1 && wordIndex(words[0]) < 0 {
		return SyncID{}, fmt.Errorf("%w: it is neither %d hexadecimal digits nor %d words", ErrSyncID, idDigits, idWords)
	}
	if err := CheckWords(words, 1); err != nil {
		return SyncID{}, err
	}
	if len(words) < idWords {
		return SyncID{}, &cutOff{fmt.Sprintf("it has %s instead of %d", counted(len(words), "word"), idWords)}
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

// counted is "1 word", "2 words".
func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// nearestWords returns up to three words of the list that are like w, the most
// similar first: by what has to be changed, and by how much of the beginning
// is right, for that is what people get right.
func nearestWords(w string) (near []string) {
	r := []rune(w)
	r = r[:min(len(r), 16)] // no word is longer than 8, and the work stays small
	cost := make(map[string]int, len(wordList))
	for _, word := range wordList {
		d, same := distance(r, []rune(word)), commonStart(w, word)
		cost[word] = 2*d - same
		if d <= 3 && d < len(word) && d < len(r) {
			near = append(near, word)
		}
	}
	slices.SortStableFunc(near, func(a, b string) int { return cost[a] - cost[b] })
	return near[:min(len(near), 3)]
}

// commonStart is how many bytes a and b begin with alike.
func commonStart(a, b string) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
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
