package program

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// Configuration is the embedded stack with the blueprint that builds fastest, on
// ports of this machine; 0 is any.
type Configuration struct {
	Listen, Console, Apps int
	// Chats are more integrations, each a line of YAML; Room is where the cards go, "" =
	// the console's first room.
	Chats []string
	Room  string
	// Forge and Pipeline are the default ones, "" the embedded; Manual has nothing
	// deployed by itself.
	Forge, Pipeline string
	Manual          bool
	// Deployer deploys to production; "" = localrun.
	Deployer string
	// Environment is what the program's environment has besides that of the test.
	Environment []string
	// Localrun are its settings besides its type, as they stand in YAML's braces;
	// "" are those that suit most tests.
	Localrun string
}

// PublicURL is where others reach the program, once its ports are fixed.
func (c Configuration) PublicURL() string { return fmt.Sprintf("http://127.0.0.1:%d", c.Listen) }

// YAML is the configuration's file.
func (c Configuration) YAML() string {
	if c.Localrun == "" {
		c.Localrun = "watch: 1s"
	}
	if c.Room == "" {
		c.Room = "console:general"
	}
	if c.Forge == "" {
		c.Forge = "localgit"
	}
	if c.Pipeline == "" {
		c.Pipeline = "localci"
	}
	if c.Deployer == "" {
		c.Deployer = "localrun"
	}
	auto := ", auto: main"
	if c.Manual {
		auto = ""
	}
	chats := ""
	for _, one := range c.Chats {
		chats += "  " + one + "\n"
	}
	return fmt.Sprintf(`listen: 127.0.0.1:%d
console: 127.0.0.1:%d
apps: 127.0.0.1:%d
integrations:
  console: { type: console, rooms: [general, quiet] }
  localgit: { type: localgit }
  localci: { type: localci }
  localrun: { type: localrun, %s }
%sdefaults: { forge: %s, pipeline: %s, room: %q, blueprint: static-site }
environments:
  - { name: staging, deployer: localrun%s }
  - { name: production, deployer: %s, after: staging }
`, c.Listen, c.Console, c.Apps, c.Localrun, chats, c.Forge, c.Pipeline, c.Room, auto, c.Deployer)
}

// Ports gives free ports. The zero value is ready. Safe for concurrent use.
type Ports struct{ last atomic.Int32 }

// Fixed gives the configuration ports that nobody else has, below the range from
// which the system takes them itself, so that a server that is stopped and started
// finds them free again.
func (p *Ports) Fixed(c Configuration) (Configuration, error) {
	for _, port := range []*int{&c.Listen, &c.Console, &c.Apps} {
		var err error
		if *port, err = p.free(); err != nil {
			return c, err
		}
	}
	return c, nil
}

func (p *Ports) free() (int, error) {
	const first, many = 9000, 10000
	p.last.CompareAndSwap(0, first+rand.Int32N(many-1000)) //nolint:gosec // only to differ from other processes
	for range 2000 {
		port := first + int(p.last.Add(1)-first)%many
		if l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return port, l.Close()
		}
	}
	return 0, fmt.Errorf("no free port")
}

// Folder is where the program runs: its configuration and its data.
type Folder struct {
	bin, config, data string
	environment       []string
}

// Folder makes one in dir.
func (b *Binary) Folder(t testing.TB, dir string, c Configuration) Folder {
	t.Helper()
	f := Folder{bin: b.Path(t), config: filepath.Join(dir, "opsbot.yaml"), data: filepath.Join(dir, "data"), environment: c.Environment}
	if err := os.WriteFile(f.config, []byte(c.YAML()), 0o600); err != nil {
		t.Fatal(err)
	}
	return f
}

// Data is the path of the data folder.
func (f Folder) Data() string { return f.data }

// Serve starts the program on the folder. It is stopped at the end of the test.
func (f Folder) Serve(t testing.TB) *Server {
	t.Helper()
	s, err := Start(f.command(context.Background(), "serve"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

func (f Folder) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, f.bin, append([]string{"--config", f.config, "--data", f.data}, args...)...)
	if len(f.environment) > 0 {
		cmd.Env = append(os.Environ(), f.environment...)
	}
	return cmd
}

// Run runs the program on the folder and gives all that it printed and its exit
// status; -1 is one that was not run.
func (f Folder) Run(ctx context.Context, args ...string) (out string, code int) {
	cmd := f.command(ctx, args...)
	text, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		return err.Error(), -1
	}
	return string(text), cmd.ProcessState.ExitCode()
}

// Output runs the program on the folder and gives what it printed for whoever reads
// on; its error holds what it printed for a person.
func (f Folder) Output(ctx context.Context, args ...string) (string, error) {
	var problems strings.Builder
	cmd := f.command(ctx, args...)
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("opsbot %v: %w\n%s%s", args, err, out, problems.String())
	}
	return string(out), nil
}

// Say says texts to the program.
func (f Folder) Say(ctx context.Context, texts ...string) (out string, code int) {
	return f.Run(ctx, append([]string{"say"}, texts...)...)
}
