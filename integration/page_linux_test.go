package integration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// chromium is one browser for all tests, started by the first that needs it.
// Every test has a context of its own in it, which shares nothing with others.
var chromium struct {
	once sync.Once
	ctx  context.Context
	err  error
}

func startBrowser() {
	path, err := exec.LookPath("chromium")
	if err != nil {
		chromium.err = errors.New("the tests of the page need Chromium: apt-get install chromium")
		return
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.NoSandbox, // its sandbox refuses root, whom other tests need
		chromedp.Flag("lang", "en-GB"),
		chromedp.Flag("no-proxy-server", true),
		chromedp.WSURLReadTimeout(2*patience),
		// It ends with the pipe that it is told through; a signal at the end of the
		// thread that started it would come too early.
		chromedp.ModifyCmdFunc(func(*exec.Cmd) {}),
	)
	ctx, stop := chromedp.NewExecAllocator(context.Background(), options...)
	quiet := func(string, ...any) {}
	chromium.ctx, _ = chromedp.NewContext(ctx, chromedp.WithErrorf(quiet), chromedp.WithLogf(quiet))
	chromium.err = chromedp.Do(chromium.ctx)
	atEnd = append(atEnd, func() { _ = chromedp.Cancel(chromium.ctx); stop() })
}

// tab is a page of the browser, as one person has it before them.
type tab struct {
	t   testing.TB
	ctx context.Context

	mu      sync.Mutex
	wrong   []string         // what the browser complained of
	allowed []*regexp.Regexp // what it may complain of
}

// newTab opens an empty tab of somebody who was never here before. What the
// browser complains of until the end of the test fails it.
func newTab(t testing.TB) *tab {
	t.Helper()
	chromium.once.Do(startBrowser)
	must(t, chromium.err)
	return openTab(t, chromium.ctx, chromedp.WithNewBrowserContext())
}

func openTab(t testing.TB, parent context.Context, options ...chromedp.ContextOption) *tab {
	t.Helper()
	p := &tab{t: t}
	ctx, cancel := chromedp.NewContext(parent, append(options, chromedp.WithListener(p.hears))...)
	p.ctx = ctx
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the page shows\n%s", tail(p.shown()))
		}
		cancel()
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, w := range p.wrong {
			t.Errorf("the browser complains: %s", w)
		}
	})
	must(t, chromedp.Do(ctx))
	p.do(chromedp.EmulateViewport(1280, 900))
	_, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: eyes})
	must(t, err)
	return p
}

// another is a second tab of the same person.
func (p *tab) another() *tab {
	p.t.Helper()
	return openTab(p.t, p.ctx)
}

// hears takes what the console gets: errors of scripts, refused requests, and
// what the Content-Security-Policy stopped.
func (p *tab) hears(event any) {
	var text string
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		text = e.ExceptionDetails.Text
		if x := e.ExceptionDetails.Exception; x != nil {
			text += " " + x.Description
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type != "error" && e.Type != "warning" && e.Type != "assert" {
			return
		}
		for _, a := range e.Args {
			text += a.Description + string(a.Value) + " "
		}
	case *log.EventEntryAdded:
		if e.Entry.Level != log.EntryLevelError && e.Entry.Level != log.EntryLevelWarning {
			return
		}
		text = e.Entry.Text + " " + e.Entry.URL
	case *page.EventJavascriptDialogOpening:
		text = "a dialog of the browser: " + e.Message
	default:
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range p.allowed {
		if a.MatchString(text) {
			return
		}
	}
	p.wrong = append(p.wrong, text)
}

// allow says what the browser may complain of from now on.
func (p *tab) allow(pattern string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.allowed = append(p.allowed, regexp.MustCompile(pattern))
}

// awayIsFine says that the node will not answer for a while.
func (p *tab) awayIsFine() { p.allow(`net::ERR_(CONNECTION|INCOMPLETE|EMPTY|NETWORK|SOCKET)`) }

// goes loads an address.
func (p *tab) goes(url string) {
	p.t.Helper()
	p.do(chromedp.Navigate(url))
}

func (p *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	must(p.t, chromedp.Do(ctx, steps...))
}

// ask evaluates an expression in a page; a promise is waited for.
func ask[T any](p *tab, expression string) T {
	p.t.Helper()
	v, err := tryAsk[T](p, expression)
	if err != nil {
		p.t.Fatalf("%v\nin %s", err, expression)
	}
	return v
}

func tryAsk[T any](p *tab, expression string) (T, error) {
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// call is an expression that calls one of eyes' functions.
func call(name string, args ...any) string {
	all := make([]string, len(args))
	for i, a := range args {
		text, _ := json.Marshal(a)
		all[i] = string(text)
	}
	return "qsyncEyes." + name + "(" + strings.Join(all, ", ") + ")"
}

// until waits until a function of eyes has no complaint.
func (p *tab) until(name string, args ...any) {
	p.t.Helper()
	eventually(p.t, func() error {
		complaint, err := tryAsk[string](p, call(name, args...))
		if err == nil && complaint != "" {
			err = errors.New(complaint)
		}
		return err
	})
}

// sees waits until a person sees all of these texts.
func (p *tab) sees(texts ...string) {
	p.t.Helper()
	p.until("sees", "body", texts)
}

// seesIn is sees in the first visible element that a selector finds.
func (p *tab) seesIn(where string, texts ...string) {
	p.t.Helper()
	p.until("sees", where, texts)
}

// misses waits until a text is not to be seen.
func (p *tab) misses(text string) {
	p.t.Helper()
	p.until("misses", text)
}

// shown is what a person sees.
func (p *tab) shown() string {
	text, err := tryAsk[string](p, "document.title + '\\n' + location.hash + '\\n' + document.body.innerText")
	if err != nil {
		return err.Error()
	}
	return text
}

// press clicks with the mouse what has that name: a button, link or summary. It has
// to be visible, usable, and under nothing else.
func (p *tab) press(name string) { p.t.Helper(); p.pressIn("", name) }

// pressIn is press below what a selector finds. The page may move it between the look and
// the press, which takes long where the machine is busy; then the press is taken back
// before it does anything, and made anew.
func (p *tab) pressIn(where, name string) {
	p.t.Helper()
	eventually(p.t, func() error {
		x, y := p.aims(where, name)
		p.do(chromedp.MouseClickXY(x, y))
		if beside, err := tryAsk[string](p, call("beside")); err == nil && beside != "" { // who pressed to leave is not asked
			return fmt.Errorf("for %s was pressed %s", name, beside)
		}
		return nil
	})
}

// aims waits until something can be pressed, and says where it is.
func (p *tab) aims(where, name string) (x, y float64) {
	p.t.Helper()
	var at struct {
		X, Y    float64
		Problem string
	}
	eventually(p.t, func() (err error) {
		at, err = tryAsk[struct {
			X, Y    float64
			Problem string
		}](p, call("place", where, name))
		if err == nil && at.Problem != "" {
			err = errors.New(at.Problem)
		}
		return err
	})
	return at.X, at.Y
}

// types writes a text into the field with that label, in the place of what is there.
func (p *tab) types(label, text string) {
	p.t.Helper()
	p.until("focus", label)
	p.do(insert(text))
}

// chooses takes the option with that value in the list with that label, or a day in
// a field for one.
func (p *tab) chooses(label, value string) {
	p.t.Helper()
	p.until("choose", label, value)
}

// screenshots is where pictures of the views are put, "" for none.
var screenshots = os.Getenv("QSYNC_SCREENSHOTS")

// picture keeps how the page looks.
func (p *tab) picture(name string) {
	p.t.Helper()
	if screenshots == "" {
		return
	}
	png, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
	must(p.t, err)
	must(p.t, os.MkdirAll(screenshots, 0o755))
	must(p.t, os.WriteFile(filepath.Join(screenshots, name+".png"), png, 0o644))
}

// calm has the system want less motion while something is done.
func (p *tab) calm(while func()) {
	p.t.Helper()
	set := func(value string) {
		_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-reduced-motion", Value: value}}})
		must(p.t, err)
	}
	set("reduce")
	defer set("no-preference")
	while()
}

// size makes the window that large, and dark or light.
func (p *tab) size(width, height int, theme string) {
	p.t.Helper()
	p.do(chromedp.EmulateViewport(int64(width), int64(height)))
	ask[bool](p, fmt.Sprintf("localStorage.setItem('qsync-theme', %q), document.documentElement.setAttribute('data-theme', %q), true", theme, theme))
	time.Sleep(50 * time.Millisecond) // it is drawn
}
