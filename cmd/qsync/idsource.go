package main

import (
	"bufio"
	"errors"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"qsync/certs"
)

// maxIDText bounds what is read in search of an ID, in bytes.
const maxIDText = 8 << 10

// parseID reads an ID in any form; a note about it goes to standard error.
func (p *program) parseID(text string) (certs.SyncID, error) {
	id, note, err := certs.ParseSyncID(text)
	if err != nil {
		return certs.SyncID{}, usagef("%v; give the 64 hexadecimal digits or the 24 words that 'qsync id show DIR' or 'qsync id words DIR' prints where the folder is shared", err)
	}
	if note != "" {
		p.ui.say("note: %s", note)
	}
	return id, nil
}

// givenID is the ID that a file or the environment gives, in this order, if
// either does.
func (p *program) givenID(file string) (certs.SyncID, bool, error) {
	text := p.vars["QSYNC_ID"]
	if file != "" {
		fi, err := os.Stat(file)
		if err == nil && fi.Mode().IsRegular() && !oneUser(fi) {
			p.ui.say("warning: other users can read %s; close it with 'chmod 600'", quote(file))
		}
		if text, err = readFirstLine(file); err != nil {
			return certs.SyncID{}, false, usagef("the ID cannot be read from %s: %v", quote(file), reason(err))
		}
	}
	if text == "" {
		return certs.SyncID{}, false, nil
	}
	id, err := p.parseID(text)
	return id, true, err
}

func readFirstLine(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	line, err := firstLine(f)
	if err == nil && line == "" {
		err = errors.New("it is empty")
	}
	return line, err
}

// firstLine returns the first line of r that is not blank, "" if there is none.
// It does not wait for the end of r, which whoever writes it may keep open.
func firstLine(r io.Reader) (string, error) {
	b := bufio.NewReader(io.LimitReader(r, maxIDText))
	for {
		line, err := b.ReadString('\n')
		if line = strings.TrimSpace(line); line != "" {
			return line, nil
		}
		if err == io.EOF {
			return "", nil
		}
		if err != nil {
			return "", err
		}
	}
}

// askID reads the ID from standard input; on a terminal it asks, and does not
// show what is typed.
func (p *program) askID() (certs.SyncID, error) {
	text := ""
	if fd, ok := terminalOf(p.in); ok {
		if fromEnv := p.vars["QSYNC_ID"]; fromEnv != "" {
			return p.parseID(fromEnv)
		}
		p.ui.raw("sync ID (64 digits or 24 words; not shown): ")
		b, err := term.ReadPassword(fd)
		p.ui.raw("\n")
		if err != nil {
			return certs.SyncID{}, failf("the ID cannot be read: %v", err)
		}
		text = string(b)
	} else {
		var err error
		if text, err = firstLine(p.in); err != nil {
			return certs.SyncID{}, failf("the ID cannot be read from standard input: %v", reason(err))
		}
	}
	if strings.TrimSpace(text) == "" {
		if text = p.vars["QSYNC_ID"]; text == "" {
			return certs.SyncID{}, usagef("there is no ID on standard input: paste it, or set QSYNC_ID, or use --id-file FILE")
		}
	}
	return p.parseID(text)
}

// argumentID is the ID in arguments: one text, "-", or 24 words apart.
func (p *program) argumentID(args []string) (certs.SyncID, error) {
	if len(args) == 1 && args[0] == "-" {
		return p.askID()
	}
	p.ui.say("note: every user of this machine can see an ID in an argument; '-', QSYNC_ID and --id-file keep it private")
	return p.parseID(strings.Join(args, " "))
}
