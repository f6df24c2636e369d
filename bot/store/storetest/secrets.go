package storetest

import (
	"context"
	"testing"

	"opsbot/bot"
)

func secretRules() []rule {
	return []rule{
		{"secrets/come back whole, in order", secretWhole},
		{"secrets/one per key and environment", secretReplaced},
		{"secrets/go with their project", secretPurged},
	}
}

func sealed(project, key, environment string) bot.SealedSecret {
	return bot.SealedSecret{
		ProjectSecret: bot.ProjectSecret{ProjectID: project, Key: key, Environment: environment, Kind: bot.SecretText},
		KeyID:         "k1", Sealed: []byte{0, 0xff, 'x'},
	}
}

func (e *env) seal(list ...bot.SealedSecret) {
	e.t.Helper()
	e.write(func(ctx context.Context, tx *bot.Tx) error {
		for _, s := range list {
			if err := tx.Secrets.Put(ctx, s); err != nil {
				return err
			}
		}
		return nil
	})
}

func (e *env) secretsOf(project string) []bot.SealedSecret {
	e.t.Helper()
	return get(e, func(ctx context.Context, tx *bot.Tx) ([]bot.SealedSecret, error) { return tx.Secrets.Of(ctx, project) })
}

func secretWhole(t *testing.T, e *env) {
	a := sealed("p", "A", "")
	a.Kind, a.FileName, a.By, a.ByName, a.UpdatedAt = bot.SecretFile, "id_rsa", "u", "alice", e.now()
	production, b, other := sealed("p", "A", "production"), sealed("p", "b", ""), sealed("o", "z", "")
	e.seal(b, production, a, other)
	same(t, e.secretsOf("p"), []bot.SealedSecret{a, production, b})
	same(t, e.secretsOf(""), []bot.SealedSecret{other, a, production, b})
	same(t, e.secretsOf("none"), nil)
}

func secretReplaced(t *testing.T, e *env) {
	old, staging := sealed("p", "A", ""), sealed("p", "A", "staging")
	e.seal(old, staging)
	fresh := old
	fresh.KeyID, fresh.Sealed, fresh.ByName = "k2", []byte("other"), "bob"
	e.seal(fresh)
	same(t, e.secretsOf("p"), []bot.SealedSecret{fresh, staging})
	remove := func(key, environment string) func(ctx context.Context, tx *bot.Tx) error {
		return func(ctx context.Context, tx *bot.Tx) error { return tx.Secrets.Remove(ctx, "p", key, environment) }
	}
	e.write(remove("A", "staging"))
	same(t, e.secretsOf("p"), []bot.SealedSecret{fresh})
	for _, none := range [][2]string{{"A", "staging"}, {"A", "production"}, {"a", ""}} {
		e.refused(bot.CodeNotFound, remove(none[0], none[1]))
	}
}

func secretPurged(t *testing.T, e *env) {
	p, other := bot.Project{ID: "p", Slug: "hello", State: bot.ProjectActive}, sealed("o", "A", "")
	e.write(func(ctx context.Context, tx *bot.Tx) error { return tx.Projects.Put(ctx, p) })
	e.seal(sealed("p", "A", ""), sealed("p", "B", "staging"), other)
	e.write(func(ctx context.Context, tx *bot.Tx) error { return tx.Projects.Purge(ctx, "p") })
	same(t, e.secretsOf(""), []bot.SealedSecret{other})
}
