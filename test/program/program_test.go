package program_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"opsbot/test/program"
)

var binary program.Binary

func TestMain(m *testing.M) { os.Exit(binary.Main(m)) }

// TestStartTellsWhyNot: what does not get ready is told with its log, which whoever
// asked for it has as well.
func TestStartTellsWhyNot(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	config := filepath.Join(dir, "opsbot.yaml")
	if err := os.WriteFile(config, []byte("no_such_key: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	cmd := exec.CommandContext(t.Context(), binary.Path(t), "serve", "--config", config, "--data", filepath.Join(dir, "data"))
	cmd.Stderr = &log
	s, err := program.Start(cmd)
	if s != nil || err == nil || !strings.Contains(err.Error(), "no_such_key") || !strings.Contains(log.String(), "no_such_key") {
		t.Fatalf("it starts, or does not say why not: %v\n%s", err, log.String())
	}
}

// TestFolder: one folder serves, answers, is stopped, and serves again where it was.
func TestFolder(t *testing.T) {
	t.Parallel()
	var ports program.Ports
	fixed, err := ports.Fixed(program.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	bot := binary.Folder(t, t.TempDir(), fixed)
	first := bot.Serve(t)
	if first.Page == "" || first.Git == "" || first.Login == "" || first.Apps == "" {
		t.Errorf("the greeting is read as %q %q %q %q", first.Page, first.Git, first.Login, first.Apps)
	}
	if out, code := bot.Say(t.Context(), "whoami", "nonsense"); code == 0 || !strings.Contains(out, "nonsense") {
		t.Errorf("exit %d: %s", code, out)
	}
	token, err := bot.Output(t.Context(), "token", "new", "laptop")
	if err != nil || len(strings.Fields(token)) != 1 {
		t.Errorf("a token is %q, %v", token, err)
	}
	if _, err := bot.Output(t.Context(), "token", "revoke", "phone"); err == nil || !strings.Contains(err.Error(), "phone") {
		t.Errorf("what is refused is told as %v", err)
	}
	first.Stop()
	if again := bot.Serve(t); again.Page != first.Page || again.Apps != first.Apps {
		t.Errorf("first at %s and %s, then at %s and %s", first.Page, first.Apps, again.Page, again.Apps)
	}
}
