package sonarqube

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/url"
	"regexp"
	"time"

	"opsbot/bot"
	"opsbot/bot/rest"
	"opsbot/bot/sign"
)

const (
	maxBody       = 1 << 20
	maxConditions = 500
	// stamp is how SonarQube writes times.
	stamp = "2006-01-02T15:04:05-0700"
)

var commitForm = regexp.MustCompile(`^[0-9a-f]{7,64}$`)

// Verify implements bot.WebhookParser. The instance's secret may speak about every
// project of it, a project's own about that one: Parse sees to it. SonarQube numbers no
// deliveries: the same body is the same delivery.
func (s *Service) Verify(d bot.Delivery) (string, bot.Scope, error) {
	keys, err := s.keys(context.Background(), d.Header.Get(ofProject))
	if err != nil {
		return "", bot.Scope{}, err
	}
	scheme, err := sign.SonarQube(keys...)
	if err != nil {
		return "", bot.Scope{}, err
	}
	if err := scheme.Verify(d.Header, d.Body); err != nil {
		return "", bot.Scope{}, err
	}
	return digest(d.Body), bot.Scope{}, nil
}

func digest(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:16])
}

// ofProject is the header that says which project a delivery is about.
const ofProject = "X-SonarQube-Project"

// keys are what may have signed a delivery about a project: the configured secret, read
// once as what runs before anything is stored does no I/O, and the project's own.
func (s *Service) keys(ctx context.Context, project string) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.secret == "" {
		secret, err := s.cfg.WebhookSecret.Resolve(ctx)
		if err != nil {
			return nil, err
		}
		if secret == "" {
			return nil, bot.Errorf(bot.CodeInvalid, "integrations.%s.webhook_secret is empty", s.env.Name)
		}
		s.mask.Add(secret)
		s.secret = secret
	}
	if project == "" {
		return []string{s.secret}, nil
	}
	return []string{s.secret, secretOf(s.secret, project)}, nil
}

// secretOf is the secret of a project's webhook. Versions before 10.1 show it to whoever
// administers the project, so that it must open no other one's.
func secretOf(secret, project string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("webhook of the project " + project))
	return hex.EncodeToString(mac.Sum(nil))
}

// report is what a delivery tells.
type report struct {
	key, url    string
	task        string // SUCCESS, FAILED or CANCELLED
	revision    string
	at          time.Time
	branch      string // "" for a pull request, and where there is none
	gate        string // "" if none was computed
	conditions  []condition
	pullRequest string
}

// Parse implements bot.WebhookParser: what a quality gate says of a commit is one event.
// An analysis that names no commit is of no interest: there is nothing to show it on.
func (s *Service) Parse(_ context.Context, d bot.Delivery) ([]bot.Event, error) {
	r, err := parse(d.Body)
	if named := d.Header.Get(ofProject); err == nil && named != "" && named != r.key {
		err = errors.New("it is about another project than the one whose webhook sent it")
	}
	if err != nil {
		return nil, bot.Errorf(bot.CodeInvalid, "The delivery %s is not what it should be.", bot.Escape(bot.Shorten(d.ID, 100))).Because(err)
	}
	if r.revision == "" {
		return nil, nil
	}
	text, tone := r.verdict()
	e := bot.Event{
		ID: digest(d.Body), Source: d.Instance, Type: bot.EventGateReported, OccurredAt: r.at, ReceivedAt: d.ReceivedAt,
		Kind: bot.ResourceQuality, ExternalID: r.key, Branch: r.branch, Commit: r.revision,
		Text: text, Tone: tone, URL: r.url, Cause: d.Cause,
	}
	if e.OccurredAt.IsZero() {
		e.OccurredAt = d.ReceivedAt
	}
	return []bot.Event{e}, nil
}

// fields reads values until one is not what it should be.
type fields struct{ err error }

func (f *fields) text(o rest.Object, key string, limit int) string {
	text, err := o.Text(key, limit)
	if f.err == nil {
		f.err = err
	}
	return text
}

func (f *fields) read(o rest.Object, key string, into any) {
	if err := o.Read(key, into); f.err == nil {
		f.err = err
	}
}

func parse(body []byte) (report, error) {
	var r report
	if len(body) > maxBody {
		return r, errors.New("the body is too large")
	}
	var root, project, branch, gate rest.Object
	if err := json.Unmarshal(body, &root); err != nil {
		return r, err
	}
	var f fields
	f.read(root, "project", &project)
	f.read(root, "branch", &branch)
	f.read(root, "qualityGate", &gate)
	r.key, r.url = f.text(project, "key", 400), link(f.text(project, "url", 2000))
	r.task, r.revision = f.text(root, "status", 40), f.text(root, "revision", 200)
	r.at = moment(f.text(root, "changedAt", 40), f.text(root, "analysedAt", 40))
	if name, kind := f.text(branch, "name", 300), f.text(branch, "type", 40); kind == "PULL_REQUEST" {
		r.pullRequest = name
	} else {
		r.branch = name
	}
	if at := link(f.text(branch, "url", 2000)); at != "" {
		r.url = at
	}
	r.gate = f.text(gate, "status", 40)
	r.conditions = f.conditions(gate)
	switch {
	case f.err != nil:
		return r, f.err
	case !keyForm.MatchString(r.key):
		return r, errors.New("it names no project")
	case r.task == "":
		return r, errors.New("it has no status")
	}
	if !commitForm.MatchString(r.revision) {
		r.revision = "" // another SCM's, or made up: no commit of ours
	}
	return r, nil
}

// moment is the first time of texts that is one.
func moment(texts ...string) time.Time {
	for _, text := range texts {
		if at, err := time.Parse(stamp, text); err == nil {
			return at.UTC()
		}
	}
	return time.Time{}
}

// link lets only addresses of the web through.
func link(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "http" && u.Scheme != "https" {
		return ""
	}
	return u.String()
}
