package bot

import (
	"bytes"
	"context"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
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

// secretKey bounds a secret's key: it is part of commands, of Jenkinsfiles and, nearly
// as it is, of variables' names.
var secretKey = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,99}$`)

// IsSecretKey reports whether a secret can have that key.
func IsSecretKey(key string) bool { return secretKey.MatchString(key) }

// Variables are the names of the environment variables by which an app finds the
// secret, the first one being its key: dots and dashes become underscores.
func (s ProjectSecret) Variables() []string {
	name := strings.NewReplacer(".", "_", "-", "_").Replace(s.Key)
	if s.Kind == SecretLogin {
		return []string{name, name + "_USR", name + "_PSW"}
	}
	return []string{name}
}

// SecretList says what secrets a project has, without their values.
func (s *Services) SecretList(ctx context.Context, p Project) (*Post, error) {
	var all []ProjectSecret
	err := s.Work.Read(ctx, func(ctx context.Context, tx *Tx) (err error) {
		all, err = s.Secrets.List(ctx, tx, p.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return &Post{Text: []Text{Escape(p.Slug) + " has no secrets. `secret set " + Text(p.Slug) + " KEY [in ENV]` sets one."}}, nil
	}
	t := &Table{Head: []string{"Key", "For", "Kind", "Variables", "Set (UTC)", "By"}}
	for _, one := range all {
		where := one.Environment
		if where == "" {
			where = "builds, everywhere"
		}
		t.Rows = append(t.Rows, []Text{
			Escape(one.Key), Escape(where), Text(one.Kind), Escape(strings.Join(one.Variables(), " ")),
			Text(one.UpdatedAt.Format("2006-01-02 15:04")), Escape(one.ByName),
		})
	}
	return &Post{Title: "Secrets of " + Escape(p.Slug), Table: t}, nil
}

// SecretValue is an opened secret. It goes to one build or one app and nowhere else:
// no log, message, error or other process.
type SecretValue struct {
	ProjectSecret
	User  string // SecretLogin
	Value []byte // text, the file's content, or the password
}

// MaxSecret bounds a secret's value, in bytes.
const MaxSecret = 64 << 10

// Check reports what can't be kept; CodeInvalid with a sentence that has nothing of the
// value.
func (s SecretValue) Check() error {
	invalid := func(text string, args ...any) error { return Errorf(CodeInvalid, text, args...) }
	switch {
	case s.ProjectID == "":
		return invalid("A secret belongs to a project.")
	case !IsSecretKey(s.Key):
		return invalid("A secret's key begins with a letter and has letters, digits, dots, dashes and underscores, 100 at most.")
	case reservedVariable(s.Variables()[0]):
		return invalid("The variable %s has a meaning of its own; choose another key.", s.Variables()[0])
	case len(s.Value) > MaxSecret || len(s.User) > 1024:
		return invalid("A secret has at most %d KiB.", MaxSecret>>10)
	case len(s.Value) == 0:
		return invalid("The secret %s is empty.", s.Key)
	case !isFileName(s.FileName):
		return invalid("The file's name must be a name without folders.")
	}
	switch s.Kind {
	case SecretFile:
		return nil
	case SecretText, SecretLogin:
	default:
		return invalid("A secret is text, file or login.")
	}
	if bytes.IndexByte(s.Value, 0) >= 0 || !utf8.Valid(s.Value) {
		return invalid("The secret %s is no text; keep it as a file: `--kind=file`.", s.Key)
	}
	if s.Kind == SecretLogin && (s.User == "" || strings.ContainsAny(s.User, ":\x00\n")) {
		return invalid("The login %s needs a user, without a colon.", s.Key)
	}
	return nil
}

// reservedVariable reports variables that decide how a program runs, or that OpsBot sets.
func reservedVariable(name string) bool {
	name = strings.ToUpper(name)
	return name == "PATH" || name == "HOME" || strings.HasPrefix(name, "LD_") || strings.HasPrefix(name, "OPSBOT_")
}

// isFileName reports a name that is no path; "" is left to be chosen.
func isFileName(name string) bool {
	return len(name) <= 100 && name != "." && name != ".." && !strings.ContainsAny(name, "/\\\x00\n")
}

// SecretUser is a Deployer that gives projects' secrets to what it runs; the others do
// not.
type SecretUser interface {
	// UsesSecrets is always true; the method marks the ability.
	UsesSecrets() bool
}

// Secrets keeps projects' secrets, encrypted with a key that is not in the store.
// Safe for concurrent use.
type Secrets interface {
	// Set seals value and stores it in the caller's transaction, replacing an older one
	// of the same project, key and environment. CodeInvalid for a key, kind or size
	// (64 KiB) that can't be, CodeConflict for a key whose variables are another's or
	// while OpsBot's key is not the one that the secrets were sealed with.
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

// Sealer encrypts what has to wait in the store before it may be used: secrets that
// were typed into a form. Safe for concurrent use.
type Sealer interface {
	// Seal gives value as text that only Unseal with the same purpose opens. CodeConflict
	// with a sentence for the person while OpsBot's key can't be used.
	Seal(ctx context.Context, purpose, value string) (string, error)
	// Unseal gives the value back; CodeInternal for anything that Seal did not make for
	// that purpose, or with another key.
	Unseal(ctx context.Context, purpose, sealed string) (string, error)
}

// SealedSecret is a project's secret as it lies in the store.
type SealedSecret struct {
	ProjectSecret
	KeyID  string // names the key that it was sealed with
	Sealed []byte
}

// SealedSecrets keeps the projects' secrets as they were sealed. Purging a project
// removes its secrets, too.
type SealedSecrets interface {
	// Put inserts or replaces by (ProjectID, Key, Environment).
	Put(ctx context.Context, s SealedSecret) error
	// Of lists a project's by key, then environment; "" = all projects', by project.
	Of(ctx context.Context, projectID string) ([]SealedSecret, error)
	Remove(ctx context.Context, projectID, key, environment string) error // CodeNotFound
}
