package e2e_test

import (
	"bytes"
	"errors"
	"fmt"
	"html"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"opsbot/test/talk"
)

// fill USER BUTTON FIELD=VALUE... presses the newest button of that name, fills in the
// form that it opens, sends it, and waits for what comes of it.
func fill(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, len(args) < 2, "[!] fill USER BUTTON FIELD=VALUE...")
	values := map[string]string{}
	for _, a := range args[2:] {
		name, value, ok := strings.Cut(a, "=")
		usage(ts, !ok, "fill wants FIELD=VALUE")
		values[name] = strings.ReplaceAll(value, `\n`, "\n")
	}
	chat, message, err := "console", "", error(nil)
	if c := chatOf(ts); c != nil {
		chat = c.Name()
		message, err = fillIn(c, args[0], args[1], values)
	} else {
		message, err = fillPage(ts, args[0], args[1], values)
	}
	if err == nil {
		err = ts.Exec("opsbot", append(arguments(ts, "outcome", "--wait", "1m"), "--", chat, message)...)
	}
	if neg && err != nil {
		fmt.Fprintln(ts.Stdout(), err)
	}
	result(ts, neg, err)
}

// fillIn fills in a form of a chat.
func fillIn(c talk.Chat, user, label string, values map[string]string) (string, error) {
	forms, ok := c.(talk.Filler)
	if !ok {
		return "", errors.New("the chat has no forms")
	}
	action := ""
	for _, e := range c.Shown(user) {
		for _, b := range e.Buttons {
			if b.Label == label {
				action = b.Action
			}
		}
	}
	if err := c.Press(user, action); err != nil {
		return "", err
	}
	return forms.Fill(user, values)
}

var hidden = regexp.MustCompile(`name="form" value="([A-Za-z0-9]+)"`)

// fillPage fills in a form of the page.
func fillPage(ts *testscript.TestScript, user, label string, values map[string]string) (string, error) {
	client, origin := login(ts, user)
	room, err := read(client, origin+"/rooms/general")
	ts.Check(err)
	buttons := regexp.MustCompile(`data-action="([A-Za-z0-9]+)">`+regexp.QuoteMeta(label)+"<").FindAllStringSubmatch(room, -1)
	if len(buttons) == 0 {
		return "", fmt.Errorf("the page has no button %q", label)
	}
	path := "/rooms/general/forms/" + buttons[len(buttons)-1][1]
	page, err := read(client, origin+path)
	ts.Check(err)
	id := hidden.FindStringSubmatch(page)
	if id == nil {
		return "", fmt.Errorf("no form: %s", page)
	}
	sent := url.Values{"form": {id[1]}}
	for name, value := range values {
		sent.Set(name, value)
	}
	return "form:" + user + ":" + id[1], form(client, origin, path, sent)
}

func read(client *http.Client, address string) (string, error) {
	resp, err := client.Get(address)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	return html.UnescapeString(string(text)), err
}

// nowhere USER VALUE... checks that nothing which the program has left behind, or shows
// that person, holds one of the values.
func nowhere(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg || len(args) < 2, "nowhere USER VALUE...")
	files := 0
	look := func(where string, content []byte) {
		files++
		for _, value := range args[1:] {
			if len(value) < 12 {
				ts.Fatalf("%q is too short to be looked for", value)
			}
			if bytes.Contains(content, []byte(value)) {
				ts.Fatalf("%s holds %s", where, value)
			}
		}
	}
	look("the server's log", []byte(ts.ReadFile("serve.log")))
	err := filepath.WalkDir(ts.Getenv("DATA"), func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return ignoreGone(err)
		}
		content, err := os.ReadFile(path)
		look(path, content)
		return ignoreGone(err)
	})
	ts.Check(err)
	if files < 10 {
		ts.Fatalf("only %d files were searched", files)
	}
	if c := chatOf(ts); c != nil {
		for _, e := range c.Shown(args[0]) {
			look("a message", []byte(e.Text))
		}
		return
	}
	client, origin := login(ts, args[0])
	page, err := read(client, origin+"/rooms/general")
	ts.Check(err)
	look("the page", []byte(page))
}

// ignoreGone passes over what was removed while it was searched.
func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// awaits [NAME@]ADDRESS/PATH TEXT asks until the answer holds the text: what a push or a
// start sets going has no end that anybody could be told.
func awaits(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg || len(args) != 2, "awaits [NAME@]ADDRESS/PATH TEXT")
	name, rest, named := strings.Cut(args[0], "@")
	if !named {
		name, rest = "", args[0]
	}
	req, err := http.NewRequest(http.MethodGet, "http://"+rest, nil)
	ts.Check(err)
	req.Host = name
	client := &http.Client{Timeout: 10 * time.Second}
	deadline := time.After(time.Minute)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	last := ""
	for {
		resp, err := client.Do(req)
		if err == nil {
			text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20)) // what came is compared
			_ = resp.Body.Close()
			if last = string(text); strings.Contains(last, args[1]) {
				return
			}
		}
		select {
		case <-tick.C:
		case <-deadline:
			ts.Fatalf("%s does not answer with %s in a minute: %v %s", args[0], args[1], err, last)
		}
	}
}
