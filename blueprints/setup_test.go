package blueprints

import (
	"context"
	"maps"
	"strings"
	"testing"
	"testing/fstest"

	"opsbot/bot"
)

// zeroRandom makes generated values predictable.
type zeroRandom struct{}

func (zeroRandom) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

const minimal = `name: demo
version: 1.0.0
description: A demo.
owner: us
`

// folder is a blueprint "demo" whose manifest is minimal and extra, with files.
func folder(extra string, files map[string]string) fstest.MapFS {
	all := map[string]string{"blueprint.yaml": minimal + extra}
	maps.Copy(all, files)
	out := fstest.MapFS{}
	for name, data := range all {
		out[name] = &fstest.MapFile{Data: []byte(data)}
	}
	return out
}

func load(t *testing.T, extra string, files map[string]string) *Blueprint {
	t.Helper()
	b, err := Load(folder(extra, files), "demo", zeroRandom{}, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// render renders with name "shop" and owner "acme" and what is given more.
func render(ctx context.Context, t *testing.T, b *Blueprint, given map[string]any) (bot.Tree, error) {
	t.Helper()
	all := map[string]any{"name": "shop", "owner": "acme"}
	maps.Copy(all, given)
	answers, err := b.Resolve(all)
	if err != nil {
		t.Fatal(err)
	}
	return b.Render(ctx, answers)
}

// contents are the tree's files but the record.
func contents(tree bot.Tree) map[string]string {
	out := map[string]string{}
	for _, f := range tree.Files {
		if f.Path != RecordPath {
			out[f.Path] = string(f.Data)
		}
	}
	return out
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error is %v, want one with %q", err, want)
	}
}
