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
}
