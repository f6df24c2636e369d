// Package page_test tries the console's page in a real browser.
package page_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"opsbot/test/program"
)

var shots = flag.String("shots", "", "folder for screenshots of the page")

var (
	binary program.Binary
	ports  program.Ports
)

func TestMain(m *testing.M) { os.Exit(binary.Main(m)) }

// browser starts chromium; without it the test says so loudly.
func browser(t *testing.T, width, height int) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("chromium is missing; install it with: apt-get install chromium")
		}
		t.Skip("NOT TESTED: the page in a browser; install it with: apt-get install chromium")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.WindowSize(width, height), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-quic", true), chromedp.WSURLReadTimeout(60*time.Second))
	alloc, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 3*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// shot saves what the browser shows, where the flag asks for it.
func shot(ctx context.Context, t *testing.T, name string) {
	t.Helper()
	if *shots == "" {
		return
	}
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(*shots, name+".png"), png, 0o600); err != nil {
		t.Fatal(err)
	}
}

// step is one thing done in the browser.
type step = chromedp.Action[chromedp.Void]

// see waits until the text of an element that matches the selector contains want,
// also over a navigation, which takes the page away under the question.
func see(selector, want string) step {
	js := fmt.Sprintf(`[...document.querySelectorAll(%q)].some(e => e.textContent.includes(%q))`, selector, want)
	return holds(fmt.Sprintf("%q contains %q", selector, want), js)
}

// do runs a script that gives nothing back.
func do(js string) step {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := chromedp.Evaluate[bool]("("+js+", true)")(ctx, t)
		return err
	})
}

// click presses the button with that label, in the newest entry that has it.
func click(label string) step {
	return do(fmt.Sprintf(`[...document.querySelectorAll("article .buttons button")].filter(b => b.textContent === %q).at(-1).click()`, label))
}

// keys types into the element with that id and presses Enter.
func keys(id, text string) step {
	return chromedp.SendKeys(chromedp.CSS("#"+id), text+"\n")
}

func say(text string) step { return keys("text", text) }

// TestMainJob logs in, makes a project, sees the ticks, deploys with the buttons,
// sees the app answer, and comes back after a restart without having missed
// anything.
func TestMainJob(t *testing.T) {
	t.Parallel()
	ctx := browser(t, 1100, 900)
	s := binary.Folder(t, t.TempDir(), program.Configuration{}).Serve(t)

	run(ctx, t, chromedp.Navigate(s.Page), see("h1", "You need a link"))
	shot(ctx, t, "no-session")
	run(ctx, t, chromedp.Navigate(s.Login), see("h1", "Log in"), do(`document.querySelector("form button").click()`), see("#empty", "Start your first project"))
	shot(ctx, t, "empty")
	run(ctx, t, say("@opsbot new-project hello-world"), see(".steps li.done", "Repository"), see(".steps li.done", "Environments"),
		see("article", "Success! Your project is available on localgit"))
	run(ctx, t, see("article", "staging"), see("article", "succeeded at"), see("article .buttons", "Deploy to production"))
	shot(ctx, t, "created")
	answers(t, s, "hello-world.staging")

	run(ctx, t, click("Deploy to production"), see("article", "Nothing is deployed in production yet"))
	shot(ctx, t, "plan")
	run(ctx, t, click("Confirm"), see("article", "Confirmed by"), see("article", "runs in production"))
	shot(ctx, t, "deployed")
	answers(t, s, "hello-world.production")

	run(ctx, t, chromedp.Navigate(s.Page+"/board"), see("#board", "hello-world"))
	shot(ctx, t, "board")
	run(ctx, t, chromedp.Navigate(s.Page+"/account"), keys("token-name", "laptop"), see(".fresh", "shown this once"))
	shot(ctx, t, "account")
	run(ctx, t, chromedp.Navigate(s.Page+"/rooms/general"), chromedp.EmulateViewport(390, 844), see("main", "Answer"))
	shot(ctx, t, "phone")
	wide, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`document.documentElement.scrollWidth > window.innerWidth`))
	if err != nil {
		t.Fatal(err)
	}
	if wide {
		t.Error("the page is wider than a phone")
	}
}

func run(ctx context.Context, t *testing.T, steps ...step) {
	t.Helper()
	if _, err := chromedp.Run(ctx, chromedp.Steps(steps...)); err != nil {
		shot(ctx, t, "failed")
		t.Fatal(err)
	}
}

// answers asks the deployed app by its host name.
func answers(t *testing.T, s *program.Server, host string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:"+s.Apps+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = host + ".localhost:" + s.Apps
	resp, err := (&http.Transport{}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK || !strings.Contains(string(body), "hello-world") {
		t.Errorf("%s answers %d: %.200s", host, resp.StatusCode, body)
	}
}
