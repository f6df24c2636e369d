package vault

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"opsbot/bot"
	"opsbot/bot/config"
)

// keySize is that of AES-256.
const keySize = 32

// key seals with AES-256-GCM. Its id says nothing about it.
type key struct {
	id   string
	aead cipher.AEAD
}

// parseKey reads 32 bytes as base64, of either alphabet, padded or not.
func parseKey(text string) (key, error) {
	text = strings.NewReplacer("-", "+", "_", "/", "=", "").Replace(strings.TrimSpace(text))
	raw, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil || len(raw) != keySize {
		return key{}, errors.New("it must be 32 bytes as base64, as `head -c 32 /dev/urandom | base64` makes them")
	}
	return newKey(raw)
}

func newKey(raw []byte) (key, error) {
	block, err := aes.NewCipher(raw)
	if err != nil {
		return key{}, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return key{}, err
	}
	sum := sha256.Sum256(append([]byte("opsbot secrets key "), raw...))
	return key{id: hex.EncodeToString(sum[:16]), aead: aead}, nil
}

func (k key) seal(content, about []byte) []byte {
	return k.aead.Seal(nil, nil, content, about) //nolint:gosec // this AEAD makes a random nonce itself and wants none
}

func (k key) open(sealed, about []byte) ([]byte, error) { return k.aead.Open(nil, nil, sealed, about) }

// ring is the key that seals, and those that only open.
type ring struct {
	primary key
	old     []key
}

// find finds a key by its id; a nil ring has none.
func (r *ring) find(id string) (key, bool) {
	if r == nil {
		return key{}, false
	}
	for _, k := range append([]key{r.primary}, r.old...) {
		if k.id == id {
			return k, true
		}
	}
	return key{}, false
}

// load reads the keys; nil when there is none yet.
func (v *Vault) load(ctx context.Context) (*ring, error) {
	r := &ring{}
	for _, ref := range v.opt.OldKeys {
		k, err := configured(ctx, ref)
		if err != nil {
			return nil, err
		}
		r.old = append(r.old, k)
	}
	var err error
	if !v.opt.Key.IsZero() {
		r.primary, err = configured(ctx, v.opt.Key)
		return r, err
	}
	r.primary, err = readKey(v.opt.File)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return r, err
}

func configured(ctx context.Context, ref config.Secret) (key, error) {
	text, err := ref.Resolve(ctx)
	if err != nil {
		return key{}, err
	}
	k, err := parseKey(text)
	if err != nil {
		return key{}, fmt.Errorf("the key %s: %w", ref, err)
	}
	return k, nil
}

// readKey reads the file of the data folder. One that others may read is refused: who
// has it and a copy of the database has the secrets.
func readKey(file string) (key, error) {
	f, err := os.Open(file)
	if err != nil {
		return key{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return key{}, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return key{}, fmt.Errorf("%s can be read by others: chmod 600 it", file)
	}
	text, err := io.ReadAll(io.LimitReader(f, 1<<10))
	if err != nil {
		return key{}, err
	}
	k, err := parseKey(string(text))
	if err != nil {
		return key{}, fmt.Errorf("%s: %w", file, err)
	}
	return k, nil
}

// makeKey makes the file, which must not exist, with a new key. It is on disk when this
// returns: what is sealed with it must not outlive it.
func makeKey(file string) (k key, err error) {
	raw := make([]byte, keySize)
	if _, err := rand.Read(raw); err != nil {
		return key{}, err
	}
	if k, err = newKey(raw); err != nil {
		return key{}, err
	}
	f, err := os.CreateTemp(filepath.Dir(file), ".key-") // 0600
	if err != nil {
		return key{}, err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.WriteString(base64.StdEncoding.EncodeToString(raw) + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return key{}, err
	}
	if err := os.Rename(f.Name(), file); err != nil { // the data folder is this process's alone
		return key{}, err
	}
	dir, err := os.Open(filepath.Dir(file))
	if err != nil {
		return key{}, err
	}
	return k, errors.Join(dir.Sync(), dir.Close())
}

// keys gives the keys, nil when there is none yet.
func (v *Vault) keys() (*ring, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.problem != nil {
		return nil, v.problem
	}
	return v.ring, nil
}

// sealing gives the keys, making the first one when there is none.
func (v *Vault) sealing() (*ring, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.problem != nil:
		return nil, v.problem
	case v.ring != nil:
		return v.ring, nil
	}
	k, err := readKey(v.opt.File)
	if errors.Is(err, fs.ErrNotExist) {
		k, err = makeKey(v.opt.File)
	}
	if err != nil {
		return nil, unusable(err)
	}
	v.opt.Log.Info("vault: made the key of the secrets", "file", v.opt.File)
	v.ring = &ring{primary: k}
	return v.ring, nil
}

// unusable words for the person that there is no key to work with.
func unusable(err error) *bot.Error {
	return bot.Errorf(bot.CodeConflict, "OpsBot's key for secrets can't be used, so none is set or given out; the operator finds out why with `opsbot doctor`.").Because(err)
}
