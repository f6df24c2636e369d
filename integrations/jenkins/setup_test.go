package jenkins

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/bot/config"
	"opsbot/bot/store"
	"opsbot/bot/store/storetest"
	fake "opsbot/test/fakes/jenkins"
)

const (
	testToken  = "11f2d1e5a7c94b0e8d3c6a5b4f7e8d9c0a"
	testSecret = "q8Zr2LmX7vTn4KpW9sBd6Y"
	repoURL    = "http://git.example.com/foo-org/shop.git"
)

// section is a decoded configuration.
type section Config

func (c section) Decode(into any) error {
	*into.(*Config) = Config(c)
	return into.(*Config).Validate()
}

func secret(t *testing.T, value string) config.Secret {
	t.Helper()
	s, err := config.NewSecret("env:VALUE", func(string) (string, bool) { return value, true })
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// bench is an instance beside a fake Jenkins.
type bench struct {
	*Service
	fake *fake.Server
	repo *fake.Repo
	work *store.Store
}

// setup makes one; change may change the configuration.
func setup(t *testing.T, change func(c *Config), opts ...fake.Option) *bench {
	t.Helper()
	f := fake.New(t, append([]fake.Option{fake.Quiet(time.Second)}, opts...)...)
	f.AddUser(fake.User{Name: "opsbot", Token: testToken, Password: "correct horse"})
	b := &bench{fake: f, repo: f.AddRepo(repoURL), work: storetest.Open(t)}
	b.Service = b.service(t, change)
	return b
}

// service makes another instance on the same store.
func (b *bench) service(t *testing.T, change func(c *Config)) *Service {
	t.Helper()
	c := Config{
		URL: b.fake.URL, User: "opsbot", Token: secret(t, testToken), Jenkinsfile: "Jenkinsfile", Branches: true, PullRequests: true,
		KeepDays: 7, Rescan: time.Hour, ScanOnPush: true, PollMin: 100 * time.Millisecond, PollMax: time.Second,
		ScanTimeout: 10 * time.Second, WebhookSecret: secret(t, testSecret),
	}
	if change != nil {
		change(&c)
	}
	s, err := New(bot.IntegrationEnv{
		Name: "jenkins", Config: section(c), Clock: bot.SystemClock{}, Log: slog.New(slog.DiscardHandler),
		Work: b.work, Waker: b.work, Owner: "node1:1", PublicURL: "https://ops.example.com",
	})
	if err != nil {
		t.Fatal(err)
	}
	s.look = 5 * time.Millisecond
	return s
}

func spec(name string) bot.JobSpec {
	return bot.JobSpec{ProjectID: "0190-" + name, Name: name, Branch: "main", Operation: "op-1", Source: bot.CloneSource{URL: repoURL}}
}

// job makes the job shop over a main branch that does p.
func (b *bench) job(t *testing.T, p *fake.Program) bot.Job {
	t.Helper()
	b.repo.Commit("main", p)
	job, err := b.EnsureJob(t.Context(), spec("shop"))
	if err != nil {
		t.Fatal(err)
	}
	return job
}

func (b *bench) build(t *testing.T, job bot.Job, branch, key string) bot.BuildRef {
	t.Helper()
	ref, err := b.Build(t.Context(), bot.BuildRequest{Job: job, Branch: branch, Key: key, By: "alice"})
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// until looks at a build until it is as wanted.
func (b *bench) until(t *testing.T, ref bot.BuildRef, ok func(bot.Build) bool) bot.Build {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		got, err := b.Status(ctx, ref)
		if err != nil {
			t.Fatal(err)
		}
		if ok(got) {
			return got
		}
		if !b.pause(ctx, 5*time.Millisecond) {
			t.Fatalf("the build is %+v", got)
		}
	}
}

func finished(b bot.Build) bool { return b.State == bot.BuildFinished }

func running(b bot.Build) bool { return b.State == bot.BuildRunning }

func wantCode(t *testing.T, err error, code bot.Code) {
	t.Helper()
	if bot.CodeOf(err) != code {
		t.Errorf("error %v, want %s", err, code)
	}
}
