package jenkins

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"opsbot/bot"
	"opsbot/bot/sign"
)

// hookKey is what the tokens in the addresses of notifications are derived from,
// read once. The zero value is ready.
type hookKey struct {
	mu  sync.Mutex
	key []byte
}

var errNoHooks = bot.Errorf(bot.CodeUnauthenticated, "webhook refused: this Jenkins has no webhook_secret in the configuration")

func (s *Service) hookSecret(ctx context.Context) ([]byte, error) {
	s.hooks.mu.Lock()
	defer s.hooks.mu.Unlock()
	if s.hooks.key != nil {
		return s.hooks.key, nil
	}
	if s.config.WebhookSecret.IsZero() {
		return nil, errNoHooks
	}
	value, err := s.config.WebhookSecret.Resolve(ctx)
	if err != nil {
		return nil, errNoHooks.Because(err)
	}
	if _, err := sign.NewTokens(value); err != nil { // too weak
		return nil, errNoHooks.Because(err)
	}
	s.mask.Add(value)
	s.hooks.key = []byte(value)
	return s.hooks.key, nil
}

// HookURL is where Jenkins may send notifications about a project's builds: with a
// token of that project alone. "" if no webhook_secret is configured.
func (s *Service) HookURL(ctx context.Context, projectID string) string {
	token, err := s.hookToken(ctx, projectID)
	if err != nil {
		return ""
	}
	return s.env.PublicURL + "/hooks/" + esc(s.env.Name) + "/" + esc(projectID) + "/" + token
}

func (s *Service) hookToken(ctx context.Context, projectID string) (string, error) {
	key, err := s.hookSecret(ctx)
	if err != nil {
		return "", err
	}
	mac := hmac.New(sha256.New, key)
	_, _ = mac.Write([]byte("jenkins hook of " + projectID)) // a hash never fails
	return hex.EncodeToString(mac.Sum(nil)), nil
}

var projectForm = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z-]{0,63}$`)

// Verify implements bot.WebhookParser. Jenkins signs nothing, so the token in the
// path (/PROJECT/TOKEN) is the proof, and its project is the scope. A notification
// has no id of its own; the same one twice is the same delivery.
func (s *Service) Verify(d bot.Delivery) (string, bot.Scope, error) {
	project, token, ok := strings.Cut(strings.TrimPrefix(d.Path, "/"), "/")
	if !ok || !projectForm.MatchString(project) {
		return "", bot.Scope{}, bot.Errorf(bot.CodeUnauthenticated, "webhook refused: the path is not /PROJECT/TOKEN")
	}
	want, err := s.hookToken(context.Background(), project)
	if err != nil {
		return "", bot.Scope{}, err
	}
	tokens, err := sign.NewTokens(want)
	if err != nil {
		return "", bot.Scope{}, bot.Errorf(bot.CodeInternal, "webhook refused: no token can be made").Because(err)
	}
	if err := tokens.Check(token); err != nil {
		return "", bot.Scope{}, err
	}
	sum := sha256.Sum256(append([]byte(project+" "), d.Body...))
	return "jenkins-" + hex.EncodeToString(sum[:16]), bot.Scope{ProjectID: project}, nil
}

// notice is what a delivery says: that something happened to a build. What did is
// read from Jenkins itself: nothing else in an unsigned body is believed.
type notice struct {
	ref   bot.BuildRef
	ended bool // the sender says that the build has ended
}

// Parse implements bot.WebhookParser, for the notification plugin's bodies and for
// {"build_url": env.BUILD_URL} from a Jenkinsfile.
func (s *Service) Parse(ctx context.Context, d bot.Delivery) ([]bot.Event, error) {
	n, ok, err := parseNotice(d.Body)
	if err != nil {
		return nil, bot.Errorf(bot.CodeInvalid, "The delivery %s is no notification of Jenkins.", bot.Escape(bot.Shorten(d.ID, 100))).Because(err)
	}
	if !ok {
		return nil, nil
	}
	job, known, err := read[jobDoc](ctx, s, kindJob, esc(n.ref.Job))
	if err != nil || !known {
		return nil, err // a job that OpsBot has nothing to do with
	}
	n.ref.Job = job.ID
	if err := s.meet(ctx, job.Name, n.ref.Branch); err != nil {
		return nil, err
	}
	b, err := s.Status(ctx, n.ref)
	// For a moment after it was told of, a build still counts as running.
	for i := 0; i < 3 && err == nil && n.ended && b.State != bot.BuildFinished && s.pause(ctx, s.look/4); i++ {
		b, err = s.Status(ctx, n.ref)
	}
	if bot.CodeOf(err) == bot.CodeNotFound {
		return nil, nil // deleted since, or never there
	}
	if err != nil {
		return nil, err
	}
	events := eventsOf(b)
	for i := range events {
		events[i].Source, events[i].ReceivedAt = d.Instance, d.ReceivedAt
	}
	return events, nil
}

// maxBody bounds a notification: with a long log in it it has some kilobytes.
const maxBody = 4 << 20

func parseNotice(body []byte) (n notice, ok bool, err error) {
	if len(body) > maxBody || !utf8.Valid(body) {
		return n, false, errNotice
	}
	var in struct {
		URL      string `json:"url"`
		BuildURL string `json:"build_url"`
		Build    *struct {
			Number  int    `json:"number"`
			QueueID int64  `json:"queue_id"`
			Phase   string `json:"phase"`
			URL     string `json:"url"`
			FullURL string `json:"full_url"`
		} `json:"build"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return n, false, err
	}
	at := in.BuildURL
	if in.Build != nil {
		if at = in.Build.URL; at == "" {
			at = in.Build.FullURL
		}
		n.ended = in.Build.Phase == "COMPLETED" || in.Build.Phase == "FINALIZED"
	}
	if at == "" {
		return n, false, errNotice
	}
	n.ref, ok = parseBuildURL(at)
	if ok && in.Build != nil && in.Build.Number > 0 && in.Build.Number != n.ref.Number {
		return n, false, errNotice
	}
	return n, ok, nil
}

var errNotice = bot.Errorf(bot.CodeInvalid, "the body is not what the notification plugin sends")

// parseBuildURL finds job, branch and number in the address of a build, absolute or
// below Jenkins' root. ok is false for one that is no branch of a multibranch job.
func parseBuildURL(at string) (ref bot.BuildRef, ok bool) {
	u, err := url.Parse(at)
	if err != nil || len(at) > 2000 {
		return ref, false
	}
	parts := strings.Split(strings.Trim(u.EscapedPath(), "/"), "/")
	first := 0
	for first < len(parts) && parts[first] != "job" {
		first++ // what the root's own path has
	}
	var names []string
	for parts = parts[first:]; len(parts) >= 2 && parts[0] == "job"; parts = parts[2:] {
		name, err := url.PathUnescape(parts[1])
		if err != nil {
			return ref, false
		}
		names = append(names, name)
	}
	if len(names) < 2 || len(parts) != 1 {
		return ref, false
	}
	number, err := strconv.Atoi(parts[0])
	if err != nil || number <= 0 {
		return ref, false
	}
	last := len(names) - 1
	ref = bot.BuildRef{Job: strings.Join(names[:last], "/"), Branch: decodeBranch(names[last]), Number: number}
	return ref, checkFullName(ref.Job) == nil && goodBranch(ref.Branch)
}
