package console_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"portal-invites/internal/testenv"
)

// tab is a tab of a real browser.
type tab struct {
	t   *testing.T
	ctx context.Context //nolint:containedctx // it lives exactly as long as the test
}

// chromium is the path of a browser. Without one, the test is skipped, but not in CI.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{os.Getenv("CHROMIUM"), "chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatal("no browser: scripts/ensure-chromium.sh installs one")
	}
	t.Skip("SKIPPED: no browser. scripts/ensure-chromium.sh installs one")
	return ""
}

// newBrowser starts a browser, and returns its first tab.
func newBrowser(t *testing.T) *tab {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, // root needs that, and it opens only our own pages
		chromedp.ExecPath(chromium(t)), chromedp.UserDataDir(t.TempDir()))
	//nolint:usetesting // t.Context ends before Cleanup stops the browser
	limited, cancel := context.WithTimeout(context.Background(), 5*patience)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewExecAllocator(limited, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	first := &tab{t, ctx}
	first.must(chromedp.Do(ctx, chromedp.Navigate("about:blank")))
	return first
}

// another opens another tab of the same browser.
func (b *tab) another() *tab {
	b.t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx)
	b.t.Cleanup(cancel)
	return &tab{b.t, ctx}
}

func (b *tab) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatalf("browser: %v", err)
	}
}

// open opens a page and waits until it is loaded.
func (b *tab) open(address string) {
	b.t.Helper()
	b.must(chromedp.Do(b.ctx, chromedp.Navigate(address)))
}

// wait waits until a JavaScript expression is true.
func (b *tab) wait(expression string) {
	b.t.Helper()
	testenv.Eventually(b.t, patience, func() error {
		is, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](expression))
		if err == nil && !is {
			err = fmt.Errorf("not true: %s\n%s", expression, b.text())
		}
		return err // also while another page is being loaded
	})
}

// waitText waits until the page has a text.
func (b *tab) waitText(text string) {
	b.t.Helper()
	b.wait("document.body.innerText.includes(" + quoted(text) + ")")
}

func quoted(text string) string { return "`" + strings.ReplaceAll(text, "`", "\\`") + "`" }

// clickText clicks the link or button with a text, and waits for the page that follows.
func (b *tab) clickText(text string) {
	b.t.Helper()
	b.wait("!!(" + named(text) + ")")
	_, err := chromedp.RunResponse(b.ctx, func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := chromedp.Evaluate[any]("("+named(text)+").click()")(ctx, t)
		return chromedp.Void{}, err
	})
	b.must(err)
}

func named(text string) string {
	return "[...document.querySelectorAll('a, button, summary')]" +
		".find((e) => e.textContent.trim() === " + quoted(text) + ")"
}

func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	value, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	b.must(err)
	return value
}

// text is what the page shows.
func (b *tab) text() string {
	value, err := chromedp.Run(b.ctx, chromedp.Evaluate[string]("document.body.innerText"))
	if err != nil {
		return err.Error()
	}
	return value
}

// look sets the width and the theme.
func (b *tab) look(width int, theme string) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: int64(width), Height: 900, DeviceScaleFactor: 1, Mobile: width < 500,
	})
	b.must(err)
	_, err = chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}},
	})
	b.must(err)
}

// front makes the tab the one that is seen.
func (b *tab) front() {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, page.BringToFront, cdp.Empty{})
	b.must(err)
}

// evalLater evaluates an expression that is a promise, and waits for it.
func evalLater[T any](b *tab, expression string) T {
	b.t.Helper()
	value, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	b.must(err)
	return value
}
