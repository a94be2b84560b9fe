package main

import (
	"encoding/json"
	"fmt"
	"runtime"

	"qsync/certs"
)

// printJSON prints one object as one line of standard output.
func (p *program) printJSON(v any) error {
	b, err := json.Marshal(v)
	if err == nil {
		_, err = p.out.Write(append(b, '\n'))
	}
	if err != nil {
		return failf("cannot write to standard output: %v", reason(err))
	}
	return nil
}

// print prints data to standard output.
func (p *program) print(text string) error {
	if _, err := fmt.Fprint(p.out, text); err != nil {
		return failf("cannot write to standard output: %v", reason(err))
	}
	return nil
}

// sentence prints a line to standard output that a person reads, wrapped where
// that is a terminal.
func (p *program) sentence(text string) error {
	if fd, ok := terminalOf(p.out); ok {
		text = hang(text, min(widthOf(fd), statusWidth))
	}
	return p.print(text + "\n")
}

type idJSON struct {
	ID    string `json:"id,omitempty"`
	Words string `json:"words,omitempty"`
	Link  string `json:"link,omitempty"` // what a QR code says
	Note  string `json:"note,omitempty"`
	Valid bool   `json:"valid"`
}

// Run prints a new sync ID.
func (c *idNewCmd) Run(p *program) error {
	id, err := certs.NewSyncID()
	if err != nil {
		return err
	}
	if p.flags.JSON {
		return p.printJSON(idJSON{ID: id.Hex(), Words: id.Words(), Valid: true})
	}
	return p.print(id.Hex() + "\n")
}

func (p *program) knownID(dir string) (certs.SyncID, error) {
	_, e, err := p.known(dir)
	if err != nil {
		return certs.SyncID{}, err
	}
	return e.syncID()
}

// Run prints the ID of a folder as digits.
func (c *idShowCmd) Run(p *program) error {
	id, err := p.knownID(c.Dir)
	if err != nil {
		return err
	}
	if p.flags.JSON {
		return p.printJSON(idJSON{ID: id.Hex(), Words: id.Words(), Valid: true})
	}
	return p.print(id.Hex() + "\n")
}

// Run prints the ID of a folder as words.
func (c *idWordsCmd) Run(p *program) error {
	id, err := p.knownID(c.Dir)
	if err != nil {
		return err
	}
	if p.flags.JSON {
		return p.printJSON(idJSON{ID: id.Hex(), Words: id.Words(), Valid: true})
	}
	return p.print(id.Words() + "\n")
}

// Run draws or writes the QR code of a folder: its ID, and where it is served now.
func (c *idQRCmd) Run(p *program) error {
	h, e, err := p.known(c.Dir)
	if err != nil {
		return err
	}
	id, err := e.syncID()
	if err != nil {
		return err
	}
	v := invitation{id: id, at: admin{home: h}.reached(e.Dir)}
	if c.QRFile != "" {
		if err := writeQR(v, c.QRFile); err != nil {
			return err
		}
		p.ui.say("the QR code is in %s; whoever sees it is in", quote(c.QRFile))
		return nil
	}
	if p.flags.JSON {
		return p.printJSON(idJSON{ID: id.Hex(), Link: v.link(), Valid: true})
	}
	code, err := p.qrCode(v)
	if err != nil {
		return err
	}
	return p.print(code)
}

// Run says whether an ID is one. It never prints it.
func (c *idCheckCmd) Run(p *program) error {
	text := c.ID
	var v invitation
	var err error
	given := false
	if len(text) == 0 {
		if v, given, err = p.givenID(c.IDFile); err == nil && !given {
			err = usagef("which ID? 'qsync id check -' reads it from standard input")
		}
	} else {
		v, err = p.argumentID(text)
	}
	if err != nil {
		return err
	}
	if _, err := certs.Derive(v.id); err != nil {
		return err
	}
	if p.flags.JSON {
		return p.printJSON(idJSON{Valid: true})
	}
	return p.print("valid\n")
}

// Run prints the version.
func (c *versionCmd) Run(p *program) error {
	if p.flags.JSON {
		return p.printJSON(map[string]string{"version": version, "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH})
	}
	return p.print(fmt.Sprintf("qsync %s (%s, %s/%s)\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH))
}
