package localrun

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"opsbot/bot"
	"opsbot/bot/rest"
	"opsbot/bot/sandbox"
)

// secretsDir is where an app finds its secrets that are files.
const secretsDir = "/secrets"

// UsesSecrets marks the ability.
func (s *Service) UsesSecrets() bool { return true }

// given are the secrets of one instance: variables, and files that exist as long as it
// does.
type given struct {
	env    []string
	mounts []sandbox.Mount
	mask   *rest.Mask
	dir    string   // of the files; "" = none
	left   []string // variables that have another meaning here
}

// secretFiles is the folder of all instances' files. It is not in backups, and emptied
// at start: what an instance that is no more was given must not stay.
func (s *Service) secretFiles() string { return filepath.Join(s.env.RunDir, "secrets") }

// give opens what the app may see. It is asked at every start: what was changed is seen
// after a restart, and a secret that can't be opened is better than a start without it.
func (s *Service) give(ctx context.Context, a *appDoc, r release) (g *given, err error) {
	g = &given{mask: &rest.Mask{}}
	if len(r.Spec.Run) == 0 { // files that are served read no variables
		return g, nil
	}
	all, err := s.env.Secrets.Open(ctx, a.ProjectID, a.Environment)
	if err != nil {
		return g, err
	}
	defer func() {
		if err != nil {
			g.forget()
		}
	}()
	for _, one := range all {
		if slices.Contains(one.Variables(), r.Spec.PortEnv) {
			g.left = append(g.left, one.Key)
			continue
		}
		g.hide(one)
		if err := s.hand(g, one); err != nil {
			return g, err
		}
	}
	if g.dir != "" {
		g.mounts = []sandbox.Mount{{Host: g.dir, Inside: secretsDir}}
	}
	return g, nil
}

// hide keeps a secret out of the log.
func (g *given) hide(s bot.SecretValue) {
	g.mask.Add(string(s.Value))
	if s.Kind == bot.SecretLogin {
		g.mask.Add(s.User + ":" + string(s.Value)) // as HTTP sends it
	}
}

// hand adds one secret.
func (s *Service) hand(g *given, one bot.SecretValue) error {
	names := one.Variables()
	switch one.Kind {
	case bot.SecretLogin:
		g.env = append(g.env, names[0]+"="+one.User+":"+string(one.Value), names[1]+"="+one.User, names[2]+"="+string(one.Value))
	case bot.SecretFile:
		file, err := s.write(g, one)
		if err != nil {
			return fmt.Errorf("localrun: write the secret file %s: %w", one.Key, err)
		}
		g.env = append(g.env, names[0]+"="+file)
	default:
		g.env = append(g.env, names[0]+"="+string(one.Value))
	}
	return nil
}

// write writes a secret file, in a folder of its own as its name is its owner's choice,
// and gives its path as the app sees it.
func (s *Service) write(g *given, one bot.SecretValue) (string, error) {
	if g.dir == "" {
		if err := os.MkdirAll(s.secretFiles(), 0o700); err != nil {
			return "", err
		}
		dir, err := os.MkdirTemp(s.secretFiles(), "app-")
		if err != nil {
			return "", err
		}
		g.dir = dir
	}
	name := one.FileName
	if name == "" {
		name = one.Key
	}
	inside := path.Join(one.Variables()[0], name)
	root, err := os.OpenRoot(g.dir)
	if err != nil {
		return "", err
	}
	defer root.Close()
	if err := root.Mkdir(path.Dir(inside), 0o700); err != nil {
		return "", err
	}
	f, err := root.OpenFile(inside, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	_, err = f.Write(one.Value)
	if err := errors.Join(err, f.Close()); err != nil {
		return "", err
	}
	if s.runner.Unsafe() {
		return filepath.Join(g.dir, filepath.FromSlash(inside)), nil
	}
	return path.Join(secretsDir, inside), nil
}

// forget removes the files.
func (g *given) forget() {
	if g != nil && g.dir != "" {
		_ = os.RemoveAll(g.dir) // what stays is removed at the next start
	}
}

// note says in the log what the app is not given.
func (g *given) note() string {
	if len(g.left) == 0 {
		return ""
	}
	return "not given, as the variable names the port: " + strings.Join(g.left, ", ")
}
