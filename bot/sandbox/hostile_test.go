package sandbox

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// hostile is what a bad build tries. Each attempt prints "LEAK name" if it works.
const hostile = `
try() { name=$1; shift; if "$@" >/dev/null 2>&1; then echo "LEAK $name"; else echo "refused $name"; fi; }
environ() { cat /proc/$VICTIM/environ /proc/$PARENT/environ $ALL 2>/dev/null | grep -q OPSBOT_TEST_SECRET; }
others() { grep -q -- '-test\.' /proc/$PARENT/cmdline; }
try data-folder     cat "$DATA/opsbot.db"
try list-data       sh -c 'ls "$DATA" | grep -q opsbot.db'
try other-workspace cat "$OTHER/secret"
try write-other     sh -c 'echo x > "$OTHER/written"'
try state-folder    sh -c 'ls "$STATE" | grep -q json'
try environ         environ
try processes       others
try kill-parent     kill -0 "$PARENT"
try connect         "$SELF" helper dial "$ADDR"
try write-outside   sh -c 'echo x > "$DATA/written"'
try write-root      sh -c 'echo x > "$ROOTFILE"'
try own-binary      sh -c 'test -w "$SELF" && echo >> "$SELF.x"'
try root-home       ls /root
try run-folder      sh -c 'test -e /run/lock || test -e /run/systemd || test -e /var/lib'
try host-name       sh -c 'test "$(cat /proc/sys/kernel/hostname)" = "$HOST"'
try shadow          cat /etc/shadow
try proc-sys        sh -c 'test -w /proc/sys/kernel/core_pattern && echo "$(cat /proc/sys/kernel/core_pattern)" > /proc/sys/kernel/core_pattern'
try mount           mount -t tmpfs none /tmp
try unshare         unshare --user --map-root-user true
try raw-device      sh -c 'ls /dev/[svx]d[a-z] /dev/mem'
touch "$WS/mine" && echo "ok workspace"
touch /tmp/mine && touch "$HOME/mine" && echo "ok scratch"
mkfifo /tmp/held
"$SELF" helper lock "$WS/lock" >/tmp/held & read x </tmp/held && echo "ok child"
setsid "$SELF" helper lock "$WS/daemon" >/tmp/held & read x </tmp/held && echo "ok daemon"
echo end
`

// TestHostileBuildIsRefused runs the attempts in a sandbox. The same attempts as a
// trusted child prove that each of them would work where nothing refuses it.
func TestHostileBuildIsRefused(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	needBwrap(t, s.safe)
	said := runHostile(t, s, &Isolation{})
	if strings.Contains(said, "LEAK") {
		t.Errorf("some attempts were not refused:\n%s", said)
	}
	want := strings.Count(hostile, "\ntry ")
	if got := strings.Count(said, "refused "); got != want {
		t.Errorf("%d attempts refused of %d:\n%s", got, want, said)
	}
	for _, line := range []string{"ok workspace\n", "ok scratch\n", "ok child\n", "ok daemon\n", "end\n"} {
		if !strings.Contains(said, line) {
			t.Errorf("the workspace does not serve: no %q in\n%s", line, said)
		}
	}
	for _, lock := range []string{"lock", "daemon"} {
		if !unlocked(t, filepath.Join(s.dir, "ws", lock)) {
			t.Errorf("a process holding %s survived its build", lock)
		}
	}
}

func TestHostileAttemptsWorkWithoutASandbox(t *testing.T) {
	t.Parallel()
	said := runHostile(t, newSetup(t), nil)
	for _, attempt := range []string{
		"data-folder", "list-data", "other-workspace", "write-other", "state-folder", "environ", "processes",
		"kill-parent", "connect", "write-outside", "write-root", "own-binary", "host-name",
	} {
		if !strings.Contains(said, "LEAK "+attempt+"\n") {
			t.Errorf("the attempt %s proves nothing: it fails without a sandbox too\n%s", attempt, said)
		}
	}
}

func runHostile(t *testing.T, s setup, iso *Isolation) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	data, other, ws := filepath.Join(s.dir, "data"), filepath.Join(s.dir, "other"), filepath.Join(s.dir, "ws")
	for _, dir := range []string{data, other, ws} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []string{data + "/opsbot.db", other + "/secret"} {
		if err := os.WriteFile(f, []byte("secret"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	victim := exec.CommandContext(t.Context(), "sleep", "1000")
	victim.Env = []string{"OPSBOT_TEST_SECRET=leaked"}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = victim.Process.Kill(); _ = victim.Wait() }()
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	self, rootFile, all := selfPath, "/opsbot-hostile", ""
	if iso != nil {
		all = "/proc/*/environ"
		iso.ReadWrite = []Mount{{Host: ws}}
	} else {
		// Outside, the trusted copy: the same attempts on things of the test's own.
		self, rootFile = filepath.Join(s.dir, "self"), filepath.Join(s.dir, "rootfile")
		copyFile(t, os.Args[0], self)
	}
	var out bytes.Buffer
	script := hostile
	if iso == nil {
		script, _, _ = strings.Cut(hostile, "try mount")
		script += "exit 0"
	}
	res, err := s.safe.Run(t.Context(), Spec{
		Name: "hostile", Args: shell(script), Dir: ws, Stdout: &out, Stderr: &out, Isolation: iso,
		Env: []string{
			"DATA=" + data, "OTHER=" + other, "WS=" + ws, "STATE=" + s.safe.state, "SELF=" + self, "HOST=" + host,
			"ROOTFILE=" + rootFile, "ADDR=" + listener.Addr().String(), fmt.Sprintf("PARENT=%d", os.Getpid()),
			fmt.Sprintf("VICTIM=%d", victim.Process.Pid), "ALL=" + all,
		},
	})
	if err != nil || res.ExitCode != 0 {
		t.Fatalf("%+v, %v\n%s", res, err, out.String())
	}
	if iso != nil {
		if _, err := os.Stat(data + "/written"); err == nil {
			t.Error("the data folder was written")
		}
		if _, err := os.Stat(other + "/written"); err == nil {
			t.Error("another workspace was written")
		}
	}
	return out.String()
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := writeProgram(to, b); err != nil {
		t.Fatal(err)
	}
}

// writeProgram writes a file that can be executed at once: no process starts
// meanwhile, which would hold it open for writing for a moment.
func writeProgram(path string, data []byte) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return os.WriteFile(path, data, 0o755)
}

func TestMountsAreReadOnlyOrWritableAsAsked(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	needBwrap(t, s.safe)
	ro, rw := filepath.Join(s.dir, "ro"), filepath.Join(s.dir, "rw")
	for _, dir := range []string{ro, rw} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dir+"/f", []byte("text"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	res, err := s.safe.Run(t.Context(), Spec{
		Name: "mounts", Dir: "/inside", Stdout: &out, Stderr: &out,
		Args: shell("cat f /ro/f; echo new > f; (echo new > /ro/f) 2>/dev/null || echo read-only"),
		Isolation: &Isolation{
			ReadOnly: []Mount{{Host: ro, Inside: "/ro"}}, ReadWrite: []Mount{{Host: rw, Inside: "/inside"}},
		},
	})
	if err != nil || res.ExitCode != 0 || out.String() != "texttextread-only\n" {
		t.Errorf("%+v, %v, %q", res, err, out.String())
	}
	if b, _ := os.ReadFile(rw + "/f"); string(b) != "new\n" {
		t.Errorf("the writable mount holds %q", b)
	}
	if b, _ := os.ReadFile(ro + "/f"); string(b) != "text" {
		t.Errorf("the read-only mount holds %q", b)
	}
}

func TestMissingMountIsAStartError(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	needBwrap(t, s.safe)
	_, err := s.safe.Run(t.Context(), Spec{
		Name: "mounts", Args: shell("true"), Isolation: &Isolation{ReadOnly: []Mount{{Host: "/no/such/folder"}}},
	})
	if err == nil || !strings.Contains(err.Error(), "/no/such/folder") {
		t.Errorf("error is %v", err)
	}
	_, err = s.safe.Run(t.Context(), Spec{
		Name: "mounts", Args: shell("true"), Isolation: &Isolation{ReadOnly: []Mount{{Host: "relative"}}},
	})
	if err == nil || !strings.Contains(err.Error(), "not absolute") {
		t.Errorf("error is %v", err)
	}
}

func TestHostNetworkReachesThisMachine(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	needBwrap(t, s.safe)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	for _, c := range []struct {
		network Network
		code    int
	}{{NetworkNone, 1}, {NetworkHost, 0}} {
		res, err := s.safe.Run(t.Context(), Spec{
			Name: "dial", Self: true, Args: []string{"helper", "dial", listener.Addr().String()},
			Isolation: &Isolation{Network: c.network},
		})
		if err != nil || res.ExitCode != c.code {
			t.Errorf("network %d: %+v, %v, want code %d", c.network, res, err, c.code)
		}
	}
}
