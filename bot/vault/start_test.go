package vault

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"opsbot/bot"
)

// broken checks that nothing works with the key, and that everybody is told why.
func (r *rig) broken(why string) {
	r.t.Helper()
	findings := r.Probe(r.t.Context())
	if len(findings) != 1 || findings[0].OK || !strings.Contains(findings[0].Text, why) {
		r.t.Errorf("doctor finds %+v, want %q", findings, why)
	}
	if !strings.Contains(r.log.String(), why) {
		r.t.Errorf("the log has no %q: %s", why, r.log.String())
	}
	if err := r.set(r.Vault, text("MORE", "", value)); bot.CodeOf(err) != bot.CodeConflict || !strings.Contains(bot.MessageOf(err), "opsbot doctor") {
		r.t.Errorf("set: %v", err)
	}
	if _, err := r.Seal(r.t.Context(), "x", value); bot.CodeOf(err) != bot.CodeConflict {
		r.t.Errorf("sealed: %v", err)
	}
	if got, err := r.opened(r.Vault, ""); bot.CodeOf(err) != bot.CodeInternal || !strings.Contains(bot.MessageOf(err), "The secret KEY can't be opened") {
		r.t.Errorf("opened %q, %v", got, err)
	}
}

func (r *rig) well() {
	r.t.Helper()
	if f := r.Probe(r.t.Context()); len(f) != 1 || !f[0].OK {
		r.t.Errorf("doctor finds %+v", f)
	}
}

func TestConfiguredKeyThatIsNone(t *testing.T) {
	t.Parallel()
	for name, key := range map[string]string{"too short": "c2hvcnQ=", "no base64": "!" + keyOf(1), "empty": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.mustSet(text("KEY", "", value))
			r.start(key)
			r.broken("env:KEY")
			if key != "" && (strings.Contains(r.log.String(), key) || strings.Contains(r.Probe(t.Context())[0].Text, key)) {
				t.Error("the key is told")
			}
		})
	}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(keyOf(1))
	r.mustSet(text("KEY", "", value), text("KEY", "production", "own"))
	before := r.rows()
	r.start(keyOf(2)) // the old one was forgotten
	r.broken("must be given the same one")
	r.start(keyOf(2), keyOf(1))
	r.expect("production", "KEY=own")
	r.well()
	for i, row := range r.rows() {
		if row.KeyID == before[i].KeyID || string(row.Sealed) == string(before[i].Sealed) || !row.UpdatedAt.Equal(before[i].UpdatedAt) {
			t.Errorf("not sealed anew: %+v", row)
		}
	}
	r.start(keyOf(2)) // the old one is not needed any more
	r.expect("", "KEY="+value)
	r.mustSet(text("MORE", "", "x"))
	r.start(keyOf(3), keyOf(1), keyOf(2)) // again, and one too many
	r.expect("", "KEY="+value+" MORE=x")
}

func TestFromFileToConfiguration(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.mustSet(text("KEY", "", value))
	made, err := os.ReadFile(filepath.Join(r.dir, "secrets.key"))
	if err != nil {
		t.Fatal(err)
	}
	r.start(keyOf(1), string(made))
	r.expect("", "KEY="+value)
	r.well()
}

// TestReplicas: one that would use a key of its own is told so, when it starts and when
// the others were first.
func TestReplicas(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	late := r.another(t.TempDir()) // started before there was any key
	r.mustSet(text("KEY", "", value))
	if err := r.set(late, text("OTHER", "", "x")); bot.CodeOf(err) != bot.CodeConflict {
		t.Errorf("the late one set: %v", err)
	}
	if f := late.Probe(t.Context()); len(f) != 1 || f[0].OK {
		t.Errorf("doctor finds %+v", f)
	}
	if _, err := r.opened(late, ""); bot.CodeOf(err) != bot.CodeInternal {
		t.Errorf("the late one opened: %v", err)
	}
	r.expect("", "KEY="+value) // the first one goes on
	r.mustSet(text("MORE", "", "y"))
	r.start(keyOf(7)) // the configuration of another replica
	r.broken("this process has the key")
}

func TestLostKey(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.mustSet(text("KEY", "", value))
	if err := os.Remove(filepath.Join(r.dir, "secrets.key")); err != nil {
		t.Fatal(err)
	}
	r.start()
	r.broken("secrets.key is not there")
	if _, err := os.Stat(filepath.Join(r.dir, "secrets.key")); !os.IsNotExist(err) {
		t.Error("a new key hides that the old one is lost")
	}
	// Whoever can't get it back removes what nobody can open, and begins again.
	if err := r.store.Write(t.Context(), func(ctx context.Context, tx *bot.Tx) error { return r.Remove(ctx, tx, "p", "KEY", "") }); err != nil {
		t.Fatal(err)
	}
	r.start()
	r.well()
	r.mustSet(text("KEY", "", "again"))
	r.expect("", "KEY=again")
	r.well()
}

// TestOneOfManyIsLost: a secret that can't be opened does not keep the others' key from
// being changed.
func TestOneOfManyIsLost(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(keyOf(1))
	r.mustSet(text("KEY", "", value), text("BAD", "staging", "x"))
	row := r.rows()[0]
	row.Sealed[0] ^= 1
	if err := r.store.Write(t.Context(), func(ctx context.Context, tx *bot.Tx) error { return tx.Secrets.Put(ctx, row) }); err != nil {
		t.Fatal(err)
	}
	r.start(keyOf(2), keyOf(1))
	r.expect("", "KEY="+value)
	if _, err := r.opened(r.Vault, "staging"); !strings.Contains(bot.MessageOf(err), "The secret BAD can't be opened") {
		t.Errorf("%v", err)
	}
	if !strings.Contains(r.log.String(), "key=BAD environment=staging") {
		t.Errorf("the log: %s", r.log.String())
	}
}
