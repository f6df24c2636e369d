package localci

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"syscall"
)

// checkoutScript brings a folder of a workspace to a commit. Hooks and watchers
// that an earlier build may have set up in the repository don't run, and what
// does run runs in the sandbox like any step. Untracked files stay, as on Jenkins.
const checkoutScript = `set -e
cd "$DIR"
g() { git -c core.hooksPath=/dev/null -c core.fsmonitor=false -c advice.detachedHead=false "$@"; }
g init -q .
g config remote.origin.url "$SOURCE"
up='git -c uploadpack.allowAnySHA1InWant=true upload-pack'
g fetch -q --no-tags --force --prune --upload-pack "$up" origin '+refs/heads/*:refs/remotes/origin/*'
g cat-file -e "$COMMIT^{commit}" 2>/dev/null || g fetch -q --no-tags --upload-pack "$up" origin "$COMMIT"
g checkout -q -f --detach "$COMMIT"
`

// checkout brings dir, relative to the workspace, to the commit; a folder whose
// repository is broken is emptied and filled anew.
func (sh *shell) checkout(ctx context.Context, m mounted, dir, commit string, machine map[string]string) error {
	script, remove, err := sh.script(m, checkoutScript)
	if err != nil {
		return err
	}
	defer remove()
	dir = path.Join(".", dir)
	if err := m.space.root.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("localci: create folder for checkout: %w", err)
	}
	said := &tail{}
	env := environ(machine, map[string]string{
		"COMMIT": commit, "SOURCE": sh.path(sh.source, insideSource), "LC_ALL": "C", "DIR": path.Join(sh.workDir(m), dir),
	})
	c := command{Args: []string{"/bin/sh", script}, Dir: sh.workDir(m), Env: env, Stdout: said, Stderr: said}
	for try := range 2 {
		if try > 0 {
			if err := m.space.empty(dir); err != nil {
				return fmt.Errorf("localci: empty workspace: %w", err)
			}
		}
		result, err := sh.run(ctx, c)
		if err != nil {
			return err
		}
		if result.ExitCode == 0 || ctx.Err() != nil || sh.alive.Err() != nil {
			return ctx.Err()
		}
	}
	text := strings.TrimSpace(said.String())
	if strings.Contains(text, "No space left on device") || sh.s.space().full() {
		return fmt.Errorf("git could not check out %s: %s: %w", commit, text, syscall.ENOSPC)
	}
	return fmt.Errorf("git could not check out %s: %s", commit, text)
}

// empty removes everything below a folder of the workspace. The workspace itself
// stays: it is mounted where the build runs.
func (w *workspace) empty(dir string) error {
	entries, err := fs.ReadDir(w.root.FS(), dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		if err := w.root.RemoveAll(name); err == nil {
			continue
		}
		if err := openUp(w.root, name); err != nil {
			return err
		}
		if err := w.root.RemoveAll(name); err != nil {
			return err
		}
	}
	return nil
}

// environ gives variables as a list; later maps go before earlier ones.
func environ(layers ...map[string]string) []string {
	all := map[string]string{}
	for _, layer := range layers {
		for name, value := range layer {
			all[name] = value
		}
	}
	list := make([]string, 0, len(all))
	for name, value := range all {
		list = append(list, name+"="+value)
	}
	slices.Sort(list)
	return list
}
