package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"qsync/certs"
)

// wordCount is how many words an ID has.
const wordCount = 24

// typing is an ID while a person types it, line by line. What was right stays.
type typing struct {
	words  []string // all in the list
	digits string   // or the beginning of a number or a link
}

// typedID asks for the ID on the terminal. What is typed is seen: nobody types
// 24 words blind, and the device it is read from shows it as well.
func (p *program) typedID() (invitation, error) {
	p.ui.raw("sync ID: the 64 digits, the 24 words (on as many lines as you like), or what\nthe QR code says; it is seen as you type\n")
	lines, t := bufio.NewReaderSize(io.LimitReader(p.in, 16*maxIDText), maxIDText), typing{}
	for {
		p.ui.raw(t.prompt())
		line, err := lines.ReadString('\n')
		if line = strings.TrimSpace(line); line == "" {
			if err == nil {
				continue
			}
			p.ui.raw("\n")
			if t.empty() {
				return invitation{}, usagef("no ID was given: paste it, or set QSYNC_ID, or use --id-file FILE")
			}
			return p.parseID(t.text())
		}
		v, note, done := t.line(line)
		for text := range strings.SplitSeq(note, "\n") {
			for _, l := range wrap(text, statusWidth-1) {
				p.ui.printf("%s", l)
			}
		}
		if done {
			return v, nil
		}
		if err != nil {
			return p.parseID(t.text())
		}
	}
}

func (t *typing) empty() bool  { return len(t.words) == 0 && t.digits == "" }
func (t *typing) text() string { return t.digits + strings.Join(t.words, " ") }

func (t *typing) prompt() string {
	if n := len(t.words); n > 0 && n < wordCount {
		return fmt.Sprintf("%d> ", n+1)
	}
	return "> "
}

// line takes one line. note is for the person; done says that v is the ID.
func (t *typing) line(text string) (v invitation, note string, done bool) {
	fields := strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == '\t' || r == '-' })
	switch {
	case len(t.words) == wordCount && len(fields) == 2 && t.correct(fields[0], fields[1]):
	case t.digits != "" || len(t.words) == 0 && !ofWords(text):
		return t.number(text)
	default:
		if len(t.words) == wordCount {
			t.words = nil // all of them again
		}
		if note = t.add(fields); note != "" {
			return v, note, false
		}
	}
	id, _, err := certs.ParseSyncID(strings.Join(t.words, " "))
	switch {
	case err == nil:
		return invitation{id: id}, "", true
	case errors.Is(err, certs.ErrCutOff):
		return v, fmt.Sprintf("%d of %d words; go on with word %d", len(t.words), wordCount, len(t.words)+1), false
	case len(t.words) > wordCount:
		t.words = nil
		return v, "these are more than 24 words: begin again with the first", false
	}
	return v, plainID(err) + "; type a number and the right word to correct one, such as '7 hungry', or all 24 again", false
}

// add appends the words up to the first wrong one, about which it returns a note.
func (t *typing) add(fields []string) (note string) {
	first := len(t.words) + 1
	var wrong *certs.WordError
	if errors.As(certs.CheckWords(fields, first), &wrong) {
		t.words = append(t.words, fields[:wrong.Position-first]...)
		return fmt.Sprintf("%s\nwhat comes before it is right: go on with word %d", plainID(wrong), wrong.Position)
	}
	t.words = append(t.words, fields...)
	return ""
}

// correct replaces one of 24 words that do not fit together.
func (t *typing) correct(number, word string) bool {
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || n > wordCount || certs.CheckWords([]string{word}, n) != nil {
		return false
	}
	t.words = slices.Clone(t.words)
	t.words[n-1] = word
	return true
}

// number takes digits or a link, which may come on several lines too.
func (t *typing) number(text string) (v invitation, note string, done bool) {
	t.digits += text
	v, note, err := parseInvitation(t.digits)
	switch {
	case err == nil:
		return v, note, true
	case errors.Is(err, certs.ErrCutOff):
		return v, plainID(err) + "; go on, or end with Ctrl-C", false
	}
	t.digits = ""
	return v, plainID(err) + "; once more from the beginning", false
}

// ofWords tells the first line of words from digits and links, which is what
// has digits in it or nothing but hexadecimal letters.
func ofWords(text string) bool {
	if looksLikeLink(text) || strings.ContainsAny(text, "0123456789") {
		return false
	}
	return certs.CheckWords(strings.Fields(text)[:1], 1) == nil || strings.Trim(strings.ToLower(text), "abcdef -") != ""
}

// plainID is an error about an ID for whoever knows that it is about one.
func plainID(err error) string {
	return strings.TrimPrefix(err.Error(), certs.ErrSyncID.Error()+": ")
}
