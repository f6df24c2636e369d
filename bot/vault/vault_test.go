package vault

import (
	"bytes"
	"context"
	"encoding/base64"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"opsbot/bot"
	"opsbot/bot/config"
	"opsbot/bot/store"
	"opsbot/bot/store/storetest"
)

const value = "correct-horse-battery-staple"

// rig is a vault on a store of its own.
type rig struct {
	*Vault
	t     *testing.T
	store *store.Store
	clock *storetest.Clock
	dir   string
	log   *bytes.Buffer
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, clock: storetest.NewClock(), dir: t.TempDir(), log: &bytes.Buffer{}}
	r.store = storetest.Open(t, func(o *store.Options) { o.Clock = r.clock })
	r.start()
	return r
}

// start makes the vault anew, as after a restart, with the configured keys.
func (r *rig) start(keys ...string) {
	r.t.Helper()
	r.log.Reset()
	r.Vault = r.another(r.dir, keys...)
}

// another is a replica with a data folder of its own and the same store.
func (r *rig) another(dir string, keys ...string) *Vault {
	r.t.Helper()
	opt := Options{Work: r.store, Clock: r.clock, Log: slog.New(slog.NewTextHandler(r.log, nil)), File: filepath.Join(dir, "secrets.key")}
	for i, k := range keys {
		ref := r.ref(k)
		if i == 0 {
			opt.Key = ref
			continue
		}
		opt.OldKeys = append(opt.OldKeys, ref)
	}
	v := New(opt)
	if err := v.Start(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	return v
}

// ref is a reference to a key.
func (r *rig) ref(text string) config.Secret {
	r.t.Helper()
	s, err := config.NewSecret("env:KEY", func(string) (string, bool) { return text, true })
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// keyOf makes a key of 32 equal bytes.
func keyOf(b byte) string { return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, keySize)) }

func text(key, environment, value string) bot.SecretValue {
	return bot.SecretValue{
		ProjectSecret: bot.ProjectSecret{ProjectID: "p", Key: key, Environment: environment, Kind: bot.SecretText, ByName: "alice"},
		Value:         []byte(value),
	}
}

func (r *rig) set(v *Vault, s bot.SecretValue) error {
	return r.store.Write(r.t.Context(), func(ctx context.Context, tx *bot.Tx) error { return v.Set(ctx, tx, s) })
}

func (r *rig) mustSet(list ...bot.SecretValue) {
	r.t.Helper()
	for _, s := range list {
		if err := r.set(r.Vault, s); err != nil {
			r.t.Fatal(err)
		}
	}
}

// opened gives KEY=VALUE of what is to be seen in an environment.
func (r *rig) opened(v *Vault, environment string) (string, error) {
	all, err := v.Open(r.t.Context(), "p", environment)
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = s.Key + "=" + string(s.Value)
	}
	return strings.Join(out, " "), err
}

func (r *rig) expect(environment, want string) {
	r.t.Helper()
	if got, err := r.opened(r.Vault, environment); err != nil || got != want {
		r.t.Errorf("in %q: %q, %v; want %q", environment, got, err, want)
	}
}

func (r *rig) rows() (all []bot.SealedSecret) {
	r.t.Helper()
	if err := r.store.Read(r.t.Context(), func(ctx context.Context, tx *bot.Tx) (err error) {
		all, err = tx.Secrets.Of(ctx, "")
		return err
	}); err != nil {
		r.t.Fatal(err)
	}
	return all
}

func TestEnvironmentsOwnBeforeGeneral(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.mustSet(text("A", "", "general"), text("A", "production", "own"), text("B", "staging", "only there"), text("C", "", "c"))
	r.expect("", "A=general C=c")
	r.expect("production", "A=own C=c")
	r.expect("staging", "A=general B=only there C=c")
	r.mustSet(text("A", "production", "newer"))
	r.expect("production", "A=newer C=c")
	var listed []bot.ProjectSecret
	if err := r.store.Write(t.Context(), func(ctx context.Context, tx *bot.Tx) (err error) {
		if err := r.Remove(ctx, tx, "p", "A", ""); err != nil {
			return err
		}
		listed, err = r.List(ctx, tx, "p")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if len(listed) != 3 || listed[0].Environment != "production" || listed[0].ByName != "alice" || !listed[0].UpdatedAt.Equal(r.clock.Now()) {
		t.Errorf("listed %+v", listed)
	}
	r.expect("", "C=c")
	for _, other := range []string{"", "q"} {
		if got, err := r.Open(t.Context(), other, ""); len(got) != 0 || err != nil {
			t.Errorf("project %q has %v, %v", other, got, err)
		}
	}
}

func TestKindsComeBackWhole(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	login := text("db.login", "", value)
	login.Kind, login.User = bot.SecretLogin, "scott"
	file := text("key-file", "", "\x00\xff binary\n")
	file.Kind, file.FileName = bot.SecretFile, "id_rsa"
	r.mustSet(login, file)
	all, err := r.Open(t.Context(), "p", "")
	if err != nil || len(all) != 2 {
		t.Fatal(all, err)
	}
	if all[0].User != "scott" || string(all[0].Value) != value || strings.Join(all[0].Variables(), " ") != "db_login db_login_USR db_login_PSW" {
		t.Errorf("%+v", all[0])
	}
	if all[1].FileName != "id_rsa" || !bytes.Equal(all[1].Value, file.Value) || strings.Join(all[1].Variables(), " ") != "key_file" {
		t.Errorf("%+v", all[1])
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.mustSet(text("taken.name", "", "x"))
	with := func(change func(s *bot.SecretValue)) bot.SecretValue {
		s := text("KEY", "", value)
		change(&s)
		return s
	}
	for name, c := range map[string]struct {
		s    bot.SecretValue
		code bot.Code
	}{
		"no project":         {with(func(s *bot.SecretValue) { s.ProjectID = "" }), bot.CodeInvalid},
		"a key with a space": {with(func(s *bot.SecretValue) { s.Key = "A B" }), bot.CodeInvalid},
		"a digit first":      {with(func(s *bot.SecretValue) { s.Key = "1A" }), bot.CodeInvalid},
		"the loader's":       {with(func(s *bot.SecretValue) { s.Key = "ld-preload" }), bot.CodeInvalid},
		"the path":           {with(func(s *bot.SecretValue) { s.Key = "PATH" }), bot.CodeInvalid},
		"no such kind":       {with(func(s *bot.SecretValue) { s.Kind = "other" }), bot.CodeInvalid},
		"empty":              {with(func(s *bot.SecretValue) { s.Value = nil }), bot.CodeInvalid},
		"too large":          {with(func(s *bot.SecretValue) { s.Value = make([]byte, bot.MaxSecret+1) }), bot.CodeInvalid},
		"no text":            {with(func(s *bot.SecretValue) { s.Value = []byte("a\x00") }), bot.CodeInvalid},
		"no user":            {with(func(s *bot.SecretValue) { s.Kind = bot.SecretLogin }), bot.CodeInvalid},
		"a user of two":      {with(func(s *bot.SecretValue) { s.Kind, s.User = bot.SecretLogin, "a:b" }), bot.CodeInvalid},
		"a file elsewhere":   {with(func(s *bot.SecretValue) { s.Kind, s.FileName = bot.SecretFile, "../x" }), bot.CodeInvalid},
		"the folder itself":  {with(func(s *bot.SecretValue) { s.Kind, s.FileName = bot.SecretFile, ".." }), bot.CodeInvalid},
		"another's variable": {with(func(s *bot.SecretValue) { s.Key = "taken_name" }), bot.CodeConflict},
	} {
		err := r.set(r.Vault, c.s)
		if bot.CodeOf(err) != c.code || strings.Contains(bot.MessageOf(err), value) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(r.rows()) != 1 {
		t.Error("what was refused is stored")
	}
}

// TestBoundToItsPlace: a sealed value is of no use in the place of another.
func TestBoundToItsPlace(t *testing.T) {
	t.Parallel()
	for name, move := range map[string]func(s *bot.SealedSecret){
		"project":     func(s *bot.SealedSecret) { s.ProjectID = "q" },
		"key":         func(s *bot.SealedSecret) { s.Key = "OTHER" },
		"environment": func(s *bot.SealedSecret) { s.Environment = "staging" },
		"kind":        func(s *bot.SealedSecret) { s.Kind = bot.SecretFile },
		"a bit of it": func(s *bot.SealedSecret) { s.Sealed[len(s.Sealed)-1] ^= 1 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.mustSet(text("KEY", "production", value))
			row := r.rows()[0]
			if bytes.Contains(row.Sealed, []byte(value)) {
				t.Fatal("it is not sealed")
			}
			move(&row)
			if err := r.store.Write(t.Context(), func(ctx context.Context, tx *bot.Tx) error {
				if err := tx.Secrets.Remove(ctx, "p", "KEY", "production"); err != nil {
					return err
				}
				return tx.Secrets.Put(ctx, row)
			}); err != nil {
				t.Fatal(err)
			}
			_, err := r.Open(t.Context(), row.ProjectID, row.Environment)
			if bot.CodeOf(err) != bot.CodeInternal || !strings.Contains(bot.MessageOf(err), "The secret "+row.Key+" can't be opened") {
				t.Errorf("opened: %v", err)
			}
		})
	}
}

func TestSealer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	one, err := r.Seal(t.Context(), "form a", value)
	two, err2 := r.Seal(t.Context(), "form a", value)
	if err != nil || err2 != nil || one == two || strings.Contains(one, value) {
		t.Fatal(one, two, err, err2)
	}
	r.start() // the form may be run by the next process
	if got, err := r.Unseal(t.Context(), "form a", one); got != value || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	for name, bad := range map[string][2]string{
		"another purpose": {"form b", one}, "not sealed": {"form a", value}, "cut": {"form a", one[:len(one)-4]},
		"another key": {"form a", sealedMark + strings.Repeat("0", 32) + one[strings.LastIndex(one, ":"):]}, "nothing": {"form a", ""},
	} {
		if got, err := r.Unseal(t.Context(), bad[0], bad[1]); got != "" || bot.CodeOf(err) != bot.CodeInternal {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestKeyFile(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	file := filepath.Join(r.dir, "secrets.key")
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("made before it is needed: %v", err)
	}
	r.expect("", "")
	r.mustSet(text("KEY", "", value))
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatal(info, err)
	}
	if left, err := filepath.Glob(filepath.Join(r.dir, ".key-*")); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
	r.start()
	r.expect("", "KEY="+value)
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	r.start()
	r.broken("chmod 600")
}
