package e2e_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"opsbot/test/program"
)

var servers sync.Map

// serve starts `opsbot serve` and waits until it is ready.
func serve(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg || len(args) > 0, "serve")
	cmd := exec.Command(ts.Getenv("OPSBOT"), arguments(ts, "serve")...)
	cmd.Env = served(ts)
	log, err := os.Create(ts.MkAbs("serve.log")) // for whoever keeps the script's folder
	ts.Check(err)
	ts.Defer(func() { _ = log.Close() })
	cmd.Stderr = log
	s, err := program.Start(cmd)
	ts.Check(err)
	servers.Store(ts, s)
	ts.Defer(s.Stop)
}

// stop ends the server as an operator does.
func stop(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg || len(args) > 0, "stop")
	s, ok := servers.Load(ts)
	if !ok {
		ts.Fatalf("there is no server")
	}
	s.(*program.Server).Stop()
}

// say USER TEXT... talks to the bot; USER is "owner" for whoever owns the machine.
func say(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, len(args) < 2, "[!] say USER TEXT...")
	text, err := speak(ts, args[0], args[1:])
	fmt.Fprint(ts.Stdout(), text)
	result(ts, neg, err)
}

// speak says texts and gives what came of them.
func speak(ts *testscript.TestScript, user string, texts []string) (string, error) {
	if c := chatOf(ts); c != nil && user != "owner" {
		return sayIn(ts, c, user, texts)
	}
	call := arguments(ts, "say")
	if user != "owner" {
		call = append(call, "--as", user)
	}
	err := ts.Exec("opsbot", append(append(call, "--"), texts...)...)
	return ts.ReadFile("stdout"), err
}

// eventually PATTERN USER TEXT says the text until the answer matches: what a push
// sets going has no end that anybody could be told.
func eventually(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg || len(args) != 3, "eventually PATTERN USER TEXT")
	pattern, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	deadline := time.After(time.Minute)
	tick := time.NewTicker(300 * time.Millisecond)
	defer tick.Stop()
	for {
		text, _ := speak(ts, args[1], args[2:]) // the pattern decides
		if pattern.MatchString(text) {
			fmt.Fprint(ts.Stdout(), text)
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			ts.Fatalf("no match of %s in a minute", args[0])
		}
	}
}

// http [!] METHOD HOST/PATH [header:NAME=VALUE ...] [BODYFILE] prints status and
// body. HOST may be NAME@ADDRESS: the host name to ask for, and where.
func request(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, len(args) < 2, "[!] http METHOD [NAME@]ADDRESS/PATH [NAME=VALUE...] [BODYFILE]")
	name, rest, named := strings.Cut(args[1], "@")
	if !named {
		name, rest = "", args[1]
	}
	var body io.Reader
	headers := http.Header{}
	for _, a := range args[2:] {
		if k, v, ok := strings.Cut(a, "="); ok {
			headers.Set(k, v)
			continue
		}
		body = strings.NewReader(ts.ReadFile(a))
	}
	req, err := http.NewRequest(args[0], "http://"+rest, body)
	ts.Check(err)
	req.Header = headers
	if name != "" {
		req.Host = name
	}
	client := &http.Client{Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	for n := 0; err == nil && !neg && resp.StatusCode == http.StatusServiceUnavailable && n < 50; n++ {
		_ = resp.Body.Close() // the page says to try again in a moment: apps are being started
		<-time.After(200 * time.Millisecond)
		resp, err = client.Do(req)
	}
	if err != nil {
		result(ts, neg, err)
		return
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%d\n%s\n", resp.StatusCode, text)
	if resp.StatusCode >= 400 {
		err = errors.New(resp.Status)
	}
	result(ts, neg, err)
}

// deliver DELIVERY BODYFILE posts a push to localgit's own hook, signed as localgit
// signs.
func deliver(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, len(args) != 2, "[!] deliver DELIVERY BODYFILE")
	body := ts.ReadFile(args[1])
	mac := hmac.New(sha256.New, []byte(strings.TrimSpace(ts.ReadFile(ts.Getenv("DATA")+"/integrations/localgit/secret"))))
	mac.Write([]byte(body))
	request(ts, neg, []string{
		"POST", ts.Getenv("PUBLIC") + "/hooks/localgit", "Content-Type=application/json", "X-GitHub-Event=push",
		"X-GitHub-Delivery=" + args[0], "X-Hub-Signature-256=sha256=" + hex.EncodeToString(mac.Sum(nil)), args[1],
	})
}

// capture VAR PATTERN sets VAR to the pattern's group in the last output.
func capture(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg || len(args) != 2, "capture VAR PATTERN")
	pattern, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	found := pattern.FindAllStringSubmatch(ts.ReadFile("stdout"), -1)
	if len(found) == 0 {
		ts.Fatalf("no match of %s in:\n%s", args[1], ts.ReadFile("stdout"))
	}
	ts.Setenv(args[0], found[len(found)-1][1])
}

// press USER ACTION logs in to the page as USER and presses a button.
func press(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, len(args) != 2, "[!] press USER ACTION")
	if c := chatOf(ts); c != nil {
		result(ts, neg, c.Press(args[0], args[1]))
		return
	}
	client, origin := login(ts, args[0])
	result(ts, neg, form(client, origin, "/rooms/general/press", url.Values{"action": {args[1]}}))
}

// reply USER THREAD TEXT says something on the page, in a thread, as it is.
func reply(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg || len(args) != 3, "reply USER THREAD TEXT")
	if c := chatOf(ts); c != nil {
		c.Say(args[0], args[2], args[1])
		return
	}
	client, origin := login(ts, args[0])
	ts.Check(form(client, origin, "/rooms/general/say", url.Values{"thread": {args[1]}, "text": {args[2]}}))
}

// look [!] USER PATTERN looks at the room's page as USER until it matches, or once
// to see that it does not.
func look(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, len(args) != 2, "[!] look USER PATTERN")
	pattern, err := regexp.Compile(args[1])
	ts.Check(err)
	if c := chatOf(ts); c != nil {
		result(ts, neg, lookIn(c, args[0], pattern, neg))
		return
	}
	client, origin := login(ts, args[0])
	deadline := time.After(time.Minute)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		resp, err := client.Get(origin + "/rooms/general")
		ts.Check(err)
		page, err := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
		ts.Check(errors.Join(err, resp.Body.Close()))
		seen := pattern.MatchString(html.UnescapeString(string(page)))
		if neg || seen {
			result(ts, neg, map[bool]error{false: errors.New("the page does not show " + args[1])}[seen])
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			ts.Fatalf("the page does not show %s in a minute", args[1])
		}
	}
}

// login gives a browser that is logged in to the page.
func login(ts *testscript.TestScript, user string) (client *http.Client, origin string) {
	ts.Check(ts.Exec("opsbot", arguments(ts, "login", "--as", user)...))
	link, err := url.Parse(strings.TrimSpace(ts.ReadFile("stdout")))
	ts.Check(err)
	jar, err := cookiejar.New(nil)
	ts.Check(err)
	client = &http.Client{Jar: jar, Timeout: 30 * time.Second}
	origin = "http://" + link.Host
	ts.Check(form(client, origin, "/login", url.Values{"token": {link.Query().Get("token")}}))
	return client, origin
}

func form(client *http.Client, origin, path string, values url.Values) error {
	req, err := http.NewRequest(http.MethodPost, origin+path, strings.NewReader(values.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", origin)
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 400 {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 2000))
		return fmt.Errorf("%s: %s %s", path, resp.Status, text)
	}
	return nil
}

// bigfile NAME MEGABYTES writes a file of that size.
func bigfile(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg || len(args) != 2, "bigfile NAME MEGABYTES")
	var n int64
	_, err := fmt.Sscan(args[1], &n)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Repeat("x", int(n<<20))), 0o600))
}

// listen ADDRESS holds an address until the script ends.
func listen(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg || len(args) != 1, "listen ADDRESS")
	l, err := net.Listen("tcp", args[0])
	ts.Check(err)
	ts.Defer(func() { _ = l.Close() })
}
