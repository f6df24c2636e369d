package localci

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"opsbot/bot"
	"opsbot/integrations/localci/engine"
)

var _ engine.Keeper = (*host)(nil)

// insideSecrets is where a sandboxed build finds files with secrets.
const insideSecrets = "/build/secrets"

// secretFiles are the files with secrets of one attempt, outside of its workspaces.
// The zero value has none. It is safe for concurrent use.
type secretFiles struct {
	mu     sync.Mutex
	folder string // "" before the first
	next   int
}

// secretsOf opens the project's secrets for a Jenkinsfile that asks for any.
func (s *Service) secretsOf(ctx context.Context, project string, text []byte) (map[string]engine.Secret, error) {
	if s.env.Secrets == nil || !bytes.Contains(text, []byte("redentials")) {
		return nil, nil
	}
	values, err := s.env.Secrets.Open(ctx, project, "")
	if err != nil {
		return nil, fmt.Errorf("localci: open secrets: %w", err)
	}
	all := map[string]engine.Secret{}
	for _, v := range values {
		kind := map[bot.SecretKind]engine.SecretKind{bot.SecretFile: engine.SecretFile, bot.SecretLogin: engine.SecretLogin}[v.Kind]
		if kind == "" {
			kind = engine.SecretText
		}
		all[v.Key] = engine.Secret{Kind: kind, User: v.User, Value: string(v.Value), FileName: v.FileName}
	}
	return all, nil
}

// KeepSecret writes a file with a secret where only this build sees it.
func (h *host) KeepSecret(_ context.Context, name, content string) (string, func(), error) {
	f := &h.secrets
	f.mu.Lock()
	defer f.mu.Unlock()
	folder := f.folder
	if folder == "" {
		var err error
		if folder, err = os.MkdirTemp(filepath.Join(h.s.env.Dir, "secrets"), "build-"); err != nil {
			return "", nil, h.own(fmt.Errorf("localci: create folder for secrets: %w", err))
		}
		f.folder = folder
		h.shell.show(folder)
	}
	f.next++
	name = path.Base(path.Clean("/" + name))
	below := strconv.Itoa(f.next)
	dir := filepath.Join(folder, below)
	remove := func() { _ = os.RemoveAll(dir) } // at the latest with the folder
	if name == "/" || strings.ContainsRune(name, 0) {
		name = "secret"
	}
	err := os.Mkdir(dir, 0o700)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600)
	}
	if err != nil {
		remove()
		return "", nil, h.own(fmt.Errorf("localci: write file with secret: %w", err))
	}
	return h.shell.path(filepath.Join(dir, name), path.Join(insideSecrets, below, name)), remove, nil
}

// dropSecrets removes the attempt's files with secrets.
func (r *run) dropSecrets() {
	r.secrets.mu.Lock()
	defer r.secrets.mu.Unlock()
	if r.secrets.folder == "" {
		return
	}
	if err := os.RemoveAll(r.secrets.folder); err != nil {
		r.s.env.Log.Error("remove files with secrets", "build", buildKey(r.build.Ref), "error", err)
	}
}

// dropSecrets removes files with secrets of attempts that an earlier process began.
func (s *Service) dropSecrets() {
	left, err := filepath.Glob(filepath.Join(s.env.Dir, "secrets", "build-*"))
	for _, folder := range left {
		err = errors.Join(err, os.RemoveAll(folder))
	}
	if err != nil {
		s.env.Log.Error("remove files with secrets of earlier builds", "error", err)
	}
}
