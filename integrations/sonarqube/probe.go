package sonarqube

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"opsbot/bot"
	"opsbot/bot/rest"
)

// What it takes: main branches are named at the creation since 9.9, and a secret is
// that long since 10.1.
const (
	leastMajor, leastMinor   = 9, 9
	shortSecret, longestOnes = 16, 200
)

// Probe implements bot.Prober: it reads only.
func (s *Service) Probe(ctx context.Context) []bot.Finding {
	resp, err := s.rest.Do(ctx, rest.Request{Path: "/api/server/version"})
	if err != nil {
		return []bot.Finding{{Subject: "server", Text: bot.MessageOf(err)}}
	}
	return []bot.Finding{probeVersion(string(resp.Body)), s.probeUser(ctx), s.probeSecret(ctx), s.probeAddress()}
}

func probeVersion(text string) bot.Finding {
	f := bot.Finding{Subject: "server", Text: "SonarQube " + string(bot.Escape(bot.Shorten(strings.TrimSpace(text), 40)))}
	parts := strings.SplitN(strings.TrimSpace(text), ".", 3)
	if len(parts) < 2 {
		return bot.Finding{Subject: "server", Text: "What answers does not tell its version as a SonarQube does; is the URL right?"}
	}
	major, err := strconv.Atoi(parts[0])
	minor, err2 := strconv.Atoi(parts[1])
	switch {
	case err != nil || err2 != nil:
		f.Text = "What answers does not tell its version as a SonarQube does; is the URL right?"
	case major < leastMajor || major == leastMajor && minor < leastMinor:
		f.Text += fmt.Sprintf(" is older than %d.%d: it names every main branch master.", leastMajor, leastMinor)
	default:
		f.OK = true
	}
	return f
}

// probeUser asks whose token it is, and whether projects may be created with it.
func (s *Service) probeUser(ctx context.Context) bot.Finding {
	var valid struct {
		Valid bool `json:"valid"`
	}
	if err := s.get(ctx, "/api/authentication/validate", nil, &valid); err != nil {
		return bot.Finding{Subject: "token", Text: bot.MessageOf(err)}
	}
	if !valid.Valid {
		return bot.Finding{Subject: "token", Text: "SonarQube does not accept the token: make a new user token there."}
	}
	var who struct {
		Login       string `json:"login"`
		Permissions struct {
			Global []string `json:"global"`
		} `json:"permissions"`
	}
	if err := s.get(ctx, "/api/users/current", nil, &who); err != nil {
		return bot.Finding{Subject: "token", Text: bot.MessageOf(explain(err, "show whose token OpsBot has", needsBrowse))}
	}
	login := string(bot.Escape(bot.Shorten(who.Login, 60)))
	if !slices.Contains(who.Permissions.Global, "provisioning") {
		return bot.Finding{Subject: "token", Text: "The user " + login + " lacks the global permission " + needsCreate + "."}
	}
	return bot.Finding{OK: true, Subject: "token", Text: "of " + login + ", who may create projects"}
}

func (s *Service) probeSecret(ctx context.Context) bot.Finding {
	const subject = "webhook secret"
	keys, err := s.keys(ctx, "")
	if err == nil {
		err = checkSize(keys[0])
	}
	if err != nil {
		return bot.Finding{Subject: subject, Text: bot.MessageOf(err)}
	}
	return bot.Finding{OK: true, Subject: subject, Text: "long enough"}
}

// probeAddress: SonarQube refuses webhooks to its own machine.
func (s *Service) probeAddress() bot.Finding {
	const subject = "webhook address"
	u, err := url.Parse(s.env.PublicURL)
	if err != nil || u.Hostname() == "" {
		return bot.Finding{Subject: subject, Text: "public_url is no address that SonarQube could call."}
	}
	ip, err := netip.ParseAddr(u.Hostname())
	if u.Hostname() == "localhost" || err == nil && (ip.IsLoopback() || ip.IsUnspecified()) {
		return bot.Finding{Subject: subject, Text: "SonarQube takes no webhook to " + s.env.PublicURL + ": set public_url to an address that it reaches, or sonar.validateWebhooks=false there."}
	}
	return bot.Finding{OK: true, Subject: subject, Text: s.env.PublicURL + "/hooks/" + s.env.Name + "/..."}
}

// checkSize holds the configured secret to what SonarQube takes: as it is, people give
// it to webhooks of their own, and a short one could be found out from what it derives.
func checkSize(secret string) error {
	if n := len(secret); n < shortSecret || n > longestOnes {
		return bot.Errorf(bot.CodeInvalid, "It has %d characters; SonarQube takes %d to %d.", n, shortSecret, longestOnes)
	}
	return nil
}
