package bot

import (
	"context"
	"time"
)

// SecretKind is how a project's secret is handed over.
type SecretKind string

// The kinds of secrets: a variable's value, a file whose path the variable holds, or
// a user and a password, which Jenkinsfiles know as NAME, NAME_USR and NAME_PSW.
const (
	SecretText  SecretKind = "text"
	SecretFile  SecretKind = "file"
	SecretLogin SecretKind = "login"
)

// ProjectSecret describes a secret without its value.
type ProjectSecret struct {
	ProjectID   string
	Key         string // [A-Za-z][A-Za-z0-9_.-]*: what a Jenkinsfile's credentials() names
	Environment string // "" = builds and every environment; else only apps there
	Kind        SecretKind
	FileName    string // SecretFile: base name of the file; "" = Key
	By          string // user id of who set it last
	ByName      string
	UpdatedAt   time.Time
}

// SecretValue is an opened secret. It goes to one build or one app and nowhere else:
// no log, message, error or other process.
type SecretValue struct {
	ProjectSecret
	User  string // SecretLogin
	Value []byte // text, the file's content, or the password
}

// Secrets keeps projects' secrets, encrypted with a key that is not in the store.
// Safe for concurrent use.
type Secrets interface {
	// Set seals value and stores it in the caller's transaction, replacing an older one
	// of the same project, key and environment. CodeInvalid for a key, kind or size
	// (64 KiB) that can't be.
	Set(ctx context.Context, tx *Tx, value SecretValue) error
	// List describes the project's secrets, by key, then environment.
	List(ctx context.Context, tx *Tx, projectID string) ([]ProjectSecret, error)
	// Remove forgets one. CodeNotFound if there is none.
	Remove(ctx context.Context, tx *Tx, projectID, key, environment string) error
	// Open gives what a build (environment "") or an app in an environment may see: of
	// each key the environment's own, else the general one. CodeInternal names a secret
	// that can't be opened because the key file has changed.
	Open(ctx context.Context, projectID, environment string) ([]SecretValue, error)
}
