package gitpush_test

import (
	"strings"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/bot/gitpush"
)

func TestCheckBranchAgreesWithGit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{
		"main", "feature/login", "v1.2", "ä-umlaut", "a@b", "dependabot/npm/x-1.0", "a--b", "@a",
		"", "a..b", ".a", "a/.b", "a.", "a.lock", "a/b.lock", "a b", "a~1", "a^", "a:b", "a?", "a*", "a[b",
		`a\b`, "a@{1}", "/a", "a/", "a//b", "-a", "a\x01b", "a\x7f", "a\nb",
	} {
		byGit := name != "" && gitCommand(t, dir, "check-ref-format", "--branch", name).Run() == nil
		if ours := gitpush.CheckBranch(name) == nil; ours != byGit {
			t.Errorf("%q: accepted %t, by git %t", name, ours, byGit)
		}
	}
	for _, name := range []string{"@", "HEAD", strings.Repeat("a", 201), "a\xffb"} {
		if gitpush.CheckBranch(name) == nil {
			t.Errorf("%q is accepted", name)
		}
	}
}

func TestRequestsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	file := func(paths ...string) bot.PushRequest {
		var files []bot.TreeFile
		for _, p := range paths {
			files = append(files, bot.TreeFile{Path: p})
		}
		return request(files...)
	}
	undated := request()
	undated.At = time.Time{}
	branch := request()
	branch.Branch = "../main"
	cases := map[string]struct {
		req  bot.PushRequest
		code bot.Code
	}{
		"no date": {undated, bot.CodeInvalid}, "branch": {branch, bot.CodeInvalid},
		"parent": {file("../x"), bot.CodeInvalid}, "absolute": {file("/etc/passwd"), bot.CodeInvalid},
		"empty": {file(""), bot.CodeInvalid}, "dot": {file("a/./b"), bot.CodeInvalid}, "slash": {file("a/"), bot.CodeInvalid},
		"git folder": {file("a/.GIT/config"), bot.CodeInvalid}, "short name": {file("git~1/config"), bot.CodeInvalid},
		"ntfs": {file(".git . /config"), bot.CodeInvalid}, "stream": {file(".git::$INDEX_ALLOCATION/x"), bot.CodeInvalid},
		"hfs": {file(".g\u200cit/config"), bot.CodeInvalid}, "backslash": {file(`a\b`), bot.CodeInvalid},
		"line break": {file("a\nb"), bot.CodeInvalid}, "not text": {file("a\xff"), bot.CodeInvalid},
		"twice": {file("a", "a"), bot.CodeInvalid}, "file and folder": {file("a", "a/b"), bot.CodeInvalid},
		"folder and file": {file("a/b", "a"), bot.CodeInvalid},
		"too many":        {file("a", "b", "c", "d"), bot.CodeTooLarge},
		"too large":       {request(bot.TreeFile{Path: "a", Data: make([]byte, 101)}), bot.CodeTooLarge},
	}
	p := gitpush.New(gitpush.Options{MaxFiles: 3, MaxBytes: 100})
	for name, c := range cases {
		if _, err := p.Hash(c.req); bot.CodeOf(err) != c.code {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
	if _, err := p.Hash(file("a", "b/a", ".github/x")); err != nil {
		t.Errorf("a good tree is refused: %v", err)
	}
}

// TestHashDependsOnTheRequestOnly: order of files and time zone change nothing;
// what a person reads in the commit does.
func TestHashDependsOnTheRequestOnly(t *testing.T) {
	t.Parallel()
	hash := func(change func(*bot.PushRequest)) string {
		req := request(bot.TreeFile{Path: "a"}, bot.TreeFile{Path: "b/c", Executable: true})
		change(&req)
		h, err := gitpush.New(gitpush.Options{}).Hash(req)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	base := hash(func(*bot.PushRequest) {})
	same := map[string]func(*bot.PushRequest){
		"order":       func(r *bot.PushRequest) { r.Tree.Files[0], r.Tree.Files[1] = r.Tree.Files[1], r.Tree.Files[0] },
		"zone":        func(r *bot.PushRequest) { r.At = r.At.In(time.FixedZone("x", 3600)) },
		"microsecond": func(r *bot.PushRequest) { r.At = r.At.Add(time.Microsecond) },
		"line ends":   func(r *bot.PushRequest) { r.Message = strings.ReplaceAll(r.Message, "\n", "\r\n") },
		"trailer":     func(r *bot.PushRequest) { r.Message += "\n\nOpsBot-Operation: 0190-op\n" },
		"branch":      func(r *bot.PushRequest) { r.Branch = "other" },
		"author":      func(r *bot.PushRequest) { r.Author.Name = "Alice\n Ä<>" },
	}
	for name, change := range same {
		if got := hash(change); got != base {
			t.Errorf("%s changes the hash", name)
		}
	}
	other := map[string]func(*bot.PushRequest){
		"message":    func(r *bot.PushRequest) { r.Message = "x" },
		"operation":  func(r *bot.PushRequest) { r.Operation = "y" },
		"date":       func(r *bot.PushRequest) { r.At = r.At.Add(time.Second) },
		"data":       func(r *bot.PushRequest) { r.Tree.Files[0].Data = []byte("x") },
		"executable": func(r *bot.PushRequest) { r.Tree.Files[0].Executable = true },
		"mail":       func(r *bot.PushRequest) { r.Author.Email = "" },
	}
	for name, change := range other {
		if got := hash(change); got == base {
			t.Errorf("%s does not change the hash", name)
		}
	}
	with, err := gitpush.New(gitpush.Options{Committer: bot.Signature{Name: "OpsBot"}}).Hash(
		request(bot.TreeFile{Path: "a"}, bot.TreeFile{Path: "b/c", Executable: true}))
	if err != nil || with == base {
		t.Errorf("another committer does not change the hash (%v)", err)
	}
}

// TestPrepare: what is made of a prepared request is what Push makes.
func TestPrepare(t *testing.T) {
	t.Parallel()
	p := gitpush.New(gitpush.Options{})
	req := request(bot.TreeFile{Path: "a"})
	req.Author.Name, req.Message, req.At = "Alice\n<x>", "One\r\n\r\nTwo", req.At.In(time.FixedZone("x", 3600)).Add(time.Millisecond)
	got, err := p.Prepare(req)
	if err != nil {
		t.Fatal(err)
	}
	if got.Author.Name != "Alicex" || got.Message != "One\n\nTwo\n\nOpsBot-Operation: 0190-op\n" || got.At.Location() != time.UTC || got.At.Nanosecond() != 0 {
		t.Errorf("%+v", got)
	}
	before, err := p.Hash(req)
	if err != nil {
		t.Fatal(err)
	}
	if after, err := p.Hash(got); err != nil || after != before {
		t.Errorf("%s, %v; want %s", after, err, before)
	}
	req.Tree.Files[0].Path = "../a"
	if _, err := p.Prepare(req); bot.CodeOf(err) != bot.CodeInvalid {
		t.Errorf("a path outside is taken: %v", err)
	}
}
