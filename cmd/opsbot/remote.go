package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"opsbot/bot"
)

// tokenVariable is the environment variable with the token for `say --server`: a
// flag would show it to everybody on the machine.
const tokenVariable = "OPSBOT_TOKEN" //nolint:gosec // the name of the variable, not a token

// remote turns the talk to the server whose page is at address.
func (p *program) remote(t *talk, address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return usageError{fmt.Errorf("--server %q is no URL such as https://opsbot.example.com", address)}
	}
	if u.Scheme == "http" && !loopback(u.Hostname()) {
		return usageError{fmt.Errorf("--server %s: a token goes over https only, or to this machine", address)}
	}
	token, ok := p.environ(tokenVariable)
	if !ok || token == "" {
		return bot.Errorf(bot.CodeUnauthenticated,
			"There is no token in %s; `opsbot token new --for say NAME` makes one where the server runs.", tokenVariable)
	}
	t.base, t.token = strings.TrimRight(u.Scheme+"://"+u.Host+u.Path, "/"), token
	t.client = &http.Client{
		Transport: &http.Transport{ForceAttemptHTTP2: true},
		// The token is for this server and no other.
		CheckRedirect: func(*http.Request, []*http.Request) error { return errRedirected },
	}
	return nil
}

var errRedirected = errors.New("the server sends us elsewhere; name its own URL")

func loopback(host string) bool { return host == "localhost" || net.ParseIP(host).IsLoopback() }
