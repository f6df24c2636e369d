package e2e_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"opsbot/test/talk"
)

// noLeak searches all that a program has left behind, and all that it has said, for
// the secrets it was given as NAME=VALUE: database, logs, workspaces, what the terminal
// printed, messages.
func noLeak(t *testing.T, dir string, c talk.Chat, secrets []string) {
	t.Helper()
	files := 0
	look := func(where string, content []byte) {
		files++
		for _, s := range secrets {
			name, value, _ := strings.Cut(s, "=")
			if len(value) < 16 {
				t.Errorf("the secret %s is too short to be looked for", name)
			}
			if bytes.Contains(content, []byte(value)) {
				t.Errorf("%s holds the secret %s", where, name)
			}
		}
	}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		look(path, content)
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Errorf("search %s: %v", dir, err)
	}
	for _, user := range []string{"alice", "bob", "mallory"} {
		for _, e := range c.Shown(user) {
			look("a message to "+user, []byte(e.Text))
		}
	}
	if len(secrets) == 0 || files < 10 {
		t.Errorf("%d secrets were looked for in %d places: the search is wrong", len(secrets), files)
	}
}
