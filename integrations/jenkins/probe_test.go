package jenkins

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"opsbot/bot"
	fake "opsbot/test/fakes/jenkins"
)

// bad lists the subjects that are not well.
func bad(list []bot.Finding) []string {
	var out []string
	for _, f := range list {
		if !f.OK {
			out = append(out, f.Subject+": "+f.Text)
		}
	}
	return out
}

func TestProbe(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *Config) { c.Folder = "ops" })
	if got := bad(b.Probe(t.Context())); len(got) != 0 {
		t.Errorf("%q", got)
	}
	for what, c := range map[string]struct {
		change func(c *Config)
		want   string
	}{
		"token":  {func(c *Config) { c.Token = secret(t, "wrong-token") }, "login: Jenkins does not accept OpsBot's user opsbot"},
		"server": {func(c *Config) { c.URL = "http://127.0.0.1:1" }, "login: Jenkins cannot be reached."},
		"plugin": {func(c *Config) { c.Forges = []ForgeConfig{{Host: "x", Source: "gitea"}} }, "plugin gitea: is not installed"},
	} {
		other := setup(t, c.change, fake.Without("gitea"))
		if got := bad(other.Probe(t.Context())); len(got) != 1 || !strings.HasPrefix(got[0], c.want) {
			t.Errorf("%s: %q", what, got)
		}
	}
	b.fake.QuietDown(true)
	b.fake.AddUser(fake.User{Name: "opsbot", Token: testToken, Without: []string{"hudson.model.Hudson.SystemRead"}})
	if got := bad(b.Probe(t.Context())); len(got) != 1 || !strings.HasPrefix(got[0], "queue: ") {
		t.Errorf("%q", got)
	}
	b.env.Clock = late{}
	if got := bad(b.Probe(t.Context())); len(got) != 2 || !strings.Contains(got[0], "clocks") {
		t.Errorf("%q", got)
	}
	if err := b.createItem(t.Context(), "", "ops", "<flow-definition/>"); err != nil {
		t.Fatal(err)
	}
	if got := bad(b.Probe(t.Context())); !slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, "ops is no folder") }) {
		t.Errorf("%q", got)
	}
}

// late is a clock an hour off.
type late struct{ bot.SystemClock }

func (late) Now() time.Time { return time.Now().UTC().Add(time.Hour) }

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	good := Config{PollMin: time.Second, PollMax: time.Minute, ScanTimeout: time.Second, Branches: true, Token: secret(t, "x")}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for field, change := range map[string]func(c *Config){
		"token":          func(c *Config) { c.Password = c.Token },
		"poll_min":       func(c *Config) { c.PollMin = 1 },
		"poll_max":       func(c *Config) { c.PollMax = time.Millisecond },
		"scan_timeout":   func(c *Config) { c.ScanTimeout = 0 },
		"branches":       func(c *Config) { c.Branches = false },
		"folder":         func(c *Config) { c.Folder = "a//b" },
		"forges[1].host": func(c *Config) { c.Forges = []ForgeConfig{{Host: "x"}, {Host: "X"}} },
	} {
		c := good
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// TestBelowAPath: a Jenkins need not be at its host's root, and people may find it
// elsewhere than OpsBot does.
func TestBelowAPath(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	to, err := url.Parse(b.fake.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(http.StripPrefix("/ci", &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}))
	t.Cleanup(proxy.Close)
	b.Service = b.service(t, func(c *Config) { c.URL, c.LinkURL = proxy.URL+"/ci/", "https://ci.example.com/ci/" })
	job := b.job(t, &fake.Program{Lines: []string{"hello"}})
	if job.URL != "https://ci.example.com/ci/job/shop" {
		t.Error(job.URL)
	}
	b.repo.Commit("feature/a b", &fake.Program{})
	got := b.until(t, b.build(t, job, "feature/a b", "k"), finished)
	if got.URL != job.URL+"/job/feature%252Fa%20b/1/" || !strings.Contains(readLog(t, b, got.Ref, 0), "Finished: SUCCESS") {
		t.Errorf("%+v", got)
	}
}

// TestOddBranch: Jenkins encodes a name otherwise than we think.
func TestOddBranch(t *testing.T) {
	t.Parallel()
	b := setup(t, nil, fake.Encode(func(branch string) string { return strings.ReplaceAll(branch, `"`, "%22") }))
	job := b.job(t, &fake.Program{})
	b.repo.Commit(`say"hi"`, &fake.Program{Waits: true})
	ref := b.until(t, b.build(t, job, `say"hi"`, "k"), running).Ref
	b.Service = b.service(t, nil) // which knows no names yet
	if text := readLog(t, b, ref, 0); !strings.Contains(text, "[Pipeline] node") {
		t.Error(text)
	}
	if err := b.Abort(t.Context(), ref, "carol"); err != nil {
		t.Fatal(err)
	}
	if got := b.until(t, ref, finished); got.Result != bot.ResultAborted {
		t.Errorf("%+v", got)
	}
}

// texts are the findings of a subject.
func texts(list []bot.Finding, subject string) []string {
	var out []string
	for _, f := range list {
		if f.Subject == subject {
			out = append(out, f.Text)
		}
	}
	return out
}

// TestProbePermissions names what is lacking, and what is needed in any case.
func TestProbePermissions(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	b.job(t, &fake.Program{})
	if got := texts(b.Probe(t.Context()), "permissions"); len(got) != 1 || !strings.Contains(got[0], "Job/Cancel") {
		t.Errorf("%q", got)
	}
	b.fake.AddUser(fake.User{Name: "opsbot", Token: testToken, Without: []string{fake.ItemCreate, fake.ItemConfigure}})
	got := texts(b.Probe(t.Context()), "permissions")
	if len(got) != 2 || !strings.Contains(got[0], "lacks Job/Create") || !strings.Contains(got[1], "lacks Job/Configure") {
		t.Errorf("%q", got)
	}
}

// TestProbePlugins names the versions, and what is missing without the useful ones.
func TestProbePlugins(t *testing.T) {
	t.Parallel()
	b := setup(t, nil, fake.Without("pipeline-rest-api", "junit"))
	list := b.Probe(t.Context())
	for subject, want := range map[string]string{
		"plugin workflow-multibranch": "1.0", "plugin git": "1.0", "plugin cloudbees-folder": "1.0",
		"plugin pipeline-rest-api": "is not there: stages are read from the log", "plugin junit": "is not there: tests are not counted",
	} {
		if got := texts(list, subject); len(got) != 1 || !strings.HasPrefix(got[0], want) {
			t.Errorf("%s: %q", subject, got)
		}
	}
	if got := bad(list); len(got) != 0 {
		t.Errorf("%q", got)
	}
	b.fake.AddUser(fake.User{Name: "opsbot", Token: testToken, Without: []string{"hudson.model.Hudson.SystemRead"}})
	if got := texts(b.Probe(t.Context()), "plugins"); len(got) != 1 || !strings.Contains(got[0], "workflow-multibranch, workflow-job, git;") {
		t.Errorf("%q", got)
	}
}

// TestProbeDeploy tries the jobs that deploy.
func TestProbeDeploy(t *testing.T) {
	t.Parallel()
	b := deployBench(t, func(c *Config) {
		c.Deploy.RollbackJob = "{{.Project}}-back"
		c.Deploy.Environments = map[string]DeployOverride{"production": {Job: "none", Parameters: map[string]string{"EXTRA": "1"}}}
	})
	list := b.Probe(t.Context())
	for subject, want := range map[string]string{
		"deploy job team/deploy": "can be run", "deploy job team/remove": "can be run", "deploy job {{.Project}}-back": "is looked for", "deploy job none": "Jenkins has no job none",
	} {
		if got := texts(list, subject); len(got) == 0 || !strings.HasPrefix(got[0], want) {
			t.Errorf("%s: %q", subject, got)
		}
	}
	if got := bad(list); len(got) != 2 || !strings.Contains(strings.Join(got, " "), "lacks the parameters EXTRA") {
		t.Errorf("%q", got)
	}
	if got := texts(list, "deploy parameters"); got != nil {
		t.Errorf("%q", got)
	}
	delete(b.config.Deploy.Parameters, "DEPLOYMENT")
	if got := texts(b.Probe(t.Context()), "deploy parameters"); len(got) != 1 {
		t.Errorf("%q", got)
	}
}

// TestProbeHooks lists the projects' own addresses.
func TestProbeHooks(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	b.job(t, &fake.Program{})
	got := texts(b.Probe(t.Context()), "notifications of shop")
	if len(got) != 1 || got[0] != b.HookURL(t.Context(), "0190-shop") {
		t.Errorf("%q", got)
	}
}
