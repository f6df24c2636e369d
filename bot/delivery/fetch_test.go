package delivery

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"strings"
	"testing"

	"opsbot/bot"
)

// undigested has a source that keeps artifacts, by name only.
func undigested(names ...string) func(*bot.Build) {
	return func(b *bot.Build) {
		b.Artifacts = nil
		for _, n := range names {
			b.Artifacts = append(b.Artifacts, bot.Artifact{Kind: bot.ArtifactArchive, Name: n, URI: "https://ci.example.com/" + n})
		}
	}
}

func sum(text string) string {
	h := sha256.Sum256([]byte(text))
	return "sha256:" + hex.EncodeToString(h[:])
}

// newest is the version that was made last.
func (r *rig) newest() (v bot.Version) {
	r.t.Helper()
	r.read(func(ctx context.Context, tx *bot.Tx) error {
		all, err := tx.Versions.Recent(ctx, r.project.ID, 1)
		if err == nil && len(all) == 1 {
			v = all[0]
		}
		return err
	})
	return v
}

// TestFetch: what a source keeps without a digest is fetched once, is what the
// version holds, and is deployed. The rest stays where it is.
func TestFetch(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.archive = &archive{ci: r.ci, files: map[string]string{"dist/app.tar.gz": "the app"}, cuts: 1}
	r.start(nil)
	r.built(4, "main", undigested("report.html", "dist/app.tar.gz"))
	r.settled()
	if label, _ := r.state("staging"); label != Label("", 4, id(4)) {
		t.Errorf("staging runs %q", label)
	}
	want := bot.Artifact{Kind: bot.ArtifactArchive, Name: "dist/app.tar.gz", URI: "https://ci.example.com/dist/app.tar.gz", Digest: sum("the app"), Bytes: 7}
	v := r.newest()
	if len(v.Artifacts) != 2 || v.Artifacts[0].Digest != "" || v.Artifacts[1] != want || r.archive.opens != 2 {
		t.Fatalf("%+v, opened %d times", v.Artifacts, r.archive.opens)
	}
	body, err := r.db.Blobs().Open(t.Context(), want.Digest)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if text, err := io.ReadAll(body); string(text) != "the app" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
}

func TestFetchFolder(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.forge.files[id(4)] = "version: 1\nartifact: dist\nstatic: .\n"
	r.archive = &archive{ci: r.ci, files: map[string]string{"dist/a.html": "a", "dist/css/b.css": "b"}}
	r.start(nil)
	r.built(4, "main", undigested("dist/a.html", "dist/css/b.css", "distant"))
	r.settled()
	if a := r.newest().Artifacts; a[0].Digest != sum("a") || a[1].Digest != sum("b") || a[2].Digest != "" {
		t.Errorf("%+v", a)
	}
	if label, _ := r.state("staging"); label == "" {
		t.Error("not deployed")
	}
}

// TestNotFetched: the version is there all the same, it is not deployed, and why is
// said.
func TestNotFetched(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		files map[string]string
		says  string
	}{
		"gone":      {map[string]string{}, "There is no dist/app.tar.gz any more."},
		"too large": {map[string]string{"dist/app.tar.gz": strings.Repeat("x", 101)}, "The artifact dist/app.tar.gz is too large"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.envs = append(r.envs, bot.Environment{Name: "jobs", Deployer: "jobs", Auto: "main"})
			r.archive = &archive{ci: r.ci, files: c.files}
			r.start(nil)
			b := r.built(4, "main", undigested("dist/app.tar.gz"))
			r.settled()
			if got := r.notes(b); !strings.HasPrefix(got, "Not deployed to staging: "+c.says) {
				t.Errorf("said %q", got)
			}
			if label, _ := r.state("staging"); label != "" {
				t.Errorf("staging runs %s", label)
			}
			if label, _ := r.state("jobs"); label == "" {
				t.Error("a deployer that needs only the commit got none")
			}
			_, err := r.service(r.db).Plan(t.Context(), r.request("deploy", "staging", r.newest().Label))
			if text := bot.MessageOf(err); bot.CodeOf(err) != bot.CodeInvalid || !strings.Contains(text, "build that commit again") {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestCommitIsEnough for a deployer that says so, and for no other.
func TestCommitIsEnough(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.envs = []bot.Environment{{Name: "processes", Deployer: "run", Auto: "main"}, {Name: "jobs", Deployer: "jobs", Auto: "main"}}
	delete(r.forge.files, id(4))
	r.start(nil)
	b := r.built(4, "main", undigested())
	r.settled()
	if label, _ := r.state("jobs"); label != Label("", 4, id(4)) {
		t.Errorf("jobs runs %q", label)
	}
	if label, _ := r.state("processes"); label != "" || r.notes(b) != "Not deployed to processes: there is no .opsbot/project.yaml." {
		t.Errorf("processes runs %q, said %q", label, r.notes(b))
	}
	if _, err := r.service(r.db).Plan(t.Context(), r.request("deploy", "jobs", "")); err != nil {
		t.Error(err)
	}
	_, err := r.service(r.db).Plan(t.Context(), r.request("deploy", "processes", ""))
	if bot.CodeOf(err) != bot.CodeInvalid {
		t.Error(err)
	}
}
