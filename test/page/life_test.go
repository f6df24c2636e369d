package page_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"opsbot/test/program"
)

// cli runs the program on the folder and gives what it prints.
func cli(t *testing.T, bot program.Folder, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := bot.Output(ctx, args...)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(out)
}

// git runs git in dir.
func git(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", append([]string{"-c", "user.name=eve", "-c", "user.email=eve@example.com"}, args...)...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_GLOBAL=/dev/null")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

// holds waits until a script's expression is true.
func holds(what, js string) step {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		deadline := time.After(90 * time.Second)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			if ok, err := chromedp.Evaluate[bool](js)(ctx, t); err == nil && ok {
				return nil
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-deadline:
				text, _ := chromedp.Evaluate[string](`document.body.innerText`)(ctx, t)
				return fmt.Errorf("it never came that %s; the page shows:\n%s", what, text)
			case <-tick.C:
			}
		}
	})
}

// tabTo presses Shift+Tab until what has the focus reads label.
func tabTo(label string) step {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		for range 60 {
			text, err := chromedp.Evaluate[string](`document.activeElement.textContent`)(ctx, t)
			if err != nil || strings.TrimSpace(text) == label {
				return err
			}
			if _, err := chromedp.KeyEvent("\t", chromedp.KeyModifiers(chromedp.ModifierShift))(ctx, t); err != nil {
				return err
			}
		}
		return fmt.Errorf("the Tab key never reaches %q", label)
	})
}

// press presses a key on what has the focus.
func press(key string) step { return chromedp.KeyEvent(key) }

// scheme makes the browser prefer dark or light.
func scheme(name string) step {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}},
		})
		return err
	})
}

// logIn redeems a link with the keyboard: its button has the focus.
func logIn(link string) step {
	return chromedp.Steps(chromedp.Navigate(link), see("h1", "Log in"), press("\r"), see("nav", "Board"))
}

// brightness is that of the page's background, 0 to 255.
const brightness = `(s => { const [r, g, b] = getComputedStyle(s).backgroundColor.match(/\d+/g).map(Number); return (r + g + b) / 3; })(document.body)`

// TestLifeOfAPage works with the keyboard alone, sees foreign text as text, is
// another person for a while, and lives on over a restart of the server.
func TestLifeOfAPage(t *testing.T) {
	t.Parallel()
	ctx := browser(t, 1100, 900)
	fixed, err := ports.Fixed(program.Configuration{}) // the page finds it again after a restart
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	bot := binary.Folder(t, dir, fixed)
	s := bot.Serve(t)

	// The keyboard alone: log in, take the suggestion, send it, deploy, confirm.
	run(ctx, t, logIn(s.Login), tabTo("@opsbot new-project hello-world"), press("\r"), press("\r"),
		see("article", "Success! Your project is available on localgit"), see("article .buttons", "Deploy to production"),
		do(`document.getElementById("text").focus()`), tabTo("Deploy to production"), press("\r"),
		see("article .buttons", "Confirm"), do(`document.getElementById("text").focus()`), tabTo("Confirm"), press(" "), see("article", "runs in production"))

	run(ctx, t, scheme("dark"), holds("the page is dark", brightness+" < 60"))
	shot(ctx, t, "dark")
	run(ctx, t, scheme("light"), holds("the page is light", brightness+" > 200"))

	foreignText(ctx, t, cli(t, bot, "token", "new", "page"), dir, bot)
	anotherPerson(ctx, t, bot)
	restart(ctx, t, s, bot)
}

// foreignText pushes a commit whose title and branch try to be markup.
func foreignText(ctx context.Context, t *testing.T, token, dir string, bot program.Folder) {
	t.Helper()
	const title = `<img src=x onerror=document.title=1> **bold** [here](http://evil.example.com)`
	clone := strings.TrimSpace(cli(t, bot, "say", "--json", "project hello-world"))
	_, rest, _ := strings.Cut(clone, "/git/local/hello-world")
	at := strings.LastIndex(clone[:len(clone)-len(rest)], "http://")
	host := strings.TrimPrefix(strings.TrimSuffix(clone[at:len(clone)-len(rest)], "/git/local/hello-world"), "http://")
	name, err := user.Current() // the owner is called as on this machine
	if err != nil {
		t.Fatal(err)
	}
	work := filepath.Join(dir, "work")
	git(t, dir, "clone", "-q", "http://"+name.Username+":"+token+"@"+host+"/git/local/hello-world.git", work)
	git(t, work, "checkout", "-q", "-b", "<b>x</b>&`y`")
	git(t, work, "commit", "-q", "--allow-empty", "-m", title)
	git(t, work, "push", "-q", "origin", "HEAD")
	run(ctx, t, see("article h3", title), see("article h3", "<b>x</b>&`y`"),
		holds("foreign text is no markup", `!document.querySelector("#entries img, #entries h3 b") && document.title !== "1"`))
	shot(ctx, t, "foreign-text")
}

// anotherPerson logs in as somebody who may not do everything: what is refused is
// said to that person alone.
func anotherPerson(ctx context.Context, t *testing.T, bot program.Folder) {
	t.Helper()
	run(ctx, t, logIn(cli(t, bot, "login", "--as", "bob")), see(".me", "bob"), say("@opsbot delete-project hello-world"),
		see("article.private", "only you see this"), see("article.private", "may not"))
	shot(ctx, t, "refused")
	run(ctx, t, logIn(cli(t, bot, "login")), see("article", "@opsbot delete-project hello-world"),
		holds("the owner does not see what was told to bob", `![...document.querySelectorAll("article")].some(e => e.textContent.includes("only you see this"))`))
}

// restart stops the server under the page: it says so, and shows by itself what
// was said meanwhile.
func restart(ctx context.Context, t *testing.T, s *program.Server, bot program.Folder) {
	t.Helper()
	run(ctx, t, do(`window.stays = 42`), do(`document.getElementById("text").value = "half a sentence"`))
	s.Stop()
	run(ctx, t, holds("the page says that the connection is lost", `!document.getElementById("link").hidden`))
	shot(ctx, t, "connection-lost")
	cli(t, bot, "say", "whoami")
	bot.Serve(t)
	run(ctx, t, see("article", "@opsbot whoami"), holds("the page is connected again", `document.getElementById("link").hidden`),
		holds("the page was not loaded anew", `window.stays === 42 && document.getElementById("text").value === "half a sentence"`))
	cli(t, bot, "say", "projects")
	run(ctx, t, see("article", "@opsbot projects"))
	shot(ctx, t, "reconnected")
}
