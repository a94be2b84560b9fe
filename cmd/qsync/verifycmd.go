package main

import (
	"context"
	"fmt"
	"time"

	"qsync/folder"
	"qsync/peer"
)

// verifyQuery asks for a part of a folder to be read, or what has become of the
// files that wait for a good copy.
type verifyQuery struct {
	After   []byte   `json:"after"`
	Repair  bool     `json:"repair"`
	Waiting [][]byte `json:"waiting,omitempty"`
}

type verifyAnswer struct {
	Files   int64        `json:"files"`
	Bytes   int64        `json:"bytes"`
	Total   int64        `json:"total"` // files of the folder
	Found   []verifyLine `json:"found"`
	Next    []byte       `json:"next"`
	More    bool         `json:"more"`
	Waiting [][]byte     `json:"waiting,omitempty"`
	Peers   int          `json:"peers"`
	Unkept  bool         `json:"unkept"` // no versions are kept
}

// verifyLine is a file that is not as the map says, as --json prints it.
type verifyLine struct {
	Event    string `json:"event"` // rotten, changed, unreadable
	Folder   string `json:"folder,omitempty"`
	Path     string `json:"path"`
	Size     int64  `json:"size"`
	Why      string `json:"why,omitempty"`
	Repaired string `json:"repaired,omitempty"` // done, wanted

	Raw []byte `json:"raw_path,omitempty"` // where it is not UTF-8
}

// verifyEnd is the last line of --json.
type verifyEnd struct {
	Event    string `json:"event"` // verified
	Folder   string `json:"folder"`
	Files    int64  `json:"files"`
	Bytes    int64  `json:"bytes"`
	Rotten   int    `json:"rotten"`
	Repaired int    `json:"repaired"`
	Waiting  int    `json:"waiting"`
	Changed  int    `json:"changed"`
	Unread   int    `json:"unreadable"`
	Unkept   bool   `json:"unkept,omitempty"` // the rotten ones that were repaired are gone: no versions are kept
}

const (
	verifyFor  = time.Second // of a part, beside the file that is being read then
	repairStep = 500 * time.Millisecond
)

var verbVerify = verb[verifyQuery, verifyAnswer]{"verify", func(ctx context.Context, f *peer.Folder, q verifyQuery) (verifyAnswer, error) {
	if len(q.Waiting) > 0 {
		var paths []folder.Path
		for _, p := range q.Waiting {
			paths = append(paths, folder.Path(p))
		}
		left, peers, err := f.Unrepaired(paths)
		a := verifyAnswer{Peers: peers}
		for _, p := range left {
			a.Waiting = append(a.Waiting, []byte(p))
		}
		return a, err
	}
	part, err := f.Verify(ctx, peer.Verifying{After: folder.Path(q.After), Repair: q.Repair, For: verifyFor})
	a := verifyAnswer{Unkept: !f.KeepsVersions(), Files: part.Files, Bytes: part.Bytes, Total: f.Status().Entries.Files, Next: []byte(part.Next), More: part.More}
	for _, x := range part.Found {
		a.Found = append(a.Found, verifyLine{Event: x.State, Path: string(x.Path), Size: x.Size, Why: x.Why, Repaired: x.Repaired, Raw: rawName(string(x.Path))})
	}
	return a, err
}}

// Run reads everything again.
func (c *verifyCmd) Run(p *program) error {
	places, err := p.places(c.Dir)
	if err != nil {
		return err
	}
	bad := false
	err = p.each(places, func(at place) error {
		v := &verifying{p: p, at: at, repair: c.Repair, wait: c.Timeout.or(time.Minute), end: verifyEnd{Event: "verified", Folder: at.entry.Dir}}
		err := verbVerify.parts(p, at, verifyQuery{Repair: c.Repair}, v.part)
		p.ui.progress("")
		if err == nil {
			err = v.summary()
		}
		bad = bad || v.end.Unread > 0 || v.end.Rotten > v.end.Repaired
		return err
	})
	if err != nil {
		return err
	}
	if bad {
		return outcome(errPartial)
	}
	return nil
}

// verifying is the verification of one folder.
type verifying struct {
	p       *program
	at      place
	repair  bool
	wait    time.Duration // for peers to send good copies
	until   time.Time     // of that
	waiting [][]byte
	unkept  bool // what is replaced is in no versions
	end     verifyEnd
}

func (v *verifying) part(a verifyAnswer) (verifyQuery, bool, error) {
	if len(v.waiting) > 0 && !v.until.IsZero() {
		return v.await(a)
	}
	v.unkept = a.Unkept
	v.end.Files += a.Files
	v.end.Bytes += a.Bytes
	for i := range a.Found {
		if err := v.found(&a.Found[i]); err != nil {
			return verifyQuery{}, false, err
		}
	}
	v.p.ui.progress(fmt.Sprintf("verifying  %d of %s, %s read", v.end.Files, plural(a.Total, "file", "files"), size(v.end.Bytes)))
	if a.More || len(v.waiting) == 0 {
		return verifyQuery{After: a.Next, Repair: v.repair}, a.More, nil
	}
	v.until = v.p.now().Add(v.wait)
	return verifyQuery{Waiting: v.waiting}, true, nil
}

// await looks again and again whether good copies have come, while there is
// somebody to send them.
func (v *verifying) await(a verifyAnswer) (verifyQuery, bool, error) {
	v.end.Repaired += len(v.waiting) - len(a.Waiting)
	v.waiting = a.Waiting
	if len(v.waiting) == 0 || a.Peers == 0 || v.p.now().After(v.until) {
		return verifyQuery{}, false, nil
	}
	v.p.ui.progress(fmt.Sprintf("fetching good copies of %s", plural(int64(len(v.waiting)), "file", "files")))
	time.Sleep(repairStep)
	return verifyQuery{Waiting: v.waiting}, true, nil
}

func (v *verifying) found(x *verifyLine) error {
	path := exact(x.Path, x.Raw)
	switch x.Event {
	case "rotten":
		v.end.Rotten++
	case "changed":
		v.end.Changed++
	default:
		v.end.Unread++
	}
	switch x.Repaired {
	case "done":
		v.end.Repaired++
	case "wanted":
		v.waiting = append(v.waiting, []byte(path))
	}
	if v.p.flags.JSON {
		x.Folder = v.at.entry.Dir
		return v.p.printJSON(x)
	}
	text := fmt.Sprintf("%-10s %9s  %s\n", x.Event, size(x.Size), quote(path))
	switch {
	case x.Why != "":
		text += fmt.Sprintf("%-10s %9s  %s\n", "", "", clean(x.Why))
	case x.Repaired == "done":
		text += fmt.Sprintf("%-10s %9s  repaired with a copy from this machine\n", "", "")
	case x.Repaired == "wanted":
		text += fmt.Sprintf("%-10s %9s  a good copy is asked for\n", "", "")
	}
	return v.p.print(text)
}

func (v *verifying) summary() error {
	v.end.Waiting, v.end.Unkept = len(v.waiting), v.unkept && v.end.Repaired > 0
	if v.p.flags.JSON {
		return v.p.printJSON(v.end)
	}
	e := v.end
	text := fmt.Sprintf("%s, %s read", plural(e.Files, "file", "files"), size(e.Bytes))
	if e.Changed > 0 {
		text += fmt.Sprintf("; %d changed meanwhile, and are scanned", e.Changed)
	}
	if e.Unread > 0 {
		text += fmt.Sprintf("; %d cannot be read", e.Unread)
	}
	switch left := e.Rotten - e.Repaired; {
	case e.Rotten == 0:
		text += "; no rot"
	case !v.repair:
		text += fmt.Sprintf("; %d rotten: 'qsync verify --repair %s' fetches good copies", e.Rotten, quote(v.at.entry.Dir))
	case left == 0 && e.Unkept:
		text += fmt.Sprintf("; %d rotten, all repaired; no versions are kept here (--versions 0), so the rotten ones are gone", e.Rotten)
	case left == 0:
		text += fmt.Sprintf("; %d rotten, all repaired; the rotten ones are in .qsync/versions", e.Rotten)
	case e.Waiting == left:
		text += fmt.Sprintf("; %d rotten, %d wait for a peer that has them: they are replaced when it is here", e.Rotten, left)
	default:
		text += fmt.Sprintf("; %d rotten, %d not repaired", e.Rotten, left)
	}
	v.p.ui.say("%s", text)
	return nil
}
