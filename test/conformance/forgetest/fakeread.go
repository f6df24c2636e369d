package forgetest

import (
	"context"
	"slices"

	"opsbot/bot"
)

// Branches implements bot.CommitReader.
func (f *Fake) Branches(_ context.Context, repo bot.Repository) (map[string]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r, err := f.get(repo)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for name, c := range r.branches {
		out[name] = c
	}
	return out, nil
}

// chain gives the commits from one back to the beginning.
func (r *fakeRepo) chain(from string) (list []bot.Commit) {
	for c, ok := r.commits[from]; ok; c, ok = r.commits[c.parent] {
		list = append(list, c.Commit)
	}
	return list
}

func unknown(commit string) error {
	return bot.Errorf(bot.CodeNotFound, "There is no commit %s.", commit)
}

// Commits implements bot.CommitReader.
func (f *Fake) Commits(_ context.Context, repo bot.Repository, from, to string, limit int) ([]bot.Commit, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r, err := f.get(repo)
	if err != nil {
		return nil, err
	}
	list := r.chain(to)
	if list == nil {
		return nil, unknown(to)
	}
	old := r.chain(from)
	list = slices.DeleteFunc(list, func(c bot.Commit) bool {
		return slices.ContainsFunc(old, func(o bot.Commit) bool { return o.ID == c.ID })
	})
	return list[:min(limit, len(list))], nil
}

// ReadFile implements bot.CommitReader.
func (f *Fake) ReadFile(_ context.Context, repo bot.Repository, commit, path string) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r, err := f.get(repo)
	if err != nil {
		return nil, err
	}
	data, ok := r.commits[commit].files[path]
	if !ok {
		return nil, bot.Errorf(bot.CodeNotFound, "There is no %s at %s.", path, commit)
	}
	if len(data) > 1<<20 {
		return nil, bot.Errorf(bot.CodeTooLarge, "%s is too large.", path)
	}
	return data, nil
}

// NearestTag implements bot.CommitReader.
func (f *Fake) NearestTag(_ context.Context, repo bot.Repository, commit string) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r, err := f.get(repo)
	if err != nil {
		return "", err
	}
	for _, c := range r.chain(commit) {
		if tag := r.tags[c.ID]; tag != "" {
			return tag, nil
		}
	}
	return "", nil
}

// FindHook implements bot.HookInstaller.
func (f *Fake) FindHook(_ context.Context, spec bot.HookSpec) (bot.Presence, string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r, err := f.get(spec.Repository)
	if err != nil || !r.hooks[spec.URL] {
		return bot.PresenceAbsent, "", nil //nolint:nilerr // no repository, no hook
	}
	return bot.PresenceOurs, spec.ResourceID, nil
}

// EnsureHook implements bot.HookInstaller.
func (f *Fake) EnsureHook(_ context.Context, spec bot.HookSpec) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r, err := f.get(spec.Repository)
	if err != nil {
		return "", err
	}
	r.hooks[spec.URL] = true
	return spec.ResourceID, nil
}

// RemoveHook implements bot.HookInstaller.
func (f *Fake) RemoveHook(_ context.Context, spec bot.HookSpec) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r, err := f.get(spec.Repository); err == nil {
		delete(r.hooks, spec.URL)
	}
	return nil
}
