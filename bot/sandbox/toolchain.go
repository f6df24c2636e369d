package sandbox

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// goRoot returns the folder of the Go toolchain that OpsBot itself would use, if
// it is somewhere that the usual mounts do not cover, else "".
func goRoot() string {
	path, err := exec.LookPath("go")
	if err != nil {
		return ""
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return ""
	}
	root := filepath.Dir(filepath.Dir(path))
	// A wrapper script elsewhere must not pull its whole folder into every sandbox.
	if info, err := os.Stat(filepath.Join(root, "pkg", "tool")); err != nil || !info.IsDir() {
		return ""
	}
	if root == "/usr" || strings.HasPrefix(root, "/usr/") {
		return ""
	}
	return root
}

// pathDefault is the PATH of children that were given none.
func pathDefault() string {
	if root := goRoot(); root != "" {
		return filepath.Join(root, "bin") + ":" + defaultPath
	}
	return defaultPath
}
