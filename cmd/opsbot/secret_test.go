package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// nowhere checks that no file below the folders holds the value.
func (b *bench) nowhere(value string, dirs ...string) {
	b.t.Helper()
	files := 0
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err != nil || !e.Type().IsRegular() {
				return err
			}
			files++
			content, err := os.ReadFile(path)
			if strings.Contains(string(content), value) {
				b.t.Errorf("%s holds the secret", path)
			}
			return err
		})
		if err != nil {
			b.t.Error(err)
		}
	}
	if files < 5 {
		b.t.Errorf("only %d files were searched", files)
	}
}

// TestSecretFromTheTerminal: over the socket, with and without a server; the value comes
// from a file, and is nowhere but sealed.
func TestSecretFromTheTerminal(t *testing.T) {
	t.Parallel()
	const value = "correct-horse-battery-staple"
	b := setup(t)
	file := filepath.Join(t.TempDir(), "value")
	b.write(file, value+"\n")
	b.expect(0, "Success!", "say", "new-project hello-world")
	b.expect(0, "ok  secrets    key                    no secret was set yet", "doctor")
	b.expect(0, "TOKEN is set.", "secret", "set", "hello-world", "TOKEN", "--file", file)
	b.expect(0, "of "+filepath.Join(b.data, "secrets.key")+" seals the secrets", "doctor")
	_, stop := b.serve()
	b.expect(0, "db is set.", "secret", "set", "hello-world", "db", "--env", "production", "--kind", "login", "--user", "scott", "--file", file)
	b.expect(0, "", "say", "secrets hello-world")
	out := b.ok("say", "secret list hello-world")
	for _, want := range []string{"TOKEN", "builds, everywhere", "production", "db db_USR db_PSW"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in %s", want, out)
		}
	}
	b.expect(1, "There is no project", "secret", "set", "hello", "TOKEN", "--file", file)
	b.expect(1, "A secret's key begins with a letter", "secret", "set", "hello-world", "NO KEY", "--file", file)
	b.expect(1, "There is no environment", "secret", "set", "hello-world", "TOKEN", "--env", "moon", "--file", file)
	b.expect(1, "TOKEN is empty", "secret", "set", "hello-world", "TOKEN") // of standard input
	b.expect(1, "KIND is text, file or login", "secret", "set", "hello-world", "TOKEN", "--kind", "other", "--file", file)
	b.expect(1, "no such file", "secret", "set", "hello-world", "TOKEN", "--file", file+"x")
	b.expect(2, "usage:", "secret", "set", "hello-world", "TOKEN", value)
	out = b.ok("say", "audit hello-world")
	if !strings.Contains(out, "secret set hello-world db in production --kind login") || strings.Contains(out, value) {
		t.Errorf("audited: %s", out)
	}
	stop()
	archive := filepath.Join(t.TempDir(), "backup.tgz")
	b.expect(0, "files to "+archive, "backup", archive)
	b.nowhere(value, b.data)
	b.restoredSecrets(archive)
}

// restoredSecrets restores a backup: its secrets are there, and can be opened.
func (b *bench) restoredSecrets(archive string) {
	b.t.Helper()
	other := setup(b.t)
	other.expect(0, "Restored", "restore", archive)
	other.expect(0, "seals the secrets", "doctor")
	other.expect(0, "TOKEN", "say", "secrets hello-world")
}

// TestTypedSecret: what is typed behind the key is not kept, anywhere.
func TestTypedSecret(t *testing.T) {
	t.Parallel()
	const value = "correct-horse-battery-staple"
	b := setup(t)
	b.expect(0, "Success!", "say", "new-project hello-world")
	for _, line := range []string{"secret set hello-world TOKEN " + value, "!secret set hello-world TOKEN=" + value, "secrte set hello-world TOKEN " + value} {
		code, out, problems := b.call("say", line)
		if code != 1 || strings.Contains(out+problems, value) {
			t.Errorf("exit %d: %s%s", code, out, problems)
		}
	}
	b.nowhere(value, b.data)
	b.expect(1, "change that value where it comes from", "say", "secret set hello-world TOKEN "+value)
}

// TestOtherKey: a key that is not the one before is told by doctor, and by who uses it.
func TestOtherKey(t *testing.T) {
	t.Parallel()
	b := setup(t)
	file := filepath.Join(t.TempDir(), "value")
	b.write(file, "correct-horse-battery-staple")
	b.write(b.config, stack+"secrets: { key: \"env:SECRETS_KEY\", old_keys: [ \"env:FORMER_KEY\" ] }\n")
	b.env["SECRETS_KEY"], b.env["FORMER_KEY"] = strings.Repeat("A", 43)+"=", strings.Repeat("Q", 42)+"E="
	b.expect(0, "Success!", "say", "new-project hello-world")
	b.expect(0, "TOKEN is set.", "secret", "set", "hello-world", "TOKEN", "--file", file)
	b.env["SECRETS_KEY"], b.env["FORMER_KEY"] = b.env["FORMER_KEY"], b.env["SECRETS_KEY"]
	b.expect(0, "env:SECRETS_KEY seals the secrets", "doctor") // changed, and the former one known
	b.env["SECRETS_KEY"] = strings.Repeat("w", 42) + "g="
	b.expect(1, "the secrets were sealed with the key", "doctor")
	b.expect(1, "opsbot doctor", "secret", "set", "hello-world", "TOKEN", "--file", file)
	if _, err := os.Stat(filepath.Join(b.data, "secrets.key")); !os.IsNotExist(err) {
		t.Error("a key was made beside the configured one")
	}
}
