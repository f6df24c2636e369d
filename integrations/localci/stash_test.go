package localci

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"opsbot/bot"
	"opsbot/integrations/localci/engine"
)

// What one workspace stashes another unstashes, as often as it likes, and with the
// build it is gone.
func TestStashBetweenWorkspaces(t *testing.T) {
	t.Parallel()
	b := setup(t)
	if err := b.runner.Available(); err != nil {
		t.Skipf("NOT TESTED, no sandbox: %v", err)
	}
	b.repo.commit(t, "main", map[string]string{"Jenkinsfile": `pipeline {
    agent none
    stages {
        stage('Make') {
            agent any
            steps {
                sh 'mkdir -p out/bin && echo "echo run" > out/bin/tool && chmod 755 out/bin/tool && echo x > out/x.tmp'
                dir('out') { stash name: 'tools', excludes: '**/*.tmp' }
                stash name: 'tools', includes: 'out/**/*'
            }
        }
        stage('Take') {
            parallel {
                stage('A') {
                    agent { node { label ''; customWorkspace 'a' } }
                    steps { unstash 'tools'; sh './out/bin/tool && cat out/x.tmp > done-a' }
                }
                stage('B') {
                    agent { node { label ''; customWorkspace 'b' } }
                    steps { dir('below') { unstash 'tools' }; sh 'below/out/bin/tool' }
                }
            }
        }
    }
}`})
	if _, err := b.Build(t.Context(), bot.BuildRequest{Job: b.job}); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(b.env.Dir, "stashes", "build-1")
	if err := os.Mkdir(left, 0o700); err != nil { // of a process that was killed
		t.Fatal(err)
	}
	serve(t, b.Service)
	build, text := b.finished(t, "main", 2), b.logOf(t, "main", 2)
	if build.Result != bot.ResultSuccess || strings.Count("\n"+strings.ReplaceAll(text, "\n", "\n\n"), "\nrun\n") != 2 {
		t.Errorf("build %+v; log\n%s", build, text)
	}
	for _, want := range []string{"Stashed 1 file(s)\n", "Warning: overwriting stash ‘tools’\nStashed 2 file(s)\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in the log:\n%s", want, text)
		}
	}
	if entries, err := os.ReadDir(filepath.Join(b.env.Dir, "stashes")); err != nil || len(entries) != 0 {
		t.Errorf("left are %v, %v", entries, err)
	}
}

// A stash that can't be made leaves the one before it, and nothing on disk.
func TestStashFailures(t *testing.T) {
	t.Parallel()
	b := setup(t)
	n := onNode(t, b)
	t.Cleanup(n.host.dropStashes)
	ctx := t.Context()
	if err := n.WriteFile(ctx, "f", "kept"); err != nil {
		t.Fatal(err)
	}
	for _, step := range []engine.StashStep{{Name: "s", Dir: n.Path()}, {Name: "none", Dir: n.Path(), Includes: "*.none", AllowEmpty: true}} {
		if _, replaced, err := n.Stash(ctx, step); replaced || err != nil {
			t.Fatal(replaced, err)
		}
	}
	full := errors.New("it breaks")
	if _, _, err := n.host.stash("s", false, func(*os.File, int64) (int, error) { return 1, full }); !errors.Is(err, full) {
		t.Errorf("a stash that breaks: %v", err)
	}
	if _, replaced, err := n.Stash(ctx, engine.StashStep{Name: "none", Dir: n.Path(), Includes: "*.none"}); !replaced || err != nil {
		t.Errorf("an empty one: %v, %v", replaced, err)
	}
	for name, want := range map[string]bool{"s": true, "none": false, "never": false} {
		if found, err := n.Unstash(ctx, name, "copy"); found != want || err != nil {
			t.Errorf("unstash %s: %v, %v", name, found, err)
		}
	}
	if got, err := n.ReadFile(ctx, "copy/f"); got != "kept" || err != nil {
		t.Errorf("unstashed %q, %v", got, err)
	}
	if entries, err := os.ReadDir(n.host.stashes.folder); err != nil || len(entries) != 1 {
		t.Errorf("on disk are %v, %v", entries, err)
	}
	for _, dir := range []string{"/etc", "../x"} {
		if _, _, err := n.Stash(ctx, engine.StashStep{Name: "s", Dir: dir}); err == nil {
			t.Errorf("stashed %s", dir)
		}
		if _, err := n.Unstash(ctx, "s", dir); err == nil {
			t.Errorf("unstashed into %s", dir)
		}
	}
}
