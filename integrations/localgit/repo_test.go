package localgit

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"opsbot/bot"
)

func TestNamesAndOwners(t *testing.T) {
	t.Parallel()
	w := setup(t)
	spec := func(owner, name string) bot.RepoSpec {
		return bot.RepoSpec{Owner: owner, Name: name, DefaultBranch: "main", Operation: "op-1"}
	}
	for _, name := range []string{"..", ".git", "a.git", "a.GIT", "a.lock", "a..b", "-a", ".a", "a.", "a/b", "a b", "ä", "🙂", "", strings.Repeat("a", 101)} {
		_, err := w.forge.EnsureRepository(t.Context(), spec("foo-org", name))
		wantCode(t, err, bot.CodeInvalid)
		_, _, err = w.forge.FindRepository(t.Context(), spec("foo-org", name))
		wantCode(t, err, bot.CodeInvalid)
	}
	for _, name := range []string{"a", "a.b", "A_b-c", "_x", "0", strings.Repeat("a", 100)} {
		if _, err := w.forge.EnsureRepository(t.Context(), spec("foo-org", name)); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	_, err := w.forge.EnsureRepository(t.Context(), spec("stranger", "a"))
	wantCode(t, err, bot.CodeForbidden)
	if _, err := w.forge.EnsureRepository(t.Context(), spec("bar", "a")); err != nil {
		t.Errorf("an owner in another case: %v", err)
	}
	bad := spec("foo-org", "branch")
	bad.DefaultBranch = "--upload-pack=evil"
	_, err = w.forge.EnsureRepository(t.Context(), bad)
	wantCode(t, err, bot.CodeInvalid)
}

// TestInterruptedEnsure: the rows are there, the folder is not.
func TestInterruptedEnsure(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r := w.repo("hello")
	if err := os.RemoveAll(w.forge.repoPath(r.ExternalID)); err != nil {
		t.Fatal(err)
	}
	spec := bot.RepoSpec{Owner: "foo-org", Name: "hello", DefaultBranch: "main", Operation: "op-hello"}
	if p, _, err := w.forge.FindRepository(t.Context(), spec); p != bot.PresenceAbsent || err != nil {
		t.Errorf("without a folder it is %s, %v", p, err)
	}
	if again := w.repo("hello"); again != r {
		t.Errorf("made %+v, then %+v", r, again)
	}
	if _, err := w.forge.Push(t.Context(), request(r, "x")); err != nil {
		t.Error(err)
	}
	if head := w.git(w.forge.repoPath(r.ExternalID), "symbolic-ref", "HEAD"); head != "refs/heads/main" {
		t.Errorf("HEAD is %s", head)
	}
}

func TestRenameKeepsTheIdentity(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r := w.hooked("old-name")
	a, err := w.forge.Push(t.Context(), request(r, "a"))
	if err != nil {
		t.Fatal(err)
	}
	renamed, err := w.forge.Rename(t.Context(), r, "foo-org", "New-Name")
	if err != nil || renamed.ExternalID != r.ExternalID || renamed.Name != "New-Name" {
		t.Fatalf("%+v, %v", renamed, err)
	}
	if again, err := w.forge.Rename(t.Context(), renamed, "foo-org", "new-name"); err != nil || again.Name != "new-name" {
		t.Fatalf("case only: %+v, %v", again, err)
	}
	w.repo("old-name") // free again
	_, err = w.forge.Rename(t.Context(), r, "foo-org", "OLD-name")
	wantCode(t, err, bot.CodeConflict)
	w.reconcile()
	w.wantEvents(pushEvent("main", "", a, "opsbot"))
	if e := w.edge.events(t)[0]; e.ExternalID != r.ExternalID || !strings.HasSuffix(e.URL, "/foo-org/new-name") {
		t.Errorf("event %+v", e)
	}
	if got := w.git(t.TempDir(), "ls-remote", renamed.CloneURL, "refs/heads/main"); !strings.HasPrefix(got, a) {
		t.Errorf("under the new name: %s", got)
	}
}

func TestRemovedForGood(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r := w.hooked("gone")
	if _, err := w.forge.Push(t.Context(), request(r, "a")); err != nil {
		t.Fatal(err)
	}
	w.reconcile()
	if err := w.forge.RemoveRepository(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"repos", "spool", "locks", "tmp"} {
		if left, err := os.ReadDir(w.forge.path(dir)); err != nil || len(left) > 0 {
			t.Errorf("%s: %v, %v", dir, left, err)
		}
	}
	err := w.store.Read(t.Context(), func(ctx context.Context, tx *bot.Tx) error {
		for _, kind := range []string{kindRepo, kindName, kindHook, kindRef} {
			docs, err := tx.Documents.List(ctx, "localgit", kind, "", "", 0)
			if err != nil || len(docs) > 0 {
				t.Errorf("%s: %v, %v", kind, docs, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestOneHome: the rows belong to the folder that has the repositories, wherever it
// is mounted; a replica with another folder says which node to ask.
func TestOneHome(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r := w.repo("hello")
	other := w.env
	other.Dir, other.Owner = t.TempDir(), "node2:b"
	replica, err := New(other, Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = replica.Push(t.Context(), request(r, "x"))
	wantCode(t, err, bot.CodeUnavailable)
	if !strings.Contains(bot.MessageOf(err), "node1") {
		t.Errorf("the node is not named: %v", err)
	}
	moved := w.env
	moved.Owner = "node3:c"
	if f, err := New(moved, Options{}); err != nil || f.atHome(t.Context()) != nil {
		t.Errorf("the folder on another node: %v", err)
	}
	if _, err := replica.Branches(t.Context(), r); !strings.Contains(bot.MessageOf(err), "node3") {
		t.Errorf("the new node is not named: %v", err)
	}
}

// TestFullDisk: the hook that cannot note a push refuses it, nothing changed; errors
// of git and of the file system have the code that lets work go on later.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for _, err := range []error{&os.PathError{Op: "write", Err: syscall.ENOSPC}, &exitError{said: "fatal: write error: No space left on device"}} {
		got := full(err, "push")
		retry, _ := bot.RetryOf(got)
		if bot.CodeOf(got) != bot.CodeStorageFull || retry != bot.RetryBackoff {
			t.Errorf("%v: %v", err, got)
		}
	}
	r := w.repo("hello")
	dir := w.copyOf(r)
	// /dev/full is a disk that is full; the hook's note goes there.
	script := strings.ReplaceAll(hookScript("intent"), `> "$OPSBOT_SPOOL/$OPSBOT_PUSH.intent"`, "> /dev/full")
	if err := os.WriteFile(w.forge.path("hooks", "pre-receive"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	out, err := w.tryGit(dir, "push", "origin", "main")
	if err == nil || !strings.Contains(out, "remote: OpsBot could not note this push; is the disk full?") {
		t.Errorf("%v, %s", err, out)
	}
	if got := w.git(t.TempDir(), "ls-remote", r.CloneURL); got != "" {
		t.Errorf("something changed: %s", got)
	}
}

func TestProbe(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r := w.repo("hello")
	all := func() map[string]bot.Finding {
		out := map[string]bot.Finding{}
		for _, f := range w.forge.Probe(t.Context()) {
			out[f.Subject] = f
		}
		return out
	}
	found := all()
	for _, subject := range []string{"git", "git http-backend", "disk space", "repositories"} {
		if f, ok := found[subject]; !ok || !f.OK && subject != "disk space" || f.Text == "" {
			t.Errorf("%s: %+v", subject, f)
		}
	}
	if err := os.RemoveAll(w.forge.repoPath(r.ExternalID)); err != nil {
		t.Fatal(err)
	}
	if f := all()["repositories"]; f.OK || !strings.Contains(f.Text, "1 of 1") {
		t.Errorf("a lost folder: %+v", f)
	}
	w.forge.git.path = ""
	if f := all()["git"]; f.OK {
		t.Errorf("without git: %+v", f)
	}
	_, err := w.forge.Branches(t.Context(), r)
	wantCode(t, err, bot.CodeUnavailable)
}

func TestNothingRunsInsideATransaction(t *testing.T) {
	t.Parallel()
	w := setup(t)
	_, err := w.forge.git.run(bot.WithTransaction(t.Context()), t.TempDir(), 100, "version")
	wantCode(t, err, bot.CodeInternal)
}

// TestNewWithoutAFolder gives an error instead of half an instance.
func TestNewWithoutAFolder(t *testing.T) {
	t.Parallel()
	env := bot.IntegrationEnv{Name: "localgit", Config: section{}, Dir: filepath.Join(t.TempDir(), "file"), Clock: &clock{now: time.Now()}}
	if err := os.WriteFile(env.Dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(env, Options{}); err == nil {
		t.Error("no error")
	}
	kind := Kind(Options{})
	if _, err := kind.New(env); err == nil || kind.Type != "localgit" {
		t.Errorf("%+v", kind)
	}
	if _, err := New(bot.IntegrationEnv{Config: section{-1}, Dir: t.TempDir()}, Options{}); bot.CodeOf(err) != bot.CodeInvalid {
		t.Errorf("a negative bound: %v", err)
	}
}
