package config

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// Problem is one thing that is wrong with a file.
type Problem struct {
	Line, Column int    // from 1, in characters; 0 where there is no place
	Text         string // what is wrong and what to write, never with a sync ID
}

// Problems is the error of a file that cannot be used.
type Problems struct {
	Name string // of the file
	List []Problem
}

// maxTold is how many problems [Problems.Error] tells of; more help nobody.
const maxTold = 20

// Error returns a line for each problem: name:line:column: text.
func (p *Problems) Error() string {
	var lines []string
	for i, problem := range p.List {
		if i == maxTold {
			lines = append(lines, fmt.Sprintf("%s: and %d more problems", p.Name, len(p.List)-i))
			break
		}
		at := ""
		if problem.Line > 0 {
			at = fmt.Sprintf(":%d:%d", problem.Line, problem.Column)
		}
		lines = append(lines, p.Name+at+": "+problem.Text)
	}
	return strings.Join(lines, "\n")
}

// What may be a part of a sync ID: in a value, which is short, and in a path.
var (
	someHex = regexp.MustCompile(`[0-9a-fA-F]{8,}`)
	longHex = regexp.MustCompile(`[0-9a-fA-F]{16,}`)
)

// show quotes what somebody wrote, for an error. What may be an ID, in digits
// with or without separators or in words, or is long, is not shown.
func show(text string) string {
	words := parts(text)
	if someHex.MatchString(strings.Join(words, "")) || len(words) > 6 || len(text) > 60 {
		return "(hidden)"
	}
	quoted := strconv.Quote(text)
	return "'" + strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(quoted[1:len(quoted)-1]) + "'"
}

// showPath is [show] for paths, which may be long and have some words.
func showPath(path string) string {
	words := parts(path)
	if longHex.MatchString(strings.Join(words, "")) || len(words) > 11 { // half an ID in words
		return "(hidden)"
	}
	return strconv.Quote(path)
}

// parts divides a text where an ID may be divided.
func parts(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Pd, r) })
}

// didYouMean names the word that is most like the given one, or is "".
func didYouMean(word string, words []string) string {
	if best := Nearest(word, words); best != "" {
		return fmt.Sprintf(" (did you mean '%s'?)", best)
	}
	return ""
}

// Nearest returns the word that differs from the given one by at most two bytes
// inserted, deleted or replaced, the nearest of them, or "" if none does. Capital
// letters do not count.
func Nearest(word string, words []string) string {
	best, cost := "", 3
	for _, w := range words {
		if d := Distance(strings.ToLower(word), w); d < cost && d < len(w) {
			best, cost = w, d
		}
	}
	return best
}

// Distance is the number of bytes to insert, delete or replace to make b of a
// (Levenshtein).
func Distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			d := diagonal
			if a[i] != b[j] {
				d = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], d
		}
	}
	return row[len(b)]
}
