package main

import (
	"bufio"
	"errors"
	"io"
	"os"
	"strings"

	"qsync/certs"
)

// maxIDText bounds what is read in search of an ID, in bytes.
const maxIDText = 8 << 10

// parseID reads an ID in any form; a note about it goes to standard error.
func (p *program) parseID(text string) (invitation, error) {
	v, note, err := readInvitation(text)
	if err != nil {
		return invitation{}, err
	}
	if note != "" {
		p.ui.say("note: %s", note)
	}
	return v, nil
}

// readInvitation is parseInvitation for what a person gave.
func readInvitation(text string) (invitation, string, error) {
	v, note, err := parseInvitation(text)
	if err != nil {
		err = usagef("%v; give the 64 digits or the 24 words that 'qsync id show DIR' or 'qsync id words DIR' prints where the folder is shared, or what its QR code says", err)
	}
	return v, note, err
}

// parseInvitation reads an ID in any form, the link of a QR code among them.
func parseInvitation(text string) (v invitation, note string, err error) {
	if looksLikeLink(text) {
		v, err = parseLink(text)
		return v, "", err
	}
	v.id, note, err = certs.ParseSyncID(text)
	return v, note, err
}

// givenID is the ID that a file or the environment gives, in this order, if
// either does.
func (p *program) givenID(file string) (invitation, bool, error) {
	text := p.vars["QSYNC_ID"]
	if file != "" {
		fi, err := os.Stat(file)
		if err == nil && fi.Mode().IsRegular() && !oneUser(fi) {
			p.ui.say("warning: other users can read %s; close it with 'chmod 600'", quote(file))
		}
		if text, err = readID(file); err != nil {
			return invitation{}, false, usagef("the ID cannot be read from %s: %v", quote(file), reason(err))
		}
	}
	if text == "" {
		return invitation{}, false, nil
	}
	v, err := p.parseID(text)
	return v, true, err
}

func readID(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := idText(f)
	if err == nil && text == "" {
		err = errors.New("it is empty")
	}
	return text, err
}

// idText returns the lines of r up to the one that completes an ID, or makes it
// a wrong one; "" if there is nothing in r. It does not wait for the end of r,
// which whoever writes it may keep open.
func idText(r io.Reader) (string, error) {
	b := bufio.NewReader(io.LimitReader(r, maxIDText))
	text := ""
	for {
		line, err := b.ReadString('\n')
		text = strings.TrimSpace(text + " " + strings.TrimPrefix(line, "\ufeff")) // Windows begins files with it
		if text != "" {
			if _, _, perr := parseInvitation(text); !errors.Is(perr, certs.ErrCutOff) {
				return text, nil
			}
		}
		if err == io.EOF {
			return text, nil
		}
		if err != nil {
			return "", err
		}
	}
}

// askID reads the ID from standard input; on a terminal it asks.
func (p *program) askID() (invitation, error) {
	if _, ok := terminalOf(p.in); ok {
		if fromEnv := p.vars["QSYNC_ID"]; fromEnv != "" {
			return p.parseID(fromEnv)
		}
		return p.typedID()
	}
	text, err := idText(p.in)
	if err != nil {
		return invitation{}, failf("the ID cannot be read from standard input: %v", reason(err))
	}
	if text == "" {
		if text = p.vars["QSYNC_ID"]; text == "" {
			return invitation{}, usagef("there is no ID on standard input: paste it, or set QSYNC_ID, or use --id-file FILE")
		}
	}
	return p.parseID(text)
}

// argumentID is the ID in arguments: one text, "-", or 24 words apart.
func (p *program) argumentID(args []string) (invitation, error) {
	if len(args) == 1 && args[0] == "-" {
		return p.askID()
	}
	p.ui.say("note: every user of this machine can see an ID in an argument; '-', QSYNC_ID and --id-file keep it private")
	return p.parseID(strings.Join(args, " "))
}
