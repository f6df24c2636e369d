package sonarqube

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"opsbot/bot"
	"opsbot/bot/rest"
)

// The permissions that our calls want, as SonarQube's pages call them.
const (
	needsBrowse = "Browse on the project"
	needsCreate = "Create Projects"
	needsAdmin  = "Administer on the project"
)

var (
	keyForm       = regexp.MustCompile(`^[A-Za-z0-9_.:-]*[A-Za-z_.:-][A-Za-z0-9_.:-]*$`)
	operationForm = regexp.MustCompile(`^[a-z0-9.+#-]{1,100}$`) // what a tag may hold
)

// ProvisionTitle implements bot.Provisioner.
func (s *Service) ProvisionTitle() string { return "SonarQube project" }

// ProvisionKind implements bot.Provisioner.
func (s *Service) ProvisionKind() bot.ResourceKind { return bot.ResourceQuality }

// component is a project as SonarQube describes it.
type component struct {
	Key        string   `json:"key"`
	Name       string   `json:"name"`
	Visibility string   `json:"visibility"`
	Tags       []string `json:"tags"`
}

// wanted is what a specification means there.
type wanted struct {
	spec            bot.ProvisionSpec
	key, name, tag  string
	visibility      string
	hookID, hookURL string
}

// want checks a specification. A name has no underscore, so that the last one of a key
// parts owner and name, and no two projects share a key.
func want(spec bot.ProvisionSpec) (wanted, error) {
	operation := strings.ToLower(spec.Operation)
	w := wanted{
		spec: spec, key: strings.ReplaceAll(spec.Owner, "/", ":") + "_" + spec.Name,
		name: spec.Name + " (OpsBot " + operation + ")", tag: "opsbot-" + operation, visibility: "public",
	}
	if spec.Private {
		w.visibility = "private"
	}
	switch {
	case spec.Name == "" || !keyForm.MatchString(w.key) || len(w.key) > 400:
		return w, bot.Errorf(bot.CodeInvalid, "SonarQube allows no project with the key %s.", bot.Escape(bot.Shorten(w.key, 100)))
	case !operationForm.MatchString(operation):
		return w, bot.Errorf(bot.CodeInternal, "The operation that makes %s has no usable id.", bot.Escape(w.key))
	}
	if spec.HookURL == "" {
		return w, nil
	}
	u, err := url.Parse(spec.HookURL)
	if err == nil {
		w.hookID = lastSegment(u.Path)
	}
	if w.hookURL = spec.HookURL; w.hookID == "" {
		return w, bot.Errorf(bot.CodeInternal, "The webhook of %s has no usable address.", bot.Escape(w.key))
	}
	return w, nil
}

// marked tells whether the operation's mark is on a project itself.
func (w wanted) marked(c component) bool {
	return c.Name == w.name || slices.Contains(c.Tags, w.tag)
}

func (s *Service) provision(w wanted) bot.Provision {
	return bot.Provision{ExternalID: w.key, Name: w.key, URL: s.page(w.key)}
}

// show reads a project; nil if there is none.
func (s *Service) show(ctx context.Context, key string) (*component, error) {
	var got struct {
		Component component `json:"component"`
	}
	err := s.get(ctx, "/api/components/show", url.Values{"component": {key}}, &got)
	switch {
	case rest.StatusOf(err) == http.StatusNotFound:
		return nil, nil
	case err != nil:
		return nil, explain(err, "show the project "+string(bot.Escape(key)), needsBrowse)
	case got.Component.Key != key:
		return nil, bot.Errorf(bot.CodeUnavailable, "SonarQube answered with something else than the project %s.", bot.Escape(key)).Backoff()
	}
	return &got.Component, nil
}

// FindProvision implements bot.Provisioner. One that is not finished counts as absent:
// ensuring it again puts it right.
func (s *Service) FindProvision(ctx context.Context, spec bot.ProvisionSpec) (bot.Presence, bot.Provision, error) {
	w, err := want(spec)
	if err != nil {
		return bot.PresenceUnknown, bot.Provision{}, err
	}
	c, err := s.show(ctx, w.key)
	switch {
	case bot.CodeOf(err) == bot.CodeForbidden: // who makes a project may see it
		return bot.PresenceForeign, s.provision(w), nil
	case err != nil:
		return bot.PresenceUnknown, bot.Provision{}, err
	case c == nil:
		return bot.PresenceAbsent, bot.Provision{}, nil
	}
	hooks, err := s.hooks(ctx, w)
	switch {
	case bot.CodeOf(err) == bot.CodeForbidden:
		return bot.PresenceForeign, s.provision(w), nil // and who makes it, administers it
	case err != nil:
		return bot.PresenceUnknown, bot.Provision{}, err
	case !w.marked(*c) && len(hooks) == 0:
		return bot.PresenceForeign, s.provision(w), nil
	case !slices.Contains(c.Tags, w.tag) || c.Visibility != w.visibility || !w.inOrder(hooks):
		return bot.PresenceAbsent, bot.Provision{}, nil
	}
	return bot.PresenceOurs, s.provision(w), nil
}

// EnsureProvision implements bot.Provisioner.
func (s *Service) EnsureProvision(ctx context.Context, spec bot.ProvisionSpec) (bot.Provision, error) {
	w, err := want(spec)
	if err != nil {
		return bot.Provision{}, err
	}
	c, err := s.show(ctx, w.key)
	if err == nil && c == nil {
		c, err = s.create(ctx, w)
	}
	if err != nil {
		return bot.Provision{}, err
	}
	hooks, err := s.hooks(ctx, w)
	switch {
	case !w.marked(*c) && (len(hooks) == 0 || err != nil):
		return bot.Provision{}, s.taken(w)
	case err != nil:
		return bot.Provision{}, err
	}
	if err := s.settle(ctx, w, *c); err != nil {
		return bot.Provision{}, err
	}
	if err := s.ensureHook(ctx, w, hooks); err != nil {
		return bot.Provision{}, err
	}
	return s.provision(w), nil
}

func (s *Service) taken(w wanted) error {
	return bot.Errorf(bot.CodeConflict, "SonarQube has a project with the key %s already, which OpsBot has not made: %s. Choose another name, or delete it there.",
		bot.Escape(w.key), s.page(w.key))
}

// create makes the project. Somebody else, or an earlier try of our own whose answer was
// lost, may have been quicker.
func (s *Service) create(ctx context.Context, w wanted) (*component, error) {
	form := url.Values{"project": {w.key}, "name": {w.name}, "visibility": {w.visibility}}
	if w.spec.DefaultBranch != "" {
		form.Set("mainBranch", w.spec.DefaultBranch)
	}
	err := s.post(ctx, "/api/projects/create", form)
	taken := strings.Contains(said(err), "key already exists")
	if err != nil && !taken {
		return nil, explain(err, "create the project "+string(bot.Escape(w.key)), needsCreate)
	}
	c, again := s.show(ctx, w.key)
	switch {
	case taken && (c == nil || bot.CodeOf(again) == bot.CodeForbidden):
		return nil, s.taken(w)
	case again != nil:
		return nil, again
	case c == nil:
		return nil, bot.Errorf(bot.CodeUnavailable, "SonarQube does not show the project %s that it has just made.", bot.Escape(w.key)).Backoff()
	}
	return c, nil
}

// settle sets what SonarQube takes only after the creation, and what has changed.
func (s *Service) settle(ctx context.Context, w wanted, c component) error {
	if !slices.Contains(c.Tags, w.tag) {
		tags := strings.Join(append(slices.Clone(c.Tags), w.tag), ",")
		err := s.post(ctx, "/api/project_tags/set", url.Values{"project": {w.key}, "tags": {tags}})
		if err != nil {
			return explain(err, "tag the project "+string(bot.Escape(w.key)), needsAdmin)
		}
	}
	if c.Visibility == w.visibility {
		return nil
	}
	err := s.post(ctx, "/api/projects/update_visibility", url.Values{"project": {w.key}, "visibility": {w.visibility}})
	if err != nil {
		return explain(err, "make the project "+string(bot.Escape(w.key))+" "+w.visibility, needsAdmin)
	}
	return nil
}
