package e2e_test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var binaries string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "opsbot-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }() // of the machine's temporary files
	cmd := exec.Command("go", "build", "-o", filepath.Join(dir, "opsbot"), "./cmd/opsbot")
	cmd.Dir = "../.."
	if out, err := cmd.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build opsbot: %v\n%s", err, out)
		return 1
	}
	binaries = dir
	return m.Run()
}

func TestConversations(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata", Setup: setup, RequireExplicitExec: true, RequireUniqueNames: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"serve": serve, "stop": stop, "say": say, "eventually": eventually, "http": request,
			"capture": capture, "press": press, "look": look, "reply": reply,
			"bigfile": bigfile, "deliver": deliver, "listen": listen,
		},
	})
}

const settings = `listen: 127.0.0.1:%d
console: 127.0.0.1:%d
apps: 127.0.0.1:%d
integrations:
  console: { type: console, rooms: [general, quiet] }
  localgit: { type: localgit }
  localci: { type: localci }
  localrun: { type: localrun, watch: 300ms, drain: 300ms, start_timeout: 4s }
defaults: { forge: localgit, pipeline: localci, room: "console:general", blueprint: static-site }
environments:
  - { name: staging, deployer: localrun, auto: main }
  - { name: production, deployer: localrun, after: staging }
`

// setup gives a script its own ports, data folder, home and configuration.
func setup(env *testscript.Env) error {
	var ports [3]int
	for i := range ports {
		var err error
		if ports[i], err = freePort(); err != nil {
			return err
		}
	}
	home := filepath.Join(env.WorkDir, "home")
	config := filepath.Join(env.WorkDir, "config.yaml")
	if err := os.MkdirAll(home, 0o700); err != nil {
		return err
	}
	text := fmt.Sprintf(settings, ports[0], ports[1], ports[2])
	if extra, err := os.ReadFile(filepath.Join(env.WorkDir, "extra.yaml")); err == nil {
		text += string(extra)
	}
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return err
	}
	for _, v := range [][2]string{
		{"PATH", binaries + string(os.PathListSeparator) + os.Getenv("PATH")},
		{"HOME", home},
		{"CONFIG", config},
		{"DATA", filepath.Join(env.WorkDir, "data")},
		{"PUBLIC", fmt.Sprintf("127.0.0.1:%d", ports[0])},
		{"CONSOLE", fmt.Sprintf("127.0.0.1:%d", ports[1])},
		{"APPS", fmt.Sprintf("127.0.0.1:%d", ports[2])},
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

var lastPort atomic.Int32

// freePort gives a port below the range from which the system takes them itself, so
// that a server that is stopped and started finds it free again.
func freePort() (int, error) {
	lastPort.CompareAndSwap(0, 9000+rand.Int32N(9000))
	for range 2000 {
		port := int(9000 + (lastPort.Add(1)-9000)%10000)
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return port, l.Close()
		}
	}
	return 0, fmt.Errorf("no free port")
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
