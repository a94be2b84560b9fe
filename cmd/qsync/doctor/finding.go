package doctor

import (
	"errors"
	"fmt"
)

// State is how a thing is.
type State string

// The states. A note needs nobody to do anything; what is bad keeps something
// from working.
const (
	OK   State = "ok"
	Note State = "note"
	Bad  State = "bad"
)

// Finding is what one check found.
type Finding struct {
	Check  string `json:"check"` // its name, for scripts
	State  State  `json:"state"`
	Text   string `json:"text"`
	Cure   string `json:"cure,omitempty"`
	Folder string `json:"folder,omitempty"` // that it is about, absolute
}

// ok, note and bad make findings.
func ok(check, format string, a ...any) Finding {
	return Finding{Check: check, State: OK, Text: fmt.Sprintf(format, a...)}
}

func note(check, format string, a ...any) Finding {
	return Finding{Check: check, State: Note, Text: fmt.Sprintf(format, a...)}
}

func bad(check, format string, a ...any) Finding {
	return Finding{Check: check, State: Bad, Text: fmt.Sprintf(format, a...)}
}

// to gives a finding its cure.
func (f Finding) to(format string, a ...any) Finding {
	f.Cure = fmt.Sprintf(format, a...)
	return f
}

// At says which folder a finding is about.
func (f Finding) At(folder string) Finding {
	f.Folder = folder
	return f
}

// unknown is the finding about a fact that could not be had.
func unknown(check, what string, err error) Finding {
	if errors.Is(err, errors.ErrUnsupported) {
		return ok(check, "%s: nothing to look at on this system", what)
	}
	return note(check, "%s: cannot be looked at: %v", what, err)
}

func size(n int64) string {
	for _, u := range []struct {
		name string
		of   int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if n >= u.of {
			return fmt.Sprintf("%.1f %s", float64(n)/float64(u.of), u.name)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}
