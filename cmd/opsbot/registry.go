package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"opsbot/bot"
)

// registry holds the configured instances. It is filled while wiring and only
// read afterwards.
type registry struct {
	byName map[string]any
	names  []string
}

var _ bot.Integrations = (*registry)(nil)

func (r *registry) add(name string, instance any) {
	r.byName[name] = instance
	r.names = append(r.names, name)
}

// Get implements bot.Integrations.
func (r *registry) Get(name string) any { return r.byName[name] }

// Names implements bot.Integrations.
func (r *registry) Names() []string { return r.names }

// nodeID is this data folder's name among the replicas; it outlives restarts.
func nodeID(dir string) (string, error) {
	path := filepath.Join(dir, "node")
	data, err := os.ReadFile(path)
	if err == nil && strings.TrimSpace(string(data)) != "" {
		return strings.TrimSpace(string(data)), nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read node id: %w", err)
	}
	id := bot.NewToken()
	if err := os.WriteFile(path, []byte(id+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("write node id: %w", err)
	}
	return id, nil
}

// maxSocketDir keeps socket paths below the 107 bytes that the kernel takes.
const maxSocketDir = 60

// runDir is the folder for sockets and records of children: in the data folder,
// or, where that has too long a path, in the system's folder for temporary files.
func runDir(dataDir string) string {
	if dir := filepath.Join(dataDir, "run"); len(dir) <= maxSocketDir {
		return dir
	}
	sum := sha256.Sum256([]byte(dataDir))
	return filepath.Join(os.TempDir(), fmt.Sprintf("opsbot-%d-%s", os.Getuid(), hex.EncodeToString(sum[:6])))
}

// socketPath is where the owner's socket of a data folder is.
func socketPath(dataDir string) string { return filepath.Join(runDir(dataDir), "opsbot.sock") }
