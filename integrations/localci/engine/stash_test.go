package engine_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"opsbot/integrations/localci/engine"
)

// stashing is a host whose workspaces keep stashes of one file each.
type stashing struct {
	*fakeHost
	kept map[string]engine.StashStep
	err  error
}

func (h *stashing) Allocate(ctx context.Context, req engine.WorkspaceRequest) (engine.Workspace, func(), error) {
	ws, release, err := h.fakeHost.Allocate(ctx, req)
	return &stashSpace{ws, h}, release, err
}

type stashSpace struct {
	engine.Workspace
	host *stashing
}

func (w *stashSpace) Stash(_ context.Context, step engine.StashStep) (int, bool, error) {
	_, replaced := w.host.kept[step.Name]
	w.host.kept[step.Name] = step
	if step.Includes == "none" {
		return 0, replaced, w.host.err
	}
	return 1, replaced, w.host.err
}

func (w *stashSpace) Unstash(_ context.Context, name, _ string) (bool, error) {
	_, ok := w.host.kept[name]
	return ok, w.host.err
}

func TestStashSteps(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		steps string
		err   error
		want  []string // the log before "Finished"
	}{
		"again":         {"stash 's'\nstash 's'\nunstash 's'", nil, []string{"Stashed 1 file(s)", "Warning: overwriting stash ‘s’", "Stashed 1 file(s)"}},
		"empty":         {"stash name: 's', includes: 'none'", nil, []string{"ERROR: No files included in stash ‘s’"}},
		"empty allowed": {"stash name: 's', includes: 'none', allowEmpty: true", nil, []string{"Stashed 0 file(s)"}},
		"missing":       {"unstash 's'", nil, []string{"ERROR: No such saved stash ‘s’"}},
		"no name":       {"script { stash ' ' }", nil, []string{"hudson.model.Failure: No name is specified"}},
		"bad name":      {"stash 'a/b'", nil, []string{"hudson.model.Failure: ‘/’ is an unsafe character"}},
		"stash breaks":  {"stash 's'", errors.New("it broke"), []string{"java.io.IOException: it broke"}},
		"cut off":       {"catchError { unstash 's' }", engine.ErrCutOff, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := &stashing{&fakeHost{}, map[string]engine.StashStep{}, c.err}
			out := engine.Run(t.Context(), parse(t, steps(c.steps)), someBuild(), h, &stubClock{never: true})
			want := c.want
			if c.err != engine.ErrCutOff { //nolint:errorlint // the very value of the table
				want = append(want, "Finished: "+string(out.Result))
			}
			wantLines(t, h.lines, want...)
			failed := len(c.want) > 0 && !strings.HasPrefix(c.want[len(c.want)-1], "Stashed")
			if (out.Result == engine.Failed) != failed || out.Incomplete != (c.err == engine.ErrCutOff) { //nolint:errorlint // as above
				t.Errorf("outcome %+v", out)
			}
		})
	}
	h := &fakeHost{}
	if out := runOn(t, h, steps("stash 's'")); out.Result != engine.Failed || !strings.Contains(out.Failure.Message, "keeps no stashes") {
		t.Errorf("on a host without stashes: %+v", out.Failure)
	}
}

func TestStashArguments(t *testing.T) {
	t.Parallel()
	h := &stashing{&fakeHost{}, map[string]engine.StashStep{}, nil}
	src := steps("dir('d') { stash name: 'a', includes: 'i', excludes: 'e', useDefaultExcludes: false, allowEmpty: true }", "stash 'b'")
	engine.Run(t.Context(), parse(t, src), someBuild(), h, &stubClock{never: true})
	want := engine.StashStep{Dir: "/ws/d", Name: "a", Includes: "i", Excludes: "e", AllowEmpty: true, NoDefaultExcludes: true}
	if got := h.kept["a"]; got != want {
		t.Errorf("stashed %+v, want %+v", got, want)
	}
	if got, want := h.kept["b"], (engine.StashStep{Dir: "/ws", Name: "b"}); got != want {
		t.Errorf("stashed %+v, want %+v", got, want)
	}
}
