package sandbox

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	// selfPath is where OpsBot's binary is mounted inside a sandbox.
	selfPath = "/run/opsbot/opsbot"
	// homePath is the HOME of sandboxed children.
	homePath    = "/home/opsbot"
	sandboxID   = "1000"
	defaultTmp  = 1 << 30
	probeTime   = 20 * time.Second
	defaultPath = "/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
)

// probed is the answer of trying bubblewrap once.
type probed struct {
	err error
	// lockUserNS tells that this bubblewrap can forbid nested user namespaces.
	lockUserNS bool
}

// findBwrap returns the path of bubblewrap or "". The bot's PATH is not consulted:
// the program that isolates others must come from the system.
func findBwrap(given string) string {
	candidates := []string{"/usr/bin/bwrap", "/usr/local/bin/bwrap", "/bin/bwrap", "/run/current-system/sw/bin/bwrap"}
	if given != "" {
		candidates = []string{given}
	}
	for _, c := range candidates {
		if info, err := os.Stat(c); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return c
		}
	}
	return ""
}

// tryBwrap runs `true` with the very namespaces that children get.
func (r *Runner) tryBwrap() probed {
	if r.bwrap == "" {
		return probed{err: fmt.Errorf("%w: bubblewrap is not installed; install the package `bubblewrap` (program bwrap)", ErrNoSandbox)}
	}
	out, err := r.tryArgs(namespaceArgs(NetworkNone, true))
	if err == nil {
		return probed{lockUserNS: true}
	}
	if strings.Contains(out, "disable-userns") {
		if out, err = r.tryArgs(namespaceArgs(NetworkNone, false)); err == nil {
			return probed{}
		}
	}
	return probed{err: fmt.Errorf("%w: %s", ErrNoSandbox, explainBwrap(out, err, readSysctl))}
}

func (r *Runner) tryArgs(args []string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), probeTime)
	defer cancel()
	args = append(args, "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--", "/bin/true")
	cmd := exec.CommandContext(ctx, r.bwrap, args...)
	cmd.Env = []string{"PATH=" + defaultPath}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return strings.TrimSpace(out.String()), err
}

// explainBwrap turns bubblewrap's complaint into what the operator can do.
func explainBwrap(out string, err error, sysctl func(string) string) string {
	said := out
	if said == "" {
		said = err.Error()
	}
	switch {
	case sysctl("kernel/unprivileged_userns_clone") == "0":
		return "user namespaces are off for ordinary users; set sysctl kernel.unprivileged_userns_clone=1 (bwrap said: " + said + ")"
	case sysctl("kernel/apparmor_restrict_unprivileged_userns") == "1":
		return "AppArmor forbids user namespaces; allow bwrap in a profile or set sysctl kernel.apparmor_restrict_unprivileged_userns=0 (bwrap said: " + said + ")"
	case sysctl("user/max_user_namespaces") == "0":
		return "user namespaces are off; set sysctl user.max_user_namespaces to 1000 or more (bwrap said: " + said + ")"
	}
	return "bubblewrap does not work here, perhaps because OpsBot runs in a container without user namespaces (bwrap said: " + said + ")"
}

func readSysctl(name string) string {
	b, err := os.ReadFile(filepath.Join("/proc/sys", name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// namespaceArgs are the options that cut a child off.
func namespaceArgs(network Network, lockUserNS bool) []string {
	args := []string{
		"--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try",
		"--uid", sandboxID, "--gid", sandboxID, "--hostname", "sandbox", "--new-session", "--die-with-parent",
	}
	if network == NetworkNone {
		args = append(args, "--unshare-net")
	}
	if lockUserNS {
		args = append(args, "--disable-userns")
	}
	return args
}

// bwrapArgs is the whole command line up to the inner command. The environment is
// not on it: everybody on the machine can read command lines.
func (r *Runner) bwrapArgs(iso *Isolation) []string {
	args := append([]string{r.bwrap}, namespaceArgs(iso.Network, r.probe().lockUserNS)...)
	args = append(args, systemArgs()...)
	args = append(args, r.etcArgs(iso.Network)...)
	size := iso.TmpSize
	if size <= 0 {
		size = defaultTmp
	}
	bytes := strconv.FormatInt(size, 10)
	args = append(args, "--proc", "/proc", "--dev", "/dev",
		"--size", bytes, "--tmpfs", "/tmp", "--size", bytes, "--tmpfs", homePath,
		"--size", bytes, "--tmpfs", "/dev/shm",
		"--ro-bind", r.exe, selfPath)
	for _, m := range iso.ReadOnly {
		args = append(args, "--ro-bind", m.Host, m.inside())
	}
	for _, m := range iso.ReadWrite {
		args = append(args, "--bind", m.Host, m.inside())
	}
	// The root itself is a tmpfs of bubblewrap's: without this it could be written.
	// And where OpsBot runs as root, the sandbox's user owns /proc/sys: writing
	// kernel/core_pattern there would run a program outside.
	return append(args, "--remount-ro", "/", "--remount-ro", "/proc", "--info-fd", strconv.Itoa(fdInfo), "--")
}

// systemArgs mounts the system's programs and libraries read-only.
func systemArgs() []string {
	args := []string{"--ro-bind", "/usr", "/usr"}
	for _, dir := range []string{"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"} {
		if target, err := os.Readlink(dir); err == nil {
			args = append(args, "--symlink", target, dir)
		} else {
			args = append(args, "--ro-bind-try", dir, dir)
		}
	}
	if root := goRoot(); root != "" {
		args = append(args, "--ro-bind", root, root)
	}
	return args
}

// etcArgs mounts the few files of /etc that programs need. Users, groups and hosts
// are our own; the resolver's address goes only to children with a network.
func (r *Runner) etcArgs(network Network) []string {
	var args []string
	for _, name := range []string{
		"alternatives", "ssl/certs", "ssl/openssl.cnf", "ca-certificates", "pki", "ld.so.cache", "ld.so.conf",
		"ld.so.conf.d", "localtime", "mime.types", "java", "nix", "static",
	} {
		args = append(args, "--ro-bind-try", "/etc/"+name, "/etc/"+name)
	}
	// Debian's JDKs read these: without java.security no program opens an address. What
	// else is there, passwords of management among it, stays outside.
	for _, path := range append(globbed("/etc/java-*-openjdk/security"), globbed("/etc/java-*-openjdk/*.*")...) {
		args = append(args, "--ro-bind-try", path, path)
	}
	for _, f := range etcFiles() {
		args = append(args, "--ro-bind", filepath.Join(r.state, "etc", f.name), "/etc/"+f.name)
	}
	if network == NetworkHost {
		args = append(args, "--ro-bind-try", "/etc/resolv.conf", "/etc/resolv.conf")
	}
	return args
}

func globbed(pattern string) []string {
	found, _ := filepath.Glob(pattern) // the pattern is well-formed
	return found
}

type etcFile struct{ name, text string }

func etcFiles() []etcFile {
	return []etcFile{
		{"passwd", "opsbot:x:1000:1000:OpsBot sandbox:" + homePath + ":/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"},
		{"group", "opsbot:x:1000:\nnogroup:x:65534:\n"},
		{"hosts", "127.0.0.1 localhost sandbox\n::1 localhost\n"},
		{"nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"},
	}
}

// writeEtc puts the sandbox's /etc files where bubblewrap can mount them from.
func (r *Runner) writeEtc() error {
	dir := filepath.Join(r.state, "etc")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("sandbox: create %s: %w", dir, err)
	}
	for _, f := range etcFiles() {
		if err := writeFile(filepath.Join(dir, f.name), []byte(f.text)); err != nil {
			return fmt.Errorf("sandbox: write %s for children: %w", f.name, err)
		}
	}
	return nil
}

// writeFile replaces path in one step, so that a reader never sees half of it.
func writeFile(path string, data []byte) error {
	tmp := path + "." + rand.Text() + ".tmp"
	if err := os.WriteFile(tmp, data, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}
