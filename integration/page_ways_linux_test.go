package integration

import (
	"encoding/base64"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// Whatever one page shows of an invitation, the other joins by: the ID, the link, the
// words with those that are offered for what is typed, and a picture of the code.
func TestPageWaysToJoin(t *testing.T) {
	t.Parallel()
	a, b := newMachine(t, "anna"), newMachine(t, "bert")
	at := address(t)
	d := dirs(t, "by-id", "by-link", "by-words", "by-code", "x")
	config := "web:\n  listen: 127.0.0.1:0\nfolders:\n"
	for _, dir := range d[:4] {
		config += "  - path: " + dir + "\n"
		write(t, filepath.Join(dir, "of.txt"), filepath.Base(dir))
	}
	a.serves(config, "--no-discovery", "--listen", at)
	b.serves("folders: []\nweb:\n  listen: 127.0.0.1:0\n", "--no-discovery", "--listen", "127.0.0.1:0")
	pa, pb := a.page(), b.page()

	// shown is one of the secrets that the page of a folder shows, and a picture of its code.
	shown := func(dir, which string) (text string, png []byte) {
		ask[bool](pa, "location.hash = '#/folder/' + encodeURIComponent("+quoted(dir)+"), true")
		pa.seesIn("h1", filepath.Base(dir))
		pa.press("Invite a device")
		pa.until("sees", "dialog svg.qr", []string{})
		png, err := chromedp.Run(pa.ctx, chromedp.Screenshot("dialog svg.qr"))
		must(t, err)
		text = ask[string](pa, `[...document.querySelectorAll('dialog .secret-box')].find(b => b.querySelector('h3').innerText === `+quoted(which)+`).querySelector('.secret').textContent`)
		pa.press("Done")
		return text, png
	}
	// join fills in the rest of the dialog, and is there when the file has come.
	join := func(dir string) {
		t.Helper()
		into := filepath.Join(d[4], filepath.Base(dir))
		pb.types("Directory on this machine", into)
		pb.press("More")
		pb.types("Addresses of peers", at)
		pb.pressIn("dialog", "Join")
		pb.until("none", "dialog[open]")
		holds(t, filepath.Join(into, "of.txt"), filepath.Base(dir))
	}
	begin := func() { t.Helper(); pb.press("Join a folder"); pb.seesIn("dialog", "Invitation") }

	id, _ := shown(d[0], "The sync ID")
	begin()
	pb.types("Invitation", "  "+strings.ToUpper(id)+"\n")
	pb.seesIn("dialog", "An ID or a link")
	join(d[0])

	link, _ := shown(d[1], "As a link, with addresses")
	if !strings.HasPrefix(link, "qsync:join?id=") {
		t.Fatalf("the link is %.20s", link)
	}
	begin()
	pb.types("Invitation", link[:len(link)-9])
	pb.types("Directory on this machine", filepath.Join(d[4], "by-half"))
	pb.pressIn("dialog", "Join")
	pb.seesIn("dialog .problem", "64") // digits that an ID has
	pb.types("Invitation", link)
	join(d[1])

	words, _ := shown(d[2], "The 24 words")
	all := strings.Fields(words)
	begin()
	k := slices.IndexFunc(all, func(w string) bool { return len(w) > 4 }) // four letters tell which
	pb.types("Invitation", strings.Join(append(all[:k:k], all[k][:4]), "\n"))
	pb.pressIn("dialog .suggest", all[k])
	eventually(t, func() error {
		if got := ask[string](pb, "document.querySelector('dialog textarea').value"); !strings.HasSuffix(got, all[k]+" ") {
			return fmt.Errorf("the field ends in %q", got[max(len(got)-12, 0):])
		}
		return nil
	})
	pb.types("Invitation", strings.Join(all, "\n"))
	pb.seesIn("dialog", "All 24 words, and they fit together")
	wrong := map[bool]string{true: "zoo", false: "abandon"}[all[4] != "zoo"]
	pb.types("Invitation", strings.Join(append(append(append([]string{}, all[:4]...), wrong), all[5:]...), " "))
	pb.until("sees", "dialog [aria-invalid=true]", []string{})
	cut := make([]string, 24)
	for i, w := range all {
		cut[i] = w[:min(4, len(w))]
	}
	pb.types("Invitation", strings.Join(cut, "-"))
	pb.seesIn("dialog", "All 24 words, and they fit together")
	join(d[2])

	_, png := shown(d[3], "The sync ID")
	begin()
	picked := func(name string, content []byte) {
		ask[bool](pb, fmt.Sprintf(`(() => {
			const all = new DataTransfer(), field = document.querySelector('dialog input[type=file]');
			all.items.add(new File([Uint8Array.from(atob(%q), c => c.charCodeAt(0))], %q, {type: 'image/png'}));
			field.files = all.files;
			return field.dispatchEvent(new Event('change', {bubbles: true}));
		})()`, base64.StdEncoding.EncodeToString(content), name))
	}
	picked("photo.png", png[:len(png)/3])
	pb.seesIn("dialog .problem", "picture")
	picked("code.png", png)
	pb.sees("The code was read")
	join(d[3])
	for _, dir := range d[:4] {
		pb.seesIn("main", filepath.Base(dir))
	}
	keepsProfile(pa, a, d)
}

// keepsProfile makes a profile of the first two of four folders, stops and starts it,
// keeps it as a file, and loads it from that when it was deleted.
func keepsProfile(p *tab, m *machine, d []string) {
	t := m.t.(*testing.T)
	t.Helper()
	file := filepath.Join(m.home, "profiles", "travel.yaml")
	p.pressIn("nav", "Profiles")
	p.seesIn("main", "No profile yet")
	p.press("New profile")
	p.types("Name", "on the road")
	p.press("by-words")
	p.press("by-code")
	p.pressIn("dialog", "Create")
	p.seesIn("dialog .dialog-note", "letters")
	p.types("Name", "travel")
	p.pressIn("dialog", "Create")
	p.seesIn("article", "travel", "running", "by-id", "by-link")
	p.misses("by-words")
	p.pressIn("article", "Save")
	p.seesIn("article", "Saved as a file")
	saved := read(t, file)
	for i, dir := range d[:4] {
		if strings.Contains(saved, dir+"\n") != (i < 2) {
			t.Errorf("in the file is\n%s", saved)
		}
	}
	p.pressIn("article", "Stop")
	p.seesIn("article", "travel", "paused")
	p.pressIn("nav", "Folders")
	p.until("count", ".state-paused", 2)
	p.pressIn("nav", "Profiles")
	p.pressIn("article", "Start")
	p.seesIn("article", "travel", "running")
	for _, width := range []int{360, 1600} {
		p.size(width, 900, "light")
		p.picture(fmt.Sprintf("profile-%d", width))
	}
	p.pressIn("article", "Delete")
	p.seesIn("dialog", "Delete the profile travel?", "Its file stays among the saved profiles")
	p.pressIn("dialog", "Delete")
	p.seesIn("main", "No profile yet", "Saved profiles", "travel")
	for _, width := range []int{360, 1600} {
		p.size(width, 900, "light")
		p.picture(fmt.Sprintf("profile-saved-%d", width))
	}
	p.size(1280, 900, "auto")

	// Its folders went on meanwhile, and belong to it again.
	p.pressIn("main", "Load")
	p.sees("travel is loaded")
	p.seesIn("article", "travel", "running", "by-id", "by-link")
	p.pressIn("article", "Delete")
	p.pressIn("dialog", "Delete")
	m.must(0, "forget", d[0])
	p.pressIn("main", "Load") // its ID is not in the file: it would be a group of its own
	p.seesIn(".notes", "the sync ID of "+d[0]+" is not known here any more", "qsync join")
	p.picture("profile-without-id")
	if now := read(t, filepath.Join(m.home, "config.yaml")); strings.Contains(now, d[0]+"\n") || strings.Contains(now, "travel") {
		t.Errorf("config.yaml is\n%s", now)
	}
	p.pressIn("main", "Delete the file")
	p.seesIn("dialog", "Delete the file of travel?", "no folder changes")
	p.pressIn("dialog", "Delete")
	p.sees("The file of travel is deleted")
	p.misses("Saved profiles")
	gone(t, file)
	p.pressIn("nav", "Folders")
	p.until("count", "article", 3)
}
