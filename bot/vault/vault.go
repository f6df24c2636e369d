// Package vault keeps projects' secrets: sealed with a key that is not in the store,
// opened for one build or app.
//
// The key comes from the configuration or, if that names none, from a file of the data
// folder that is made when the first secret is sealed. The store remembers which key it
// was (not the key), so that a process with another one says so instead of storing what
// nobody else can open. What was sealed with an older key is sealed anew at start.
package vault

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"opsbot/bot"
	"opsbot/bot/config"
)

// Options configure a Vault. All fields without a default must be set.
type Options struct {
	Work  bot.UnitOfWork
	Clock bot.Clock
	Log   *slog.Logger
	// Key is 32 bytes as base64; zero: File has it.
	Key config.Secret
	// OldKeys open what was sealed before Key was the key.
	OldKeys []config.Secret
	// File is the path of the key where the configuration names none.
	File string
}

// Vault seals and opens. Safe for concurrent use.
type Vault struct {
	opt Options

	mu      sync.Mutex
	ring    *ring      // nil: there is no key yet, or it can't be read
	problem *bot.Error // why the key can't be used
}

var (
	_ bot.Secrets = (*Vault)(nil)
	_ bot.Sealer  = (*Vault)(nil)
	_ bot.Prober  = (*Vault)(nil)
)

// New makes a vault; nothing is read before Start.
func New(opt Options) *Vault { return &Vault{opt: opt} }

// Set implements bot.Secrets.
func (v *Vault) Set(ctx context.Context, tx *bot.Tx, value bot.SecretValue) error {
	if value.Kind != bot.SecretFile {
		value.FileName = ""
	}
	if err := value.Check(); err != nil {
		return err
	}
	r, err := v.ready(ctx, tx)
	if err != nil {
		return err
	}
	have, err := tx.Secrets.Of(ctx, value.ProjectID)
	if err != nil {
		return err
	}
	if err := apart(value.ProjectSecret, have); err != nil {
		return err
	}
	value.UpdatedAt = v.opt.Clock.Now()
	body, err := json.Marshal(content{User: value.User, Value: value.Value})
	if err != nil {
		return fmt.Errorf("vault: encode %s: %w", value.Key, err)
	}
	return tx.Secrets.Put(ctx, bot.SealedSecret{
		ProjectSecret: value.ProjectSecret, KeyID: r.primary.id, Sealed: r.primary.seal(body, about(value.ProjectSecret)),
	})
}

// content is what is sealed of a secret; about is what it is bound to, openly.
type content struct {
	User  string `json:"user,omitempty"`
	Value []byte `json:"value"`
}

func about(s bot.ProjectSecret) []byte {
	text, _ := json.Marshal([]string{"project secret", s.ProjectID, s.Key, s.Environment, string(s.Kind), s.FileName}) // texts can't fail
	return text
}

// apart refuses a key whose variables are another's: one of the two would be lost.
func apart(s bot.ProjectSecret, have []bot.SealedSecret) error {
	for _, other := range have {
		if other.Key == s.Key {
			continue
		}
		for _, name := range s.Variables() {
			if slices.Contains(other.Variables(), name) {
				return bot.Errorf(bot.CodeConflict, "The secret %s has the variable %s already; choose another key.", other.Key, name)
			}
		}
	}
	return nil
}

// List implements bot.Secrets.
func (v *Vault) List(ctx context.Context, tx *bot.Tx, projectID string) ([]bot.ProjectSecret, error) {
	if projectID == "" {
		return nil, nil
	}
	all, err := tx.Secrets.Of(ctx, projectID)
	var out []bot.ProjectSecret
	for _, s := range all {
		out = append(out, s.ProjectSecret)
	}
	return out, err
}

// Remove implements bot.Secrets.
func (v *Vault) Remove(ctx context.Context, tx *bot.Tx, projectID, key, environment string) error {
	return tx.Secrets.Remove(ctx, projectID, key, environment)
}

// Open implements bot.Secrets.
func (v *Vault) Open(ctx context.Context, projectID, environment string) ([]bot.SecretValue, error) {
	if projectID == "" {
		return nil, nil
	}
	var all []bot.SealedSecret
	err := v.opt.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
		all, err = tx.Secrets.Of(ctx, projectID)
		return err
	})
	if err != nil {
		return nil, err
	}
	var out []bot.SecretValue
	for _, s := range visible(all, environment) {
		value, err := v.open(s)
		if err != nil {
			return nil, err
		}
		out = append(out, value)
	}
	return out, nil
}

// visible picks of each key the environment's own, else the general one, by key.
func visible(all []bot.SealedSecret, environment string) []bot.SealedSecret {
	best := map[string]bot.SealedSecret{}
	for _, s := range all {
		if s.Environment == environment || s.Environment == "" && best[s.Key].Key == "" {
			best[s.Key] = s
		}
	}
	out := make([]bot.SealedSecret, 0, len(best))
	for _, s := range best {
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b bot.SealedSecret) int { return cmp.Compare(a.Key, b.Key) })
	return out
}

func (v *Vault) open(s bot.SealedSecret) (bot.SecretValue, error) {
	unusable := func(cause error) (bot.SecretValue, error) {
		return bot.SecretValue{}, bot.Errorf(bot.CodeInternal,
			"The secret %s can't be opened: OpsBot's key is not the one that it was sealed with. Set it again, or give OpsBot that key.", s.Key).Because(cause)
	}
	r, err := v.keys()
	if err != nil {
		return unusable(err)
	}
	k, ok := r.find(s.KeyID)
	if !ok {
		return unusable(fmt.Errorf("vault: sealed with the key %s", s.KeyID))
	}
	body, err := k.open(s.Sealed, about(s.ProjectSecret))
	if err != nil {
		return unusable(err)
	}
	var c content
	if err := json.Unmarshal(body, &c); err != nil {
		return unusable(fmt.Errorf("vault: decode %s: %w", s.Key, err))
	}
	return bot.SecretValue{ProjectSecret: s.ProjectSecret, User: c.User, Value: c.Value}, nil
}
