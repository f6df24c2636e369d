package fileset_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"opsbot/integrations/localci/fileset"
)

// memory is a Sink that remembers what it was given.
type memory map[string]string

func (m memory) Put(_ context.Context, r io.Reader) (string, int64, error) {
	body, err := io.ReadAll(r)
	if err != nil {
		return "", 0, err
	}
	sum := sha256.Sum256(body)
	digest := "sha256:" + hex.EncodeToString(sum[:])
	m[digest] = string(body)
	return digest, int64(len(body)), nil
}

var _ fileset.Sink = memory{}

// The recorded builds that archive something: the files their shell steps left
// in the workspace, and what the Jenkins logged and listed.
func TestRunRecorded(t *testing.T) {
	t.Parallel()
	const found = "Archiving artifacts"
	const hint = "‘nothing/*.jar’ doesn’t match anything: even ‘nothing’ doesn’t exist"
	const none = `No artifacts found that match the file pattern "nothing/*.jar". Configuration error?`
	nested := map[string]string{
		"out/one.txt": "1\n", "out/a/two.txt": "2\n", "out/a/b/three.txt": "3\n", "out/a/skip.log": "4\n", ".hidden": "5\n",
	}
	tests := []struct {
		name    string
		files   map[string]string
		dir     string
		request fileset.Request
		log     []string
		failure string
		want    map[string]string
	}{
		{
			name: "091-archive-simple", files: map[string]string{"app.txt": "data\n"},
			request: fileset.Request{Artifacts: "app.txt"}, log: []string{found},
			want: map[string]string{"app.txt": "data\n"},
		},
		{
			name: "092-archive-glob-nested", files: nested,
			request: fileset.Request{Artifacts: "out/**/*.txt"}, log: []string{found},
			want: map[string]string{"out/one.txt": "1\n", "out/a/two.txt": "2\n", "out/a/b/three.txt": "3\n"},
		},
		{
			name:    "094-archive-missing-fails",
			request: fileset.Request{Artifacts: "nothing/*.jar"}, log: []string{found, hint}, failure: none,
		},
		{
			name:    "095-archive-missing-allowed",
			request: fileset.Request{Artifacts: "nothing/*.jar", AllowEmpty: true}, log: []string{found, hint, none},
		},
		{
			name:    "097-archive-excludes",
			files:   map[string]string{"d/a.txt": "1\n", "d/a.tmp": "2\n", "d/.git/config": "3\n", "d/.dot": "4\n"},
			request: fileset.Request{Artifacts: "d/**", Excludes: "**/*.tmp"}, log: []string{found},
			want: map[string]string{"d/.dot": "4\n", "d/a.txt": "1\n"},
		},
		{
			name: "098-archive-fingerprint", files: map[string]string{"id.txt": "i"},
			request: fileset.Request{Artifacts: "id.txt", Fingerprint: true}, log: []string{found, "Recording fingerprints"},
			want: map[string]string{"id.txt": "i"},
		},
		{
			name: "100-archive-odd-names", files: map[string]string{"my dir/größe 1.txt": "1\n", "empty.bin": ""},
			request: fileset.Request{Artifacts: "**/*.txt,*.bin"}, log: []string{found},
			want: map[string]string{"empty.bin": "", "my dir/größe 1.txt": "1\n"},
		},
		{
			name: "266-archive-default-excludes-off", files: map[string]string{"d/.git/config": "1\n", "d/a~": "2\n"},
			request: fileset.Request{Artifacts: "d/**", KeepDefaultExcludes: true}, log: []string{found},
			want: map[string]string{"d/.git/config": "1\n", "d/a~": "2\n"},
		},
		{
			name: "268-archive-inside-dir", files: map[string]string{"sub/deep/a.txt": "a\n"}, dir: "sub",
			request: fileset.Request{Artifacts: "deep/*.txt"}, log: []string{found},
			want: map[string]string{"deep/a.txt": "a\n"},
		},
		{
			name:    "nothing found after a failure is no second failure",
			request: fileset.Request{Artifacts: "nothing/*.jar", BuildFailed: true}, log: []string{found},
		},
		{
			name: "only if successful", files: map[string]string{"a": ""},
			request: fileset.Request{Artifacts: "a", OnlyIfSuccessful: true, BuildFailed: true},
			log:     []string{"Skipped archiving because build is not successful"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			root, _ := workspace(t, tt.files)
			sink, log := memory{}, []string(nil)
			kept, err := fileset.Run(t.Context(), root, tt.dir, tt.request, sink, fileset.Limits{},
				func(line string) { log = append(log, line) })
			if !slices.Equal(log, tt.log) {
				t.Errorf("log %q, want %q", log, tt.log)
			}
			var failure fileset.Failure
			if errors.As(err, &failure) != (tt.failure != "") || string(failure) != tt.failure {
				t.Errorf("err = %v, want %q", err, tt.failure)
			}
			if got := contents(t, sink, kept); !maps.Equal(got, tt.want) {
				t.Errorf("kept %v, want %v", got, tt.want)
			}
		})
	}
}

func contents(t *testing.T, sink memory, kept []fileset.Artifact) map[string]string {
	t.Helper()
	got := map[string]string{}
	for _, a := range kept {
		body, ok := sink[a.Digest]
		if !ok || int64(len(body)) != a.Size {
			t.Errorf("artifact %+v: content %q", a, body)
		}
		got[a.Path] = body
	}
	return got
}

func TestRunWithoutPatterns(t *testing.T) {
	t.Parallel()
	root, _ := workspace(t, map[string]string{"a": "1"})
	_, err := fileset.Run(t.Context(), root, "", fileset.Request{Artifacts: " "}, memory{}, fileset.Limits{}, func(string) {})
	if err == nil || !strings.HasPrefix(err.Error(), "No artifacts are configured for archiving.\n") {
		t.Errorf("err = %v", err)
	}
}

// What is too large fails the step instead of being archived in part.
func TestRunTooLarge(t *testing.T) {
	t.Parallel()
	root, _ := workspace(t, map[string]string{"a": "1234", "b": "1234"})
	run := func(limit int64) ([]fileset.Artifact, error) {
		return fileset.Run(t.Context(), root, "", fileset.Request{Artifacts: "*"}, memory{},
			fileset.Limits{Bytes: limit}, func(string) {})
	}
	if kept, err := run(8); err != nil || len(kept) != 2 {
		t.Errorf("8 bytes: %v, %v", kept, err)
	}
	kept, err := run(7)
	var failure fileset.Failure
	if !errors.As(err, &failure) || kept != nil {
		t.Errorf("7 bytes: %v, %v; want a failure", kept, err)
	}
}

// Between the search and the reading the build's leftovers go on running.
func TestArchiveOfChangedFiles(t *testing.T) {
	t.Parallel()
	root, dir := workspace(t, map[string]string{"a": "1"})
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	link(t, "/etc/passwd", filepath.Join(dir, "passwd"))
	kept, err := fileset.Archive(t.Context(), root, "", []string{"a", "gone", "pipe"}, memory{}, fileset.Limits{})
	if err != nil || len(kept) != 1 || kept[0].Path != "a" {
		t.Errorf("kept %v, %v", kept, err)
	}
	kept, err = fileset.Archive(t.Context(), root, "", []string{"passwd"}, memory{}, fileset.Limits{})
	if err == nil || len(kept) != 0 {
		t.Errorf("archived %v from outside the workspace", kept)
	}
}

func TestArchiveReportsTheSink(t *testing.T) {
	t.Parallel()
	root, _ := workspace(t, map[string]string{"a": "1"})
	_, err := fileset.Archive(t.Context(), root, "", []string{"a"}, full{}, fileset.Limits{})
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("err = %v, want %v", err, syscall.ENOSPC)
	}
}

type full struct{}

func (full) Put(context.Context, io.Reader) (string, int64, error) { return "", 0, syscall.ENOSPC }

// 101-archive-overwrite: a path archived twice has the last content.
func TestMerge(t *testing.T) {
	t.Parallel()
	got := fileset.Merge(
		[]fileset.Artifact{{Path: "v.txt", Digest: "one"}, {Path: "a", Digest: "a"}},
		[]fileset.Artifact{{Path: "v.txt", Digest: "two"}})
	want := []fileset.Artifact{{Path: "a", Digest: "a"}, {Path: "v.txt", Digest: "two"}}
	if !slices.Equal(got, want) {
		t.Errorf("merged %v, want %v", got, want)
	}
}
