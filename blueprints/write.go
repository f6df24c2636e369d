package blueprints

import (
	"errors"
	"fmt"
	"os"
	"path"

	"opsbot/bot"
)

// WriteTree writes tree into dir, which is made if it isn't there. A file that
// exists is an error and is left alone; nothing is written outside dir, whatever
// links it holds.
func WriteTree(dir string, tree bot.Tree) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make %s: %w", dir, err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("open %s: %w", dir, err)
	}
	for _, f := range tree.Files {
		if err = writeFile(root, f); err != nil {
			break
		}
	}
	return errors.Join(err, root.Close())
}

func writeFile(root *os.Root, f bot.TreeFile) error {
	if err := checkPath(f.Path); err != nil {
		return fmt.Errorf("write a tree: %w", err)
	}
	if err := root.MkdirAll(path.Dir(f.Path), 0o755); err != nil {
		return fmt.Errorf("make the folder of %s: %w", f.Path, err)
	}
	mode := os.FileMode(0o644)
	if f.Executable {
		mode = 0o755
	}
	out, err := root.OpenFile(f.Path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return fmt.Errorf("create %s: %w", f.Path, err)
	}
	_, err = out.Write(f.Data)
	if err := errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("write %s: %w", f.Path, err)
	}
	return nil
}
