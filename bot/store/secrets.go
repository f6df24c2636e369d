package store

import (
	"context"

	"github.com/uptrace/bun"

	"opsbot/bot"
)

type secretRow struct {
	bun.BaseModel `bun:"table:secrets"`
	ProjectID     string `bun:"project_id,pk"`
	SecretKey     string `bun:"secret_key,pk"`
	Environment   string `bun:"environment,pk"`
	Kind          string `bun:"kind"`
	FileName      string `bun:"file_name"`
	SetBy         string `bun:"set_by"`
	SetByName     string `bun:"set_by_name"`
	UpdatedAt     micros `bun:"updated_at"`
	KeyID         string `bun:"key_id"`
	Sealed        []byte `bun:"sealed"`
}

func (r secretRow) noun() bot.SealedSecret {
	return bot.SealedSecret{
		ProjectSecret: bot.ProjectSecret{
			ProjectID: r.ProjectID, Key: r.SecretKey, Environment: r.Environment, Kind: bot.SecretKind(r.Kind), FileName: r.FileName,
			By: r.SetBy, ByName: r.SetByName, UpdatedAt: r.UpdatedAt.time(),
		},
		KeyID: r.KeyID, Sealed: r.Sealed,
	}
}

type secrets struct{ *work }

var _ bot.SealedSecrets = secrets{}

// Put implements bot.SealedSecrets.
func (r secrets) Put(ctx context.Context, s bot.SealedSecret) error {
	return upsert(ctx, r.work, &secretRow{
		ProjectID: s.ProjectID, SecretKey: s.Key, Environment: s.Environment, Kind: string(s.Kind), FileName: s.FileName,
		SetBy: s.By, SetByName: s.ByName, UpdatedAt: us(s.UpdatedAt), KeyID: s.KeyID, Sealed: s.Sealed,
	}, "project_id, secret_key, environment")
}

// Of implements bot.SealedSecrets.
func (r secrets) Of(ctx context.Context, projectID string) ([]bot.SealedSecret, error) {
	scopes := []scope{order("project_id, secret_key, environment")}
	if projectID != "" {
		scopes = append(scopes, where("project_id = ?", projectID))
	}
	return list(ctx, r.work, secretRow.noun, scopes...)
}

// Remove implements bot.SealedSecrets.
func (r secrets) Remove(ctx context.Context, projectID, key, environment string) error {
	n, err := r.raw(ctx, "remove a secret",
		"DELETE FROM secrets WHERE project_id = ? AND secret_key = ? AND environment = ?", projectID, key, environment)
	if err == nil && n == 0 {
		return bot.Errorf(bot.CodeNotFound, "There is no secret %s.", key)
	}
	return err
}
