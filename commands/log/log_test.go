package log

import (
	"fmt"
	"strings"
	"testing"

	"opsbot/bot"
	"opsbot/test/conformance/commandtest"
)

func TestRun(t *testing.T) {
	t.Parallel()
	r := commandtest.New(t)
	c := New(r.Services)
	r.Refused(c, bot.CodeNotFound, "There is no build of hello yet; `buildNow hello` starts one.", "name=hello")
	r.Build(1, "main", bot.ResultSuccess)
	r.Build(2, "main", bot.ResultSuccess)
	r.Refused(c, bot.CodeNotFound, "There is no build #9 of hello/main; there are: #2, #1.", "name=hello", "number=9")
	r.Refused(c, bot.CodeNotFound, "hello has built no branch mian; there is: main.", "name=hello", "branch=mian")
	var lines strings.Builder
	for i := range 100 {
		fmt.Fprintf(&lines, "step %d *x*\n", i)
	}
	r.CI.Log = lines.String()
	post, err := r.Call(c, "name=hello", "number=1")
	if err != nil {
		t.Fatal(err)
	}
	if post.File == nil || post.File.Bytes != int64(lines.Len()) || post.File.Name != "hello-1.log" || post.File.Blob == "" {
		t.Errorf("the file: %+v", post.File)
	}
	if !strings.HasPrefix(post.Code, "step 75 *x*\n") || !strings.HasSuffix(post.Code, "step 99 *x*") {
		t.Errorf("shown:\n%s", post.Code)
	}
	r.Want(commandtest.Text(post), "Log of build #1 of hello/main", "The last lines of 100; the whole is in the file.")
	r.Want(r.Said(c, "name=hello"), "Log of build #2 of hello/main")
	r.CI.Log = " \n"
	r.Want(r.Said(c, "name=hello"), "is empty.")
	r.CI.Fail("ReadLog", bot.Errorf(bot.CodeUnavailable, "Away."))
	r.Refused(c, bot.CodeUnavailable, "Away.", "name=hello")
}

func TestOfTheApp(t *testing.T) {
	t.Parallel()
	r := commandtest.New(t)
	c := New(r.Services)
	r.Want(r.Said(c, "name=hello", "env=STAGING"), "Log of hello in staging", "app")
	if got := strings.Join(r.Runner.Calls(), ""); got != "ReadLog staging" {
		t.Error(got)
	}
	r.Refused(c, bot.CodeNotFound, `no environment "moon"`, "name=hello", "env=moon")
	r.Services.Environments[0].Deployer = "git"
	r.Refused(c, bot.CodeUnsupported, "it has no logs", "name=hello", "env=staging")
}

func TestTailIsText(t *testing.T) {
	t.Parallel()
	shown, _ := tail(strings.Repeat("é", maxShown) + "\xff")
	if !strings.HasPrefix(shown, "…é") || len(shown) > maxShown+10 || !strings.HasSuffix(shown, "é�") {
		t.Errorf("%d bytes: %.20q", len(shown), shown)
	}
}
