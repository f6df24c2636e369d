package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"opsbot/bot"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// planned writes a plan as it is shown.
func planned(p *bot.Plan, err error) string {
	if err != nil {
		return string(bot.CodeOf(err)) + ": " + bot.MessageOf(err) + "\n"
	}
	text := fmt.Sprintf("%s\n", p.Title)
	for _, l := range p.Lines {
		text += "  " + string(l) + "\n"
	}
	if p.Approvals > 0 {
		text += fmt.Sprintf("  (%d approvals)\n", p.Approvals)
	}
	return text
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (-update writes it anew):\n%s", path, got)
	}
}

func TestPlanGolden(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.service(r.db)
	var out strings.Builder
	show := func(title string, req bot.DeliveryRequest) {
		fmt.Fprintf(&out, "== %s\n%s", title, planned(s.Plan(t.Context(), req)))
	}
	show("nothing was built", r.request("deploy", "staging", ""))
	v1, v2 := r.version(1, "main"), r.version(2, "main")
	r.forge.authors[id(3)], r.forge.authors[id(4)] = "b*o*b @here", "carol"
	v4 := r.version(4, "main")
	show("no such environment", r.request("deploy", "moon", ""))
	show("no such version", r.request("deploy", "staging", "9.9"))
	show("the first, newest of the default branch", r.request("deploy", "Staging", ""))
	show("not run in staging yet", r.request("deploy", "production", v1.Label))
	show("promote nothing", r.request("promote", "production", ""))
	show("promote to the first", r.request("promote", "staging", ""))
	show("restart nothing", r.request("restart", "staging", ""))
	show("roll back nothing", r.request("rollback", "staging", ""))
	r.ran("deploy", "staging", v1, bot.DeploymentSucceeded)
	show("upgrade by one commit", r.request("deploy", "staging", v2.Label))
	show("upgrade by three", r.request("deploy", "staging", ""))
	show("the same again", r.request("deploy", "staging", v1.Label))
	show("restart", r.request("restart", "staging", ""))
	r.ran("deploy", "staging", v4, bot.DeploymentSucceeded)
	show("going back", r.request("rollback", "staging", ""))
	show("going back, by name", r.request("rollback", "staging", v2.Label))
	show("the first promotion", r.request("promote", "production", ""))
	r.commit(5, 2, "dave")
	v5 := r.version(5, "topic")
	show("a branch beside", r.request("deploy", "staging", v5.Label))
	r.commit(6, 4, "erin")
	for i := 7; i < 300; i++ {
		r.commit(i, i-1, fmt.Sprintf("author %d", i%9))
	}
	v299 := r.version(299, "topic")
	show("very many commits", r.request("deploy", "staging", v299.Label))
	r.forge.broken = errors.New("the forge is away")
	show("the forge is away", r.request("deploy", "staging", v2.Label))
	golden(t, "plans.golden", out.String())
}

// TestVersionResolution names a version in each way.
func TestVersionResolution(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	v1, v3 := r.version(1, "main"), r.version(3, "main")
	v2 := r.version(2, "main") // ended last
	v4 := r.version(4, "topic")
	s := r.service(r.db)
	for name, want := range map[string]bot.Version{"": v3, v1.Label: v1, id(4): v4, id(2)[:7]: v2, v4.ID: v4} {
		plan, err := s.Plan(t.Context(), r.request("deploy", "staging", name))
		if err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		var c planContent
		if err := json.Unmarshal(plan.Content, &c); err != nil || c.Version != want.ID || c.Verb != "deploy" || c.Deployer != "run" || plan.Environment != "staging" {
			t.Errorf("%q gives %+v (%v), want %s", name, c, err, want.Label)
		}
	}
	for _, name := range []string{"c1", "nope", "c100000x"} {
		if _, err := s.Plan(t.Context(), r.request("deploy", "staging", name)); bot.CodeOf(err) != bot.CodeNotFound || !strings.HasSuffix(bot.MessageOf(err), "; there are: "+strings.Join([]string{v4.Label, v2.Label, v3.Label, v1.Label}, ", ")+".") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestPlanRefuses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.service(r.db)
	v1, v2 := r.version(1, "main"), r.version(2, "main")
	bare := bot.Version{ID: bot.NewID(r.clock.Now()), ProjectID: r.project.ID, Commit: id(3), BuildID: "bare", Number: 3, Branch: "topic", Label: "bare"}
	r.write(func(ctx context.Context, tx *bot.Tx) error { return tx.Versions.Insert(ctx, bare) })
	refused := func(req bot.DeliveryRequest, code bot.Code, part string) {
		t.Helper()
		if _, err := s.Plan(t.Context(), req); bot.CodeOf(err) != code || !strings.Contains(bot.MessageOf(err), part) {
			t.Errorf("%v, want %s %q", err, code, part)
		}
	}
	refused(r.request("deploy", "staging", "bare"), bot.CodeInvalid, "has no artifact to deploy")
	archived := r.request("deploy", "staging", "")
	archived.Project.State = bot.ProjectArchived
	refused(archived, bot.CodeConflict, "is archived; nothing can be deployed")
	// Failing in staging is not having run there.
	r.ran("deploy", "staging", v2, bot.DeploymentFailed)
	r.ran("deploy", "staging", v2, bot.DeploymentRolledBack)
	refused(r.request("deploy", "production", v2.Label), bot.CodeConflict, "First: `deploy hello@"+v2.Label+" to staging`")
	r.ran("deploy", "staging", v1, bot.DeploymentSucceeded)
	r.ran("deploy", "staging", v2, bot.DeploymentSucceeded)
	for _, v := range []bot.Version{v1, v2} { // one that ran there once may follow
		if _, err := s.Plan(t.Context(), r.request("deploy", "production", v.Label)); err != nil {
			t.Errorf("%s: %v", v.Label, err)
		}
	}
	r.write(func(ctx context.Context, tx *bot.Tx) error {
		return tx.Environments.Put(ctx, bot.EnvironmentState{
			ProjectID: r.project.ID, Environment: "production", LockedBy: r.user.ID,
			LockReason: "the *audit*", LockedAt: r.clock.start,
		})
	})
	for _, verb := range []string{"deploy", "promote", "rollback", "restart"} {
		refused(r.request(verb, "production", ""), bot.CodeConflict, "hello in production is locked by alice since")
	}
	r.envs[0].Deployer = "git"
	refused(r.request("deploy", "staging", ""), bot.CodeUnsupported, "has no deployments")
	r.envs[0].Deployer = "gone"
	refused(r.request("deploy", "staging", ""), bot.CodeNotFound, `no integration named "gone"`)
}

// TestRollbackFollowsTheTrail: what is asked for is one word per step.
func TestRollbackFollowsTheTrail(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ steps, want string }{
		{"1", ""},
		{"1 2", "1"},
		{"1 2 3", "2"},
		{"1 2 3 back", "1"},        // two in a row go two back
		{"1 2 3 back back", ""},    // and no further
		{"1 2 2 restart", "1"},     // the same again is no step
		{"1 2 1", "2"},             // forward to an old one
		{"1 2 1 back", "1"},        //
		{"1 2 3 back back 3", "1"}, // not to what was rolled away from
		{"1 2 3 back 4", "2"},
		{"1 2 fail3", "1"},
		{"1 2 3 4 to2", "1"},
		{"1 2 to4 back", "1"}, // to one that never ran here
	} {
		t.Run(c.steps, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			s := r.service(r.db)
			byNumber := map[string]bot.Version{}
			for i := 1; i <= 4; i++ {
				byNumber[fmt.Sprint(i)] = r.version(i, "main")
			}
			target := func(version string) (bot.Version, error) {
				tg, err := s.target(t.Context(), r.request("rollback", "staging", version))
				return tg.version, err
			}
			for _, step := range strings.Fields(c.steps) {
				verb, state, n := "deploy", bot.DeploymentSucceeded, step
				switch {
				case step == "restart":
					verb, n = "restart", "2"
				case strings.HasPrefix(step, "fail"):
					state, n = bot.DeploymentFailed, step[4:]
				case step == "back" || strings.HasPrefix(step, "to"):
					label := ""
					if step != "back" {
						label = byNumber[step[2:]].Label
					}
					v, err := target(label)
					if err != nil {
						t.Fatal(err)
					}
					verb, n = "rollback", fmt.Sprint(v.Number)
				}
				r.ran(verb, "staging", byNumber[n], state)
			}
			v, err := target("")
			got := ""
			if err == nil {
				got = fmt.Sprint(v.Number)
			} else if bot.CodeOf(err) != bot.CodeNotFound {
				t.Fatal(err)
			}
			if got != c.want {
				t.Errorf("goes back to %q, want %q", got, c.want)
			}
		})
	}
}
