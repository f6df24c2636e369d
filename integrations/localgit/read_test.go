package localgit

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"opsbot/bot"
)

// TestReadingHostileHistory: names, messages and revisions are chosen by whoever
// pushes; none of them is taken for an option or leads out of the repository.
func TestReadingHostileHistory(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r := w.repo("hello")
	dir := w.copyOf(r)
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"--output=x", "*", "ä \"q\".txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	head := w.commit(dir, "b", "Subject \x1b[31m\n\nOpsBot-Operation: forged\n\nNot the last paragraph")
	w.git(dir, "push", "-q", "origin", "main")

	for _, name := range []string{"--output=x", "*", "ä \"q\".txt"} {
		if data, err := w.forge.ReadFile(t.Context(), r, head, name); err != nil || string(data) != name {
			t.Errorf("%q: %q, %v", name, data, err)
		}
	}
	for _, name := range []string{"link", "", "/etc/passwd", "../../gitconfig", "b/../b", "a\x00b", ":b", "first.txt/x"} {
		_, err := w.forge.ReadFile(t.Context(), r, head, name)
		wantCode(t, err, bot.CodeNotFound)
	}
	for _, rev := range []string{"--all", "-1", "HEAD", "main..other", "main^", "main@{1}", ":/Subject", "a b", ""} {
		_, err := w.forge.Commits(t.Context(), r, "", rev, 1)
		wantCode(t, err, bot.CodeInvalid)
		_, err = w.forge.ReadFile(t.Context(), r, rev, "b")
		wantCode(t, err, bot.CodeInvalid)
		_, err = w.forge.NearestTag(t.Context(), r, rev)
		wantCode(t, err, bot.CodeInvalid)
	}
	_, err := w.forge.Commits(t.Context(), r, "--all", head, 1)
	wantCode(t, err, bot.CodeInvalid)
	_, err = w.forge.NearestTag(t.Context(), r, hashA)
	wantCode(t, err, bot.CodeNotFound)
	_, err = w.forge.Branches(t.Context(), bot.Repository{ExternalID: "../../etc"})
	wantCode(t, err, bot.CodeNotFound)

	list, err := w.forge.Commits(t.Context(), r, "", "main", 0)
	if err != nil || len(list) != 2 || list[0].ID != head || list[0].Operation != "" || list[0].Author != "Dev" {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestBranchesThatCannotBeNamed(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r := w.hooked("hello")
	dir := w.copyOf(r)
	a := w.git(dir, "rev-parse", "HEAD")
	w.git(dir, "push", "-q", "origin", "main", "main:refs/notes/x", "main:refs/heads/\xff", "main:refs/heads/"+strings.Repeat("a", 220))
	branches, err := w.forge.Branches(t.Context(), r)
	if err != nil || len(branches) != 1 || branches["main"] != a {
		t.Errorf("%v, %v", branches, err)
	}
	w.reconcile()
	w.reconcile()
	w.wantEvents(pushEvent("main", "", a, "alice"))
}

func TestLongMessagesAreCut(t *testing.T) {
	t.Parallel()
	long := "Title\n\n" + strings.Repeat("ä", perMessage) + "\n\nOpsBot-Operation: op-9\n"
	short := cut(long, perMessage)
	if len(short) > perMessage+50 || operationOf(short) != "op-9" || strings.Contains(short, "\ufffd") || title(short) != "Title" {
		t.Errorf("%d bytes, operation %q", len(short), operationOf(short))
	}
	if cut("abc", 5) != "abc" || cut("äö", 3) != "ä" {
		t.Errorf("%q %q", cut("abc", 5), cut("äö", 3))
	}
	for message, want := range map[string]string{
		"OpsBot-Operation: x": "x", "T\n\nOpsBot-Operation: x": "x", "T\n\nA: b\nOpsBot-Operation: x\nC: d": "x",
		"T\n\nOpsBot-Operation: x\n\nmore": "", "T": "", "": "", "T\n\nOpsBot-Operation: " + strings.Repeat("x", 101): "",
	} {
		if got := operationOf(message); got != want {
			t.Errorf("%q: %q, want %q", message, got, want)
		}
	}
}
