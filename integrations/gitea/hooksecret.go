package gitea

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"regexp"
	"strconv"

	sdk "code.gitea.io/sdk/gitea"

	"opsbot/bot"
)

// Gitea's pages show a webhook's secret to whoever administers the repository. So each
// repository's webhook has one of its own, derived from the configured one, and says in
// its address whose it is.

// ofRepository is the part of a webhook's address that names its repository.
const ofRepository = "repository"

var repositoryForm = regexp.MustCompile(`^[1-9][0-9]{0,18}$`)

// address is where the webhook of a repository leads.
func address(spec bot.HookSpec, r *sdk.Repository) string {
	return spec.URL + "?" + url.Values{ofRepository: {strconv.FormatInt(r.ID, 10)}}.Encode()
}

// repositoryOf is the repository that a delivery's address names; "" for a webhook that
// somebody has made by hand.
func repositoryOf(d bot.Delivery) (string, error) {
	values, err := url.ParseQuery(d.Query)
	if err == nil && !values.Has(ofRepository) {
		return "", nil
	}
	if err != nil || len(values[ofRepository]) != 1 || !repositoryForm.MatchString(values.Get(ofRepository)) {
		return "", bot.Errorf(bot.CodeUnauthenticated, "webhook refused: its address names no repository that can be").Because(err)
	}
	return values.Get(ofRepository), nil
}

// secretFor is what must have signed a delivery.
func (f *Forge) secretFor(ctx context.Context, d bot.Delivery) (string, error) {
	repository, err := repositoryOf(d)
	if err != nil {
		return "", err
	}
	return f.secretOf(ctx, repository)
}

// secretOf is the secret of a repository's webhook; that of the instance for "". The
// configured one is read once: what runs before anything is stored does no I/O.
func (f *Forge) secretOf(ctx context.Context, repository string) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.secret == "" {
		secret, err := f.cfg.WebhookSecret.Resolve(ctx)
		if err != nil {
			return "", err
		}
		if secret == "" {
			return "", bot.Errorf(bot.CodeInvalid, "integrations.%s.webhook_secret is empty", f.env.Name)
		}
		f.mask.Add(secret)
		f.secret = secret
	}
	if repository == "" {
		return f.secret, nil
	}
	mac := hmac.New(sha256.New, []byte(f.secret))
	mac.Write([]byte("webhook of the repository " + repository))
	return hex.EncodeToString(mac.Sum(nil)), nil
}
