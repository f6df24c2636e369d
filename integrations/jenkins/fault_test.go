package jenkins

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"opsbot/bot"
	fake "opsbot/test/fakes/jenkins"
)

// stubborn is a call, the request of it that goes wrong, and how to tell that in the
// end everything is there, once.
type stubborn struct {
	name, method, path string
	prepare            func(t *testing.T, b *bench) bot.BuildRef
	call               func(ctx context.Context, s *Service, ref bot.BuildRef) error
	check              func(t *testing.T, b *bench, ref bot.BuildRef)
}

func noRef(*testing.T, *bench) bot.BuildRef { return bot.BuildRef{} }

func theJob() bot.Job { return bot.Job{ExternalID: "shop"} }

func oneBuild(t *testing.T, b *bench) bot.BuildRef {
	t.Helper()
	return b.until(t, b.build(t, b.job(t, &fake.Program{}), "main", "k0"), finished).Ref
}

func ensureCall(ctx context.Context, s *Service, _ bot.BuildRef) error {
	_, err := s.EnsureJob(ctx, spec("shop"))
	return err
}

func oneJob(t *testing.T, b *bench, _ bot.BuildRef) {
	t.Helper()
	if p, _, err := b.FindJob(t.Context(), spec("shop")); p != bot.PresenceOurs || err != nil {
		t.Errorf("in the end the job is %s (%v)", p, err)
	}
}

func nothing(*testing.T, *bench, bot.BuildRef) {}

// changes are the calls that change something.
func changes() []stubborn {
	return []stubborn{
		{"EnsureJob: create", "POST", "/createItem", func(_ *testing.T, b *bench) bot.BuildRef {
			b.repo.Commit("main", &fake.Program{})
			return bot.BuildRef{}
		}, ensureCall, oneJob},
		{"EnsureJob: update", "POST", "/config.xml", func(t *testing.T, b *bench) bot.BuildRef {
			t.Helper()
			oneBuild(t, b)
			b.config.KeepDays = 99
			return bot.BuildRef{}
		}, ensureCall, func(t *testing.T, b *bench, ref bot.BuildRef) {
			t.Helper()
			oneJob(t, b, ref)
			if list, err := b.Builds(t.Context(), theJob(), "main", 10); err != nil || len(list) != 1 || !strings.Contains(b.fake.Config("shop"), ">99<") {
				t.Errorf("%d builds (%v): %s", len(list), err, b.fake.Config("shop"))
			}
		}},
		{"RemoveJob", "POST", "/doDelete", oneBuild, func(ctx context.Context, s *Service, _ bot.BuildRef) error {
			return s.RemoveJob(ctx, theJob())
		}, func(t *testing.T, b *bench, _ bot.BuildRef) {
			t.Helper()
			if p, _, err := b.FindJob(t.Context(), spec("shop")); p != bot.PresenceAbsent || err != nil {
				t.Errorf("in the end the job is %s (%v)", p, err)
			}
		}},
		{"Build", "POST", "/main/build", oneBuild, func(ctx context.Context, s *Service, _ bot.BuildRef) error {
			_, err := s.Build(ctx, bot.BuildRequest{Job: theJob(), Branch: "main", Key: "k1", By: "alice"})
			return err
		}, func(t *testing.T, b *bench, _ bot.BuildRef) {
			t.Helper()
			b.until(t, b.build(t, theJob(), "main", "k1"), finished)
			if list, err := b.Builds(t.Context(), theJob(), "main", 10); err != nil || len(list) != 2 {
				t.Errorf("%d builds of two requests (%v)", len(list), err)
			}
		}},
		{"Abort", "POST", "/stop", func(t *testing.T, b *bench) bot.BuildRef {
			t.Helper()
			return b.until(t, b.build(t, b.job(t, &fake.Program{Waits: true}), "main", "k0"), running).Ref
		}, func(ctx context.Context, s *Service, ref bot.BuildRef) error {
			return s.Abort(ctx, ref, "carol")
		}, func(t *testing.T, b *bench, ref bot.BuildRef) {
			t.Helper()
			if got := b.until(t, ref, finished); got.Message != "Aborted by carol" {
				t.Errorf("%+v", got)
			}
		}},
		{"AnswerInput", "POST", "/proceed", func(t *testing.T, b *bench) bot.BuildRef {
			t.Helper()
			return b.until(t, b.build(t, b.job(t, &fake.Program{Input: everyKind()}), "main", "k0"), asks).Ref
		}, func(ctx context.Context, s *Service, ref bot.BuildRef) error {
			return s.AnswerInput(ctx, ref, bot.InputAnswer{ID: "A0000000000000000000000000010001", Proceed: true, By: "carol"})
		}, func(t *testing.T, b *bench, ref bot.BuildRef) {
			t.Helper()
			if got := b.until(t, ref, finished); got.Result != bot.ResultSuccess {
				t.Errorf("%+v", got)
			}
		}},
		{"new branch: scan", "POST", "/job/shop/build", func(t *testing.T, b *bench) bot.BuildRef {
			t.Helper()
			oneBuild(t, b)
			b.repo.Commit("topic", &fake.Program{})
			return bot.BuildRef{}
		}, func(ctx context.Context, s *Service, _ bot.BuildRef) error {
			_, err := s.Build(ctx, bot.BuildRequest{Job: theJob(), Branch: "topic", Key: "k1"})
			return err
		}, func(t *testing.T, b *bench, _ bot.BuildRef) {
			t.Helper()
			b.until(t, b.build(t, theJob(), "topic", "k1"), finished)
			if list, err := b.Builds(t.Context(), theJob(), "topic", 10); err != nil || len(list) != 1 {
				t.Errorf("%d builds of one request (%v)", len(list), err)
			}
		}},
	}
}

// deployments are the calls of the deployer that change something.
func deployments() []stubborn {
	jobs := func(b *bench) {
		b.fake.AddJob("team/deploy", fake.Plain{Parameters: deployParameters()})
		b.fake.AddJob("team/remove", fake.Plain{Parameters: deployParameters(), Run: func(map[string]string) *fake.Program { return &fake.Program{} }})
	}
	once := func(job string) func(t *testing.T, b *bench, _ bot.BuildRef) {
		return func(t *testing.T, b *bench, _ bot.BuildRef) {
			t.Helper()
			if ran := b.fake.Builds(job); len(ran) != 1 {
				t.Errorf("%s ran %d times", job, len(ran))
			}
		}
	}
	apply := func(ctx context.Context, s *Service, _ bot.BuildRef) error {
		_, err := s.Apply(ctx, deployment("d1", "1.0"))
		return err
	}
	return []stubborn{
		{"Apply", "POST", "/deploy/buildWithParameters", func(_ *testing.T, b *bench) bot.BuildRef {
			jobs(b)
			return bot.BuildRef{}
		}, apply, once("team/deploy")},
		{"Remove", "POST", "/remove/buildWithParameters", func(t *testing.T, b *bench) bot.BuildRef {
			t.Helper()
			jobs(b)
			if err := apply(t.Context(), b.Service, bot.BuildRef{}); err != nil {
				t.Fatal(err)
			}
			return bot.BuildRef{}
		}, func(ctx context.Context, s *Service, _ bot.BuildRef) error {
			return s.Remove(ctx, deployment("d1", "1.0").Project, "staging")
		}, once("team/remove")},
		{"Plan", "GET", "/job/deploy/api/json", func(_ *testing.T, b *bench) bot.BuildRef {
			jobs(b)
			return bot.BuildRef{}
		}, func(ctx context.Context, s *Service, _ bot.BuildRef) error {
			_, err := s.Plan(ctx, deployment("", "1.0"))
			return err
		}, nothing},
		{"Observe", "GET", "/job/deploy/1/api/json", func(t *testing.T, b *bench) bot.BuildRef {
			t.Helper()
			jobs(b)
			if err := apply(t.Context(), b.Service, bot.BuildRef{}); err != nil {
				t.Fatal(err)
			}
			return bot.BuildRef{}
		}, func(ctx context.Context, s *Service, _ bot.BuildRef) error {
			_, err := s.Observe(ctx, deployment("d1", "1.0"))
			return err
		}, func(t *testing.T, b *bench, _ bot.BuildRef) {
			t.Helper()
			if o := b.observed(t, deployment("d1", "1.0"), ended); o.State != bot.DeploymentSucceeded {
				t.Errorf("%+v", o)
			}
		}},
	}
}

// readings are the calls that only read.
func readings() []stubborn {
	return []stubborn{
		{"FindJob", "GET", "/config.xml", noRef, func(ctx context.Context, s *Service, _ bot.BuildRef) error {
			_, _, err := s.FindJob(ctx, spec("shop"))
			return err
		}, nothing},
		{"Status", "GET", "/main/1/api/json", oneBuild, func(ctx context.Context, s *Service, ref bot.BuildRef) error {
			_, err := s.Status(ctx, ref)
			return err
		}, nothing},
		{"Status: stages", "GET", "/wfapi/describe", oneBuild, func(ctx context.Context, s *Service, ref bot.BuildRef) error {
			_, err := s.Status(ctx, ref)
			return err
		}, nothing},
		{"PendingInputs", "GET", "/wfapi/pendingInputActions", func(t *testing.T, b *bench) bot.BuildRef {
			t.Helper()
			return b.until(t, b.build(t, b.job(t, &fake.Program{Input: everyKind()}), "main", "k0"), asks).Ref
		}, func(ctx context.Context, s *Service, ref bot.BuildRef) error {
			_, err := s.PendingInputs(ctx, ref)
			return err
		}, nothing},
		{"OpenArtifact", "GET", "/artifact/a.tgz", func(t *testing.T, b *bench) bot.BuildRef {
			t.Helper()
			return b.until(t, b.build(t, b.job(t, &fake.Program{Files: map[string]string{"a.tgz": "packed"}}), "main", "k0"), finished).Ref
		}, func(ctx context.Context, s *Service, ref bot.BuildRef) error {
			body, err := s.OpenArtifact(ctx, ref, bot.Artifact{Name: "a.tgz"})
			if err == nil {
				_, err = io.Copy(io.Discard, body)
				_ = body.Close()
			}
			return err
		}, nothing},
		{"Builds", "GET", "/main/api/json", oneBuild, func(ctx context.Context, s *Service, _ bot.BuildRef) error {
			_, err := s.Builds(ctx, theJob(), "main", 5)
			return err
		}, nothing},
		{"ReadLog", "GET", "/progressiveText", oneBuild, func(ctx context.Context, s *Service, ref bot.BuildRef) error {
			body, err := s.ReadLog(ctx, bot.LogRef{Build: ref}, 0)
			if err == nil {
				_, err = io.Copy(io.Discard, body)
				_ = body.Close()
			}
			return err
		}, nothing},
		{"poll", "GET", "/job/shop/api/json", oneBuild, func(ctx context.Context, s *Service, _ bot.BuildRef) error {
			_, err := s.round(ctx)
			return err
		}, func(t *testing.T, b *bench, _ bot.BuildRef) {
			t.Helper()
			if seen, _, err := read[seenDoc](t.Context(), b.Service, kindSeen, "shop/main"); err != nil || seen.Done != 1 {
				t.Errorf("%+v, %v", seen, err)
			}
		}},
		{"webhook", "GET", "/main/1/api/json", oneBuild, func(ctx context.Context, s *Service, _ bot.BuildRef) error {
			_, err := s.Parse(ctx, bot.Delivery{Body: []byte(`{"build_url":"http://x/job/shop/job/main/1/"}`)})
			return err
		}, nothing},
	}
}

type wrong struct {
	name  string
	fault fake.Fault
}

func wrongs() []wrong {
	out := []wrong{
		{"refused", fake.Fault{}}, // the port is closed
		{"reset", fake.Fault{Reset: true}},
		{"reset, done", fake.Fault{Reset: true, Done: true}},
		{"slow", fake.Fault{Delay: time.Second}},
		{"slow, done", fake.Fault{Delay: time.Second, Done: true, Reset: true}},
	}
	for _, code := range []int{401, 403, 404, 409, 422, 429, 500, 502} {
		out = append(out, wrong{fmt.Sprint(code), fake.Fault{Status: code, Header: map[string]string{"Content-Type": "text/html"}, Body: "<html>no</html>"}})
	}
	return append(out,
		wrong{"429 after 7 s", fake.Fault{Status: 429, Header: map[string]string{"Retry-After": "7"}}},
		wrong{"500, done", fake.Fault{Status: 500, Done: true}},
		wrong{"cut", fake.Fault{Cut: true}},
		wrong{"cut, done", fake.Fault{Cut: true, Done: true}},
		wrong{"HTML", fake.Fault{Status: 200, Header: map[string]string{"Content-Type": "text/html"}, Body: "<html>Welcome</html>"}},
		wrong{"to login", fake.Fault{Status: 302, Header: map[string]string{"Location": "/login?from=%2F"}}},
	)
}

// TestFaultMatrix: whatever goes wrong, a call is done or says clearly what is the
// matter; tried again it is done, and nothing is there twice.
func TestFaultMatrix(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	cells := map[string]string{}
	calls := slices.Concat(changes(), deployments(), readings())
	t.Run("all", func(t *testing.T) {
		t.Parallel()
		t.Cleanup(func() { t.Log("\n" + table(calls, cells)) })
		for _, c := range calls {
			for _, w := range wrongs() {
				t.Run(c.name+"/"+w.name, func(t *testing.T) {
					t.Parallel()
					said := endure(t, c, w)
					mu.Lock()
					defer mu.Unlock()
					cells[c.name+"/"+w.name] = said
				})
			}
		}
	})
}

// endure lets a call meet a fault, then tries it again without.
func endure(t *testing.T, c stubborn, w wrong) string {
	t.Helper()
	b := setup(t, func(c *Config) {
		deployable(c)
		c.Timeout = 2 * time.Second
	})
	ref := c.prepare(t, b)
	victim, remove := b.Service, func() {}
	if w.name == "refused" {
		victim = b.service(t, func(c *Config) {
			deployable(c)
			c.URL = "http://127.0.0.1:1"
		})
	} else {
		w.fault.Method, w.fault.Path = c.method, c.path
		remove = b.fake.AddFault(w.fault)
	}
	if w.fault.Delay > 0 {
		victim = b.service(t, func(c *Config) {
			deployable(c)
			c.Timeout = 100 * time.Millisecond
		})
		victim.config.KeepDays = b.config.KeepDays
	}
	err := c.call(t.Context(), victim, ref)
	said := judge(t, err)
	remove()
	if err := c.call(t.Context(), b.Service, ref); err != nil {
		t.Errorf("after %q, again: %v", said, err)
	}
	c.check(t, b, ref)
	return said
}

// judge holds an error to what a person and the engine need of it.
func judge(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return "done"
	}
	text, code := bot.MessageOf(err), bot.CodeOf(err)
	if !strings.Contains(text, "Jenkins") || code == bot.CodeInternal || strings.Contains(text, "<") || strings.Contains(err.Error(), testToken) {
		t.Errorf("%s: %q (%v)", code, text, err)
	}
	said := string(code)
	switch class, after := bot.RetryOf(err); class {
	case bot.RetryBackoff:
		said += ", again"
	case bot.RetryAfter:
		said += ", in " + after.String()
	case bot.RetryNever:
	}
	return said
}

func table(calls []stubborn, cells map[string]string) string {
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "fault")
	for _, c := range calls {
		fmt.Fprint(w, "\t"+c.name)
	}
	fmt.Fprintln(w)
	for _, f := range wrongs() {
		fmt.Fprint(w, f.name)
		for _, c := range calls {
			fmt.Fprint(w, "\t"+cells[c.name+"/"+f.name])
		}
		fmt.Fprintln(w)
	}
	_ = w.Flush()
	return out.String()
}

// TestHTTPStatusOf keeps the status for callers that look closer.
func TestHTTPStatusOf(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	_, err := b.classOf(t.Context(), "none")
	if httpStatus(err) != http.StatusNotFound {
		t.Error(err)
	}
}
