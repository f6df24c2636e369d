package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"opsbot/blueprints"
	"opsbot/bot"
	"opsbot/bot/gitpush"
)

const blueprintFiles = 60

// blueprint compares rendering a blueprint and pushing it with what people do
// without OpsBot: cookiecutter, then git. Both start from the same 60 files, and
// must end with the same files in a bare repository.
func blueprint(ctx context.Context, s settings) ([]row, error) {
	for _, program := range []string{"cookiecutter", "git"} {
		if _, err := exec.LookPath(program); err != nil {
			return nil, fmt.Errorf("THE BASELINE IS MISSING: install %s (Debian: apt-get install %[1]s)", program)
		}
	}
	src, err := s.fresh("blueprint")
	if err != nil {
		return nil, err
	}
	if err := errors.Join(writeBlueprint(filepath.Join(src, "ours", "sixty")), writeCookie(filepath.Join(src, "cookie"))); err != nil {
		return nil, err
	}
	catalogue, err := blueprints.Open(os.DirFS(filepath.Join(src, "ours")), "")
	if err != nil {
		return nil, err
	}
	pusher := gitpush.New(gitpush.Options{})
	trees := map[string]bool{}
	run := 0
	timed := func(do func(ctx context.Context, bare string) error) func(context.Context) (float64, error) {
		return func(ctx context.Context) (float64, error) {
			run++
			bare := filepath.Join(src, fmt.Sprintf("bare-%d.git", run))
			if _, err := git(ctx, src, "init", "-q", "--bare", "-b", "main", bare); err != nil {
				return 0, err
			}
			began := time.Now()
			if err := do(ctx, bare); err != nil {
				return 0, err
			}
			took := time.Since(began).Seconds()
			// Ours adds the record of the answers, .opsbot/blueprint.yaml.
			tree, err := git(ctx, bare, "ls-tree", "-r", "main", "part0", "part1", "part2", "part3", "part4", "part5")
			if n := strings.Count(tree, "\n") + 1; err == nil && n != blueprintFiles {
				err = fmt.Errorf("%d files were pushed", n)
			}
			trees[tree] = true
			return took, err
		}
	}
	ours := timed(func(ctx context.Context, bare string) error { return renderAndPush(ctx, catalogue, pusher, bare) })
	theirs := timed(func(ctx context.Context, bare string) error { return cookieAndPush(ctx, src, bare) })
	a, b, err := alternate(ctx, s.runs, ours, theirs)
	if err != nil {
		return nil, err
	}
	if len(trees) != 1 {
		return nil, fmt.Errorf("the two did not make the same files: trees %v", trees)
	}
	ratio := a.median() / b.median()
	return []row{{
		what: "a blueprint of 60 files rendered and pushed to a bare repository, beside cookiecutter and git",
		ours: a.text(duration), base: b.text(duration), ratio: fmt.Sprintf("1/%.0f", 1/ratio), bar: "≤ 1/10", missed: ratio > 0.1,
	}}, nil
}

func renderAndPush(ctx context.Context, catalogue *blueprints.Catalogue, pusher *gitpush.Pusher, bare string) error {
	req, err := catalogue.Resolve(bot.RenderRequest{Blueprint: "sixty", Owner: "foo-org", Name: "hello-world"})
	if err != nil {
		return err
	}
	tree, err := catalogue.Render(ctx, req)
	if err != nil {
		return err
	}
	_, err = pusher.Push(ctx, bare, bot.PushRequest{
		Repository: bot.Repository{Owner: "foo-org", Name: "hello-world"}, Branch: "main", Tree: tree,
		Author: bot.Signature{Name: "alice", Email: "alice@example.com"}, Message: "Initial commit", At: time.Now(), Operation: "bench",
	})
	return err
}

func cookieAndPush(ctx context.Context, src, bare string) error {
	out, err := os.MkdirTemp(src, "out-")
	if err != nil {
		return fmt.Errorf("make a folder for cookiecutter: %w", err)
	}
	if _, err := command(ctx, out, "cookiecutter", "--no-input", "--output-dir", out, filepath.Join(src, "cookie")); err != nil {
		return err
	}
	work := filepath.Join(out, "hello-world")
	for _, args := range [][]string{
		{"init", "-q", "-b", "main"}, {"add", "-A"}, {"commit", "-q", "-m", "Initial commit"}, {"push", "-q", bare, "main"},
	} {
		if _, err := git(ctx, work, args...); err != nil {
			return err
		}
	}
	return nil
}

func git(ctx context.Context, dir string, args ...string) (string, error) {
	return command(ctx, dir, "git", args...)
}

// command runs a program without the person's own settings.
func command(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+dir, "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=alice", "GIT_AUTHOR_EMAIL=alice@example.com", "GIT_COMMITTER_NAME=alice", "GIT_COMMITTER_EMAIL=alice@example.com")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

// writeBlueprint writes the files as a blueprint of ours.
func writeBlueprint(dir string) error {
	files := map[string]string{"blueprint.yaml": "name: sixty\nversion: 1.0.0\ndescription: Sixty files to be measured.\nowner: opsbot\ndelimiters: [\"[[\", \"]]\"]\n"}
	for i := range blueprintFiles {
		files[fmt.Sprintf("files/part%d/file%02d.txt", i%6, i)] = fileText("[[ .name ]]", "[[ .owner ]]", i)
	}
	return writeFiles(dir, files)
}

// writeCookie writes the same files for cookiecutter.
func writeCookie(dir string) error {
	files := map[string]string{"cookiecutter.json": `{"name": "hello-world", "owner": "foo-org"}`}
	for i := range blueprintFiles {
		files[fmt.Sprintf("{{cookiecutter.name}}/part%d/file%02d.txt", i%6, i)] = fileText("{{ cookiecutter.name }}", "{{ cookiecutter.owner }}", i)
	}
	return writeFiles(dir, files)
}

// fileText is some 2 KB with 20 places to fill in.
func fileText(name, owner string, i int) string {
	var b strings.Builder
	for line := range 20 {
		fmt.Fprintf(&b, "File %d line %d is about %s of %s, in words that need no filling in, for about one hundred bytes.\n", i, line, name, owner)
	}
	return b.String()
}

func writeFiles(dir string, files map[string]string) error {
	for path, text := range files {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("write the template: %w", err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return fmt.Errorf("write the template: %w", err)
		}
	}
	return nil
}
