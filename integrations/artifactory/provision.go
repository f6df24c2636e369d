package artifactory

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"opsbot/bot"
	"opsbot/bot/rest"
)

const (
	mostKey = 64 // characters of a repository's key
	suffix  = "-local"
)

var (
	keyForm       = regexp.MustCompile(`^[a-z0-9_][a-z0-9._-]*$`)
	operationForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)
)

// ProvisionTitle implements bot.Provisioner.
func (s *Service) ProvisionTitle() string { return "Artifactory repository" }

// ProvisionKind implements bot.Provisioner.
func (s *Service) ProvisionKind() bot.ResourceKind { return bot.ResourcePackages }

// repository is one as Artifactory describes it.
type repository struct {
	Key         string `json:"key"`
	Class       string `json:"rclass"`
	PackageType string `json:"packageType"`
	Description string `json:"description"`
}

// want is the repository that a specification asks for.
func (s *Service) want(spec bot.ProvisionSpec) (repository, error) {
	key := keyOf(spec.Owner, spec.Name)
	switch {
	case spec.Name == "" || !keyForm.MatchString(key):
		return repository{}, bot.Errorf(bot.CodeInvalid, "Artifactory allows no repository with the key %s.", bot.Escape(bot.Shorten(key, 100)))
	case !operationForm.MatchString(spec.Operation):
		return repository{}, bot.Errorf(bot.CodeInternal, "The operation that makes %s has no usable id.", bot.Escape(key))
	}
	return repository{
		Key: key, Class: "local", PackageType: s.cfg.PackageType,
		Description: bot.OneLine("Packages of "+spec.Owner+"/"+spec.Name+". ") + mark(spec.Operation),
	}, nil
}

// mark stands in the description of what an operation makes.
func mark(operation string) string { return "Made by OpsBot, operation " + operation + "." }

// keyOf is OWNER-NAME-local; one that would be too long is cut, and told from others by
// a hash of the whole.
func keyOf(owner, name string) string {
	base := strings.ToLower(strings.ReplaceAll(owner, "/", "-") + "-" + name)
	if len(base)+len(suffix) > mostKey {
		sum := sha256.Sum256([]byte(base))
		hash := "-" + hex.EncodeToString(sum[:4])
		base = base[:mostKey-len(suffix)-len(hash)] + hash
	}
	return base + suffix
}

func (s *Service) provision(key string) bot.Provision {
	return bot.Provision{ExternalID: key, Name: key, URL: s.page(key)}
}

// get reads a repository; nil if there is none.
func (s *Service) get(ctx context.Context, key string) (*repository, error) {
	var got repository
	_, err := s.rest.Do(ctx, rest.Request{Path: "/api/repositories/" + url.PathEscape(key), Into: &got})
	switch status := rest.StatusOf(err); {
	case status == http.StatusNotFound, status == http.StatusBadRequest && said(err) == "Bad Request":
		return nil, nil // the second is what it says of a repository that is not there
	case err != nil:
		return nil, explain(err, "show the repository "+string(bot.Escape(key)))
	case got.Key != key:
		return nil, bot.Errorf(bot.CodeUnavailable, "Artifactory answered with something else than the repository %s.", bot.Escape(key)).Backoff()
	}
	return &got, nil
}

// FindProvision implements bot.Provisioner.
func (s *Service) FindProvision(ctx context.Context, spec bot.ProvisionSpec) (bot.Presence, bot.Provision, error) {
	want, err := s.want(spec)
	if err != nil {
		return bot.PresenceUnknown, bot.Provision{}, err
	}
	have, err := s.get(ctx, want.Key)
	switch {
	case bot.CodeOf(err) == bot.CodeForbidden: // who makes one may see it
		return bot.PresenceForeign, s.provision(want.Key), nil
	case err != nil:
		return bot.PresenceUnknown, bot.Provision{}, err
	case have == nil:
		return bot.PresenceAbsent, bot.Provision{}, nil
	case !ours(*have, spec):
		return bot.PresenceForeign, s.provision(want.Key), nil
	}
	return bot.PresenceOurs, s.provision(want.Key), nil
}

// ours tells whether the operation made a repository. Artifactory hides the class from
// users who are no administrators.
func ours(r repository, spec bot.ProvisionSpec) bool {
	return strings.HasSuffix(r.Description, mark(spec.Operation)) && (r.Class == "local" || r.Class == "")
}

// EnsureProvision implements bot.Provisioner.
func (s *Service) EnsureProvision(ctx context.Context, spec bot.ProvisionSpec) (bot.Provision, error) {
	want, err := s.want(spec)
	if err != nil {
		return bot.Provision{}, err
	}
	have, err := s.get(ctx, want.Key)
	if err == nil && have == nil {
		have, err = s.create(ctx, want)
	}
	switch {
	case err != nil:
		return bot.Provision{}, err
	case !ours(*have, spec):
		return bot.Provision{}, s.taken(want.Key)
	case have.PackageType != want.PackageType:
		return bot.Provision{}, bot.Errorf(bot.CodeConflict,
			"Artifactory's repository %s was made for %s packages, and cannot be changed to %s. Remove it there, or set integrations.%s.package_type back.",
			bot.Escape(want.Key), bot.Escape(bot.Shorten(have.PackageType, 40)), want.PackageType, s.env.Name)
	}
	return s.provision(want.Key), nil
}

func (s *Service) taken(key string) error {
	return bot.Errorf(bot.CodeConflict, "Artifactory has a repository with the key %s already, which OpsBot has not made: %s. Choose another name, or remove it there.",
		bot.Escape(key), s.page(key))
}

// create makes the repository. Somebody else, or an earlier try of our own whose answer
// was lost, may have been quicker.
func (s *Service) create(ctx context.Context, want repository) (*repository, error) {
	_, err := s.rest.Do(ctx, rest.Request{Method: http.MethodPut, Path: "/api/repositories/" + url.PathEscape(want.Key), JSON: want})
	taken := strings.Contains(said(err), "key already exists")
	if err != nil && !taken {
		return nil, explain(err, "create the repository "+string(bot.Escape(want.Key)))
	}
	have, err := s.get(ctx, want.Key)
	switch {
	case err != nil:
		return nil, err
	case have == nil && taken: // its key differs in case, or it is hidden
		return nil, s.taken(want.Key)
	case have == nil:
		return nil, bot.Errorf(bot.CodeUnavailable, "Artifactory does not show the repository %s that it has just made.", bot.Escape(want.Key)).Backoff()
	}
	return have, nil
}

// RemoveProvision implements bot.Provisioner. A repository that holds anything stays.
func (s *Service) RemoveProvision(ctx context.Context, spec bot.ProvisionSpec) error {
	want, err := s.want(spec)
	if err != nil {
		return err
	}
	have, err := s.get(ctx, want.Key)
	switch {
	case err != nil || have == nil:
		return err
	case !ours(*have, spec):
		return bot.Errorf(bot.CodeConflict, "Artifactory's repository %s was not made by this operation: it stays.", bot.Escape(want.Key))
	}
	if err := s.mustBeEmpty(ctx, want.Key); err != nil {
		return err
	}
	_, err = s.rest.Do(ctx, rest.Request{Method: http.MethodDelete, Path: "/api/repositories/" + url.PathEscape(want.Key)})
	if err != nil && rest.StatusOf(err) != http.StatusNotFound {
		return explain(err, "remove the repository "+string(bot.Escape(want.Key)))
	}
	if have, err = s.get(ctx, want.Key); err == nil && have != nil {
		err = bot.Errorf(bot.CodeUnavailable, "Artifactory still shows the repository %s that it has just removed.", bot.Escape(want.Key)).Backoff()
	}
	return err
}

// mustBeEmpty refuses a repository with anything in it.
func (s *Service) mustBeEmpty(ctx context.Context, key string) error {
	var folder struct {
		Repo     string `json:"repo"`
		Children *[]struct {
			URI string `json:"uri"`
		} `json:"children"`
	}
	_, err := s.rest.Do(ctx, rest.Request{Path: "/api/storage/" + url.PathEscape(key), Into: &folder})
	switch {
	case err != nil:
		return explain(err, "look into the repository "+string(bot.Escape(key)))
	case folder.Repo != key || folder.Children == nil:
		return bot.Errorf(bot.CodeUnavailable, "Artifactory answered with something else than what the repository %s holds.", bot.Escape(key)).Backoff()
	case len(*folder.Children) > 0:
		return bot.Errorf(bot.CodeConflict, "Artifactory keeps the repository %s: it holds packages, which would be lost. Remove it there if nobody needs them: %s",
			bot.Escape(key), s.page(key))
	}
	return nil
}
