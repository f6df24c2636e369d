package page_test

import (
	"testing"

	"github.com/chromedp/chromedp"

	"opsbot/test/program"
)

// TestForm makes a project without typing a command: by the button, the form behind
// it, a mistake that is said beside its field, and the answer in the room.
func TestForm(t *testing.T) {
	t.Parallel()
	ctx := browser(t, 1100, 900)
	s := binary.Folder(t, t.TempDir(), program.Configuration{}).Serve(t)
	run(ctx, t, chromedp.Navigate(s.Login), see("h1", "Log in"), do(`document.querySelector("form button").click()`), see("#empty", "Start your first project"))
	run(ctx, t, say("@opsbot new-project"), see("article", "Fill in the form"), click("New static-site"), see("h1", "New static-site"))
	shot(ctx, t, "form")
	run(ctx, t, keys("f-name", "Hello World"), see(".field .problem", "Did you mean hello-world?"))
	shot(ctx, t, "form-wrong")
	run(ctx, t, do(`document.querySelector("#f-name").value = ""`), keys("f-name", "hello-form"),
		see("article", "Success! Your project is available on localgit"))
	shot(ctx, t, "form-sent")
}
