package kill_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// programs are the binaries under test, built once.
type programs struct{ real, faulty string }

var built programs

// repository is the module's folder.
const repository = "../.."

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "opsbot-kill-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }() // of the machine's temporary files
	built = programs{filepath.Join(dir, "opsbot"), filepath.Join(dir, "opsbot-faulty")}
	if err := build(built.real); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	overlay, err := writeOverlay(dir)
	if err == nil {
		err = build(built.faulty, "-overlay", overlay)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

func build(to string, flags ...string) error {
	args := append([]string{"build", "-o", to}, flags...)
	cmd := exec.Command("go", append(args, "./cmd/opsbot")...)
	cmd.Dir = repository
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", to, err, out)
	}
	return nil
}
