package kill_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// dropVar names, for the faulty binary, the write that it leaves out.
const dropVar = "OPSBOT_TEST_DROP"

// writeOverlay replaces the one place through which a part's commits go when a
// parent listens: the faulty binary rolls back those that dropVar names and says
// that they had worked. The product itself has no such switch.
func writeOverlay(dir string) (string, error) {
	path, err := filepath.Abs(filepath.Join(repository, "cmd/opsbot/probe.go"))
	if err != nil {
		return "", err
	}
	source, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	const honest = "err := w.UnitOfWork.Write(ctx, fn)"
	text := strings.Replace(string(source), honest, "err := w.perhaps(ctx, point, fn)", 1)
	if text == string(source) {
		return "", fmt.Errorf("%s does not write with %q any more: the faulty binary can't be made", path, honest)
	}
	text += `
var errDropped = fmt.Errorf("dropped")

func (w *watchedWork) perhaps(ctx context.Context, point string, fn func(ctx context.Context, tx *bot.Tx) error) error {
	if os.Getenv("` + dropVar + `") != point {
		return w.UnitOfWork.Write(ctx, fn)
	}
	err := w.UnitOfWork.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		if err := fn(ctx, tx); err != nil {
			return err
		}
		return errDropped
	})
	if err == errDropped {
		return nil
	}
	return err
}
`
	changed := filepath.Join(dir, "probe.go")
	if err := os.WriteFile(changed, []byte(text), 0o600); err != nil {
		return "", err
	}
	overlay := filepath.Join(dir, "overlay.json")
	body, err := json.Marshal(map[string]map[string]string{"Replace": {path: changed}})
	if err != nil {
		return "", err
	}
	return overlay, os.WriteFile(overlay, body, 0o600)
}
