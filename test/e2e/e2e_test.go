package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"opsbot/test/fakes/mattermost"
	"opsbot/test/fakes/slack"
	"opsbot/test/program"
	"opsbot/test/talk"
)

var (
	binary program.Binary
	ports  program.Ports
)

func TestMain(m *testing.M) { os.Exit(binary.Main(m)) }

func TestConversations(t *testing.T) {
	t.Parallel()
	converse(t, func(*testscript.Env) (talk.Chat, error) { return nil, nil }, "testdata/*.txtar")
}

// chatScripts are the conversations that are held in every chat alike. The others are
// about the console, the terminal and the doors.
func chatScripts() []string {
	return []string{"testdata/talk.txtar", "testdata/ship.txtar", "testdata/names.txtar", "testdata/builds.txtar", "testdata/broken.txtar", "testdata/remove.txtar", "testdata/place.txtar", "testdata/secret.txtar"}
}

func TestConversationsInSlack(t *testing.T) {
	t.Parallel()
	converse(t, func(env *testscript.Env) (talk.Chat, error) {
		server, err := slack.Start(slack.OnUnexpected(func(what string) { t.Errorf("slack: %s", what) }))
		if err != nil {
			return nil, err
		}
		env.Defer(server.Close)
		return talk.InSlack(server), nil
	}, chatScripts()...)
}

func TestConversationsInMattermost(t *testing.T) {
	t.Parallel()
	converse(t, func(env *testscript.Env) (talk.Chat, error) {
		server, err := mattermost.Start(mattermost.OnUnexpected(func(what string) { t.Errorf("mattermost: %s", what) }))
		if err != nil {
			return nil, err
		}
		env.Defer(server.Close)
		return talk.InMattermost(server), nil
	}, chatScripts()...)
}

// converse runs scripts, their people talking in the chat that open gives; nil is the
// console.
func converse(t *testing.T, open func(env *testscript.Env) (talk.Chat, error), patterns ...string) {
	t.Helper()
	bin := binary.Path(t)
	var files []string
	for _, p := range patterns {
		found, err := filepath.Glob(p)
		if err != nil || len(found) == 0 {
			t.Fatalf("no script is called %s: %v", p, err)
		}
		files = append(files, found...)
	}
	testscript.Run(t, testscript.Params{
		Files: files, RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			made, err := open(env)
			if err != nil {
				return err
			}
			if err := setup(env, bin, made); err != nil || made == nil {
				return err
			}
			secrets, _ := env.Values[environmentKey{}].([]string)
			env.Defer(func() { noLeak(t, env.WorkDir, made, secrets) }) // when the program is stopped
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"serve": serve, "stop": stop, "say": say, "ask": ask, "eventually": eventually, "http": request,
			"capture": capture, "press": press, "look": look, "reply": reply, "fill": fill, "nowhere": nowhere, "awaits": awaits,
			"bigfile": bigfile, "deliver": deliver, "listen": listen,
		},
	})
}

// setup gives a script its own ports, data folder, home and configuration.
func setup(env *testscript.Env, bin string, in talk.Chat) error {
	wanted := program.Configuration{Localrun: "watch: 300ms, drain: 300ms, start_timeout: 4s"}
	if in != nil {
		env.Values[chatKey{}] = in
		in.Configure(&wanted)
		env.Values[environmentKey{}] = wanted.Environment
	}
	settings, err := ports.Fixed(wanted)
	if err != nil {
		return err
	}
	home := filepath.Join(env.WorkDir, "home")
	config := filepath.Join(env.WorkDir, "config.yaml")
	if err := os.MkdirAll(home, 0o700); err != nil {
		return err
	}
	text := settings.YAML()
	if extra, err := os.ReadFile(filepath.Join(env.WorkDir, "extra.yaml")); err == nil {
		text += string(extra)
	}
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return err
	}
	for _, v := range [][2]string{
		{"OPSBOT", bin},
		{"PATH", filepath.Dir(bin) + string(os.PathListSeparator) + os.Getenv("PATH")},
		{"HOME", home},
		{"CONFIG", config},
		{"DATA", filepath.Join(env.WorkDir, "data")},
		{"PUBLIC", fmt.Sprintf("127.0.0.1:%d", settings.Listen)},
		{"CONSOLE", fmt.Sprintf("127.0.0.1:%d", settings.Console)},
		{"APPS", fmt.Sprintf("127.0.0.1:%d", settings.Apps)},
		{"GIT_AUTHOR_NAME", "alice"},
		{"GIT_AUTHOR_EMAIL", "alice@example.com"},
		{"GIT_COMMITTER_NAME", "alice"},
		{"GIT_COMMITTER_EMAIL", "alice@example.com"},
		{"GIT_CONFIG_NOSYSTEM", "1"},
		{"GIT_TERMINAL_PROMPT", "0"},
	} {
		env.Setenv(v[0], v[1])
	}
	return nil
}

// arguments are those of a call of the program on the script's data folder.
func arguments(ts *testscript.TestScript, args ...string) []string {
	return append(args, "--data", ts.Getenv("DATA"), "--config", ts.Getenv("CONFIG"))
}

// result fails the script unless err is what neg asks for.
func result(ts *testscript.TestScript, neg bool, err error) {
	switch {
	case err != nil && !neg:
		ts.Fatalf("%v", err)
	case err == nil && neg:
		ts.Fatalf("it succeeded, but it should not")
	}
}

func usage(ts *testscript.TestScript, bad bool, text string) {
	if bad {
		ts.Fatalf("usage: %s", strings.TrimSpace(text))
	}
}
