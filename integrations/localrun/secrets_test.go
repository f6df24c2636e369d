package localrun

import (
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"opsbot/bot"
)

// keeper opens what a test has put into it.
type keeper struct {
	bot.Secrets
	mu     sync.Mutex
	values []bot.SecretValue
	err    error
	asked  []string
}

func (k *keeper) Open(_ context.Context, projectID, environment string) ([]bot.SecretValue, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked = append(k.asked, projectID+" "+environment)
	return k.values, k.err
}

func (k *keeper) put(err error, values ...bot.SecretValue) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.values, k.err = values, err
}

func secretOf(key string, kind bot.SecretKind, value string) bot.SecretValue {
	return bot.SecretValue{ProjectSecret: bot.ProjectSecret{Key: key, Kind: kind}, Value: []byte(value)}
}

// tellSecrets has the app tell what it was given: /env?NAME, /file?NAME, /print?NAME.
func tellSecrets(mux *http.ServeMux) {
	named := func(r *http.Request) string { return os.Getenv(r.URL.RawQuery) }
	mux.HandleFunc("/env", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, named(r)) })
	mux.HandleFunc("/print", func(_ http.ResponseWriter, r *http.Request) { fmt.Println("value:", named(r)) })
	mux.HandleFunc("/file", func(w http.ResponseWriter, r *http.Request) {
		info, err := os.Stat(named(r))
		if err != nil {
			fmt.Fprint(w, err)
			return
		}
		content, err := os.ReadFile(named(r))
		written := os.WriteFile(named(r), []byte("changed"), 0o600)
		fmt.Fprintf(w, "%s %s %v %v", info.Mode(), content, err, written != nil)
	})
}

const value = "correct-horse-battery-staple"

func TestSecretsAreGiven(t *testing.T) {
	t.Parallel()
	b := setup(t)
	login := secretOf("db.login", bot.SecretLogin, "tiger-in-the-tank")
	login.User = "scott"
	file := secretOf("deploy-key", bot.SecretFile, "line one of it\nline two of it\n")
	file.FileName = "id rsa"
	other := secretOf("other", bot.SecretFile, "other content")
	b.secrets.put(nil, secretOf("TOKEN", bot.SecretText, value), login, file, other, secretOf("LISTEN_PORT", bot.SecretText, "never-a-port"))
	b.deploy("1.0", "good", bot.DeploymentSucceeded)
	for page, want := range map[string]string{
		"/env?TOKEN": value, "/env?db_login": "scott:tiger-in-the-tank", "/env?db_login_USR": "scott", "/env?db_login_PSW": "tiger-in-the-tank",
		"/env?deploy_key": "/secrets/deploy_key/id rsa", "/env?other": "/secrets/other/other",
		"/file?deploy_key": "-rw------- line one of it\nline two of it\n <nil> true", "/file?other": "-rw------- other content <nil> true",
		"/env?OPSBOT_PROJECT": "shop",
	} {
		if code, got := b.get(page); code != http.StatusOK || got != want {
			t.Errorf("%s answers %d %q, want %q", page, code, got, want)
		}
	}
	for _, name := range []string{"TOKEN", "db_login", "db_login_PSW"} {
		b.get("/print?" + name)
	}
	b.await("the log", func() bool { return strings.Count(b.log(), "value:") == 3 })
	if log := b.log(); strings.Count(log, "value: [masked]") != 3 {
		t.Errorf("the log:\n%s", log)
	}
	if !strings.Contains(b.log(), "not given, as the variable names the port: LISTEN_PORT") {
		t.Errorf("the log:\n%s", b.log())
	}
	b.secrets.mu.Lock()
	if b.secrets.asked[0] != "p1 staging" {
		t.Errorf("opened for %v", b.secrets.asked)
	}
	b.secrets.mu.Unlock()
	b.nowhere(value, "tiger-in-the-tank")
}

// nowhere checks that no file of the deployer holds any of the values: versions, logs,
// records, what is left of secret files.
func (b *bench) nowhere(values ...string) {
	b.t.Helper()
	for _, dir := range []string{b.env.Dir, b.env.RunDir, filepath.Join(b.dir, "data")} {
		err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err != nil || !e.Type().IsRegular() || strings.HasSuffix(path, "/app") || strings.Contains(path, "/blobs/") {
				return err // the app's binary is this test, with the values in it
			}
			content, err := os.ReadFile(path)
			for _, v := range values {
				if strings.Contains(string(content), v) {
					b.t.Errorf("%s holds %s", path, v)
				}
			}
			return err
		})
		if err != nil {
			b.t.Error(err)
		}
	}
}

// TestSecretsAfterARestart: what was changed is seen by the next instance, not before,
// and the former one's files are gone with it.
func TestSecretsAfterARestart(t *testing.T) {
	t.Parallel()
	b := setup(t)
	file := secretOf("FILE", bot.SecretFile, "former content")
	b.secrets.put(nil, secretOf("TOKEN", bot.SecretText, "former-value"), file)
	b.deploy("1.0", "good", bot.DeploymentSucceeded)
	file.Value = []byte("newer content")
	b.secrets.put(nil, secretOf("TOKEN", bot.SecretText, "newer-value"), file)
	if _, got := b.get("/env?TOKEN"); got != "former-value" {
		t.Errorf("the running app sees %q", got)
	}
	b.deploy("1.0", "good", bot.DeploymentSucceeded) // as `restart` does
	if _, got := b.get("/env?TOKEN"); got != "newer-value" {
		t.Errorf("the new one sees %q", got)
	}
	if _, got := b.get("/file?FILE"); !strings.Contains(got, "newer content") {
		t.Errorf("the new one reads %q", got)
	}
	b.await("the former files' end", func() bool { return len(b.secretFiles()) == 1 })
	b.get("/die") // starting again by itself counts, too
	b.await("the app again", func() bool { _, got := b.get("/env?TOKEN"); return got == "newer-value" })
	b.stop()
	if left := b.secretFiles(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	// What a killed process left is removed by the next one.
	b.boot("node:2")
	left := filepath.Join(b.Service.secretFiles(), "app-left")
	b.stop()
	if err := os.MkdirAll(left, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(left, "x"), []byte(value), 0o600); err != nil {
		t.Fatal(err)
	}
	b.rerun()
	b.await("the end of what was left", func() bool { _, err := os.Stat(left); return os.IsNotExist(err) })
}

func (b *bench) secretFiles() []string {
	b.t.Helper()
	all, err := filepath.Glob(filepath.Join(b.Service.secretFiles(), "*"))
	if err != nil {
		b.t.Fatal(err)
	}
	return all
}

// rerun runs the service once more, as a process started on what it left does.
func (b *bench) rerun() {
	b.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	b.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			b.t.Error(err)
		}
	})
}

// TestSecretsThatCannotBeOpened: nothing starts without what it was to be given, and what
// runs goes on.
func TestSecretsThatCannotBeOpened(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.deploy("1.0", "good", bot.DeploymentSucceeded)
	b.secrets.put(bot.Errorf(bot.CodeInternal, "The secret TOKEN can't be opened: OpsBot's key is another one."))
	got := b.deploy("1.1", "good", bot.DeploymentFailed)
	if !strings.Contains(got.Message, "The secret TOKEN can't be opened") {
		t.Errorf("%+v", got)
	}
	b.answers("1.0")
}
