package jenkins

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"opsbot/bot"
	fake "opsbot/test/fakes/jenkins"
)

func posts(b *bench, path string) (n int) {
	for _, c := range b.fake.Calls() {
		if c.Method == http.MethodPost && strings.Contains(c.Path, path) {
			n++
		}
	}
	return n
}

// TestMissingPlugin: Jenkins takes any source and drops what it does not know.
func TestMissingPlugin(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *Config) {
		c.Forges = []ForgeConfig{{Host: "git.example.com", Source: "gitea", Credentials: "gitea"}}
	}, fake.Without("gitea"))
	_, err := b.EnsureJob(t.Context(), spec("shop"))
	wantCode(t, err, bot.CodeUnsupported)
	if text := bot.MessageOf(err); !strings.Contains(text, "the plugin gitea") {
		t.Error(text)
	}
}

// TestUnreadableRepository: only the scan's log tells.
func TestUnreadableRepository(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	s := spec("shop")
	s.Source.URL = "http://git.example.com/foo-org/none.git"
	_, err := b.EnsureJob(t.Context(), s)
	wantCode(t, err, bot.CodeUnavailable)
	if text := bot.MessageOf(err); !strings.Contains(text, "fatal: repository 'http://git.example.com/foo-org/none.git/' not found") {
		t.Error(text)
	}
	// Once it is there, trying again scans again and leaves the job as it is.
	b.fake.AddRepo(s.Source.URL).Commit("main", &fake.Program{})
	if _, err := b.EnsureJob(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if n := posts(b, "createItem") + posts(b, "config.xml"); n != 1 {
		t.Errorf("%d changes of the job", n)
	}
}

// TestUpdateRebuildsNothing, be it ours or a save by Jenkins itself in between.
func TestUpdateRebuildsNothing(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	job := b.job(t, &fake.Program{})
	first := b.until(t, b.build(t, job, "main", "k1"), finished)
	b.fake.Save("shop")
	if _, err := b.EnsureJob(t.Context(), spec("shop")); err != nil {
		t.Fatal(err)
	}
	if n := posts(b, "config.xml"); n != 0 {
		t.Errorf("what means the same was written %d times", n)
	}
	other := b.service(t, func(c *Config) { c.KeepDays, c.Tags = 30, true })
	other.look = b.look
	if _, err := other.EnsureJob(t.Context(), spec("shop")); err != nil {
		t.Fatal(err)
	}
	config := b.fake.Config("shop")
	if n := posts(b, "config.xml"); n != 1 || !strings.Contains(config, "<daysToKeep>30<") || !strings.Contains(config, "folderViews") {
		t.Errorf("%d updates: %s", n, config)
	}
	list, err := b.Builds(t.Context(), job, "main", 10)
	if err != nil || len(list) != 1 || list[0].Ref != first.Ref {
		t.Errorf("builds %v (%v)", list, err)
	}
}

func TestForeignJob(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	b.job(t, &fake.Program{})
	s := spec("shop")
	s.ProjectID = "0190-other"
	_, err := b.EnsureJob(t.Context(), s)
	wantCode(t, err, bot.CodeConflict)
	if text := bot.MessageOf(err); !strings.Contains(text, b.fake.URL+"/job/shop") {
		t.Error(text)
	}
	if err := b.createItem(t.Context(), "", "theirs", "<flow-definition/>"); err != nil {
		t.Fatal(err)
	}
	s.Name = "theirs"
	if _, err = b.EnsureJob(t.Context(), s); bot.CodeOf(err) != bot.CodeConflict {
		t.Error(err)
	}
	wantCode(t, b.RemoveJob(t.Context(), bot.Job{ExternalID: "theirs"}), bot.CodeConflict)
}

// TestFolders are made on the way, once, and only folders serve.
func TestFolders(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *Config) { c.Folder = "ops" })
	b.repo.Commit("main", &fake.Program{})
	b.repo.Commit("feature/login", &fake.Program{})
	for _, name := range []string{"shop", "cart"} {
		s := spec(name)
		s.Folder = "web"
		job, err := b.EnsureJob(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		if want := "ops/web/" + name + "#op-1"; job.ExternalID != want || job.URL != b.fake.URL+"/job/ops/job/web/job/"+name {
			t.Errorf("%+v", job)
		}
		done := b.until(t, b.build(t, job, "feature/login", "k"), finished)
		if done.URL != job.URL+"/job/feature%252Flogin/1/" || done.Ref.Branch != "feature/login" {
			t.Errorf("%+v", done)
		}
	}
	if n := posts(b, "createItem"); n != 4 {
		t.Errorf("%d items made", n)
	}
	s := spec("x")
	s.Folder = "web/shop"
	_, err := b.EnsureJob(t.Context(), s)
	wantCode(t, err, bot.CodeConflict)
}

// TestPassword uses a crumb and the session that it was given to, and gets another
// one when Jenkins has forgotten it.
func TestPassword(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *Config) { c.Token, c.Password = c.Password, secret(t, "correct horse") })
	job := b.job(t, &fake.Program{})
	b.until(t, b.build(t, job, "main", "k1"), finished)
	b.fake.Restart(0, 0)
	b.until(t, b.build(t, job, "main", "k2"), finished)
	crumbs := 0
	for _, c := range b.fake.Calls() {
		if strings.HasPrefix(c.Path, "/crumbIssuer") {
			crumbs++
		}
	}
	if crumbs != 2 {
		t.Errorf("%d crumbs for two sessions", crumbs)
	}
}

// TestTokenNeedsNoCrumb.
func TestTokenNeedsNoCrumb(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	b.job(t, &fake.Program{})
	for _, c := range b.fake.Calls() {
		if strings.HasPrefix(c.Path, "/crumbIssuer") {
			t.Error("a crumb was asked for")
		}
	}
}

func TestRefusalsSayWhatIsMissing(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	b.fake.AddUser(fake.User{Name: "reader", Token: testToken, Without: []string{fake.ItemCreate, fake.ItemBuild}})
	reader := b.service(t, func(c *Config) { c.User = "reader" })
	_, err := reader.EnsureJob(t.Context(), spec("shop"))
	wantCode(t, err, bot.CodeForbidden)
	if text := bot.MessageOf(err); !strings.Contains(text, "user reader") || !strings.Contains(text, "Job/Create") {
		t.Error(text)
	}
	wrong := b.service(t, func(c *Config) { c.Token = secret(t, "no-such-token") })
	_, _, err = wrong.FindJob(t.Context(), spec("shop"))
	wantCode(t, err, bot.CodeUnauthenticated)
	if strings.Contains(err.Error(), "no-such-token") {
		t.Errorf("the token is in %v", err)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	for name, ok := range map[string]bool{
		"shop": true, "a(b)": true, "über": true, "a,b": true, "con": true, "-a": true, "": false, " ": false, "x ": false, " x": false, "a/b": false,
		"a%b": false, "a\tb": false, ".": false, "..": false, "abc.": false, "a|b": false, "a;b": false, strings.Repeat("n", 256): false,
	} {
		if err := b.CheckName(name); (err == nil) != ok || err != nil && bot.CodeOf(err) != bot.CodeInvalid {
			t.Errorf("%q: %v", name, err)
		}
		// What is called good, the server takes; what it would refuse is called bad.
		if err := b.createItem(t.Context(), "", name, "<flow-definition/>"); ok && err != nil {
			t.Errorf("%q is refused by Jenkins: %v", name, err)
		}
	}
}

func TestSources(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *Config) {
		c.Forges = []ForgeConfig{
			{Host: "ghe.example.com", Source: "github", Credentials: "ghe"},
			{Host: "gitea.example.com:3000", Source: "gitea"},
			{Host: "gitlab.com", Credentials: "gl", Server: "our-gitlab"},
			{Host: "git.example.com", Credentials: "ssh-key"},
		}
	})
	for url, want := range map[string][]string{
		"https://github.com/foo-org/shop.git":             {"GitHubSCMSource", "<repoOwner>foo-org<", "<repository>shop<", "<id>opsbot-0190-shop<"},
		"https://ghe.example.com/foo-org/shop":            {"GitHubSCMSource", "<apiUri>https://ghe.example.com/api/v3<", "<credentialsId>ghe<"},
		"http://gitea.example.com:3000/foo-org/shop.git":  {"GiteaSCMSource", "<serverUrl>http://gitea.example.com:3000<"},
		"https://gitlab.com/foo-org/web/shop.git":         {"GitLabSCMSource", "<projectPath>foo-org/web/shop<", "<projectOwner>foo-org/web<", "<serverName>our-gitlab<", "<credentialsId>gl<"},
		"https://git.example.com/foo-org/shop.git":        {"GitSCMSource", "<remote>https://git.example.com/foo-org/shop.git<", "<credentialsId>ssh-key<"},
		"https://elsewhere.example.com:8443/x/y/shop.git": {"GitSCMSource", "<credentialsId></credentialsId>"},
	} {
		s := spec("shop")
		s.Source.URL = url
		p, err := b.project(s)
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		text, err := p.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("%s has no %s:\n%s", url, w, text)
			}
		}
		if strings.Contains(text, "Fork") {
			t.Errorf("%s takes pull requests from forks", url)
		}
	}
	for _, bad := range []bot.CloneSource{{URL: "/srv/git/shop.git", Path: true}, {URL: "git@github.com:a/b.git"}, {URL: "https://u:p@github.com/a/b"}, {URL: "https://github.com/a"}} {
		s := spec("shop")
		s.Source = bad
		if _, err := b.project(s); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
	for days, want := range map[int]string{30: "{false 30 -1}", 0: "{false -1 -1}", -1: "{true -1 -1}"} {
		if got := fmt.Sprint(orphans(days)); got != want {
			t.Errorf("%d days: %s", days, got)
		}
	}
	if r := rescan(0); r.Spec != "" {
		t.Errorf("%+v", r)
	}
	if r := rescan(100 * time.Hour); r.Millis != 604800000 {
		t.Errorf("%+v", r)
	}
}

// TestMadeAnew: a job that is deleted and made again numbers its builds from 1 on
// again; nobody takes them for the old ones.
func TestMadeAnew(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	old := b.job(t, &fake.Program{})
	was := b.until(t, b.build(t, old, "main", "k"), finished)
	b.polled(t)
	if err := b.RemoveJob(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	s := spec("shop")
	s.ProjectID, s.Operation = "0190-new", "op-2"
	job, err := b.EnsureJob(t.Context(), s)
	if err != nil || job.ExternalID == old.ExternalID || job.URL != old.URL {
		t.Fatalf("%+v, %v", job, err)
	}
	now := b.until(t, b.build(t, job, "main", "k"), finished)
	if now.Ref.Number != 1 || now.Ref.Job == was.Ref.Job {
		t.Errorf("%+v", now.Ref)
	}
	if got := b.polled(t); len(got) != 2 || got[0].ExternalID != job.ExternalID {
		t.Errorf("%q", says(got))
	}
	for what, err := range map[string]error{
		"status": errOf(b.Status(t.Context(), was.Ref)), "build": errOf(b.Build(t.Context(), bot.BuildRequest{Job: old, Branch: "main", Key: "x"})),
		"builds": errOf(b.Builds(t.Context(), old, "main", 1)), "abort": b.Abort(t.Context(), was.Ref, "bob"), "log": errOf(b.ReadLog(t.Context(), bot.LogRef{Build: was.Ref}, 0)),
	} {
		if bot.CodeOf(err) != bot.CodeNotFound {
			t.Errorf("%s of the old one: %v", what, err)
		}
	}
	if err := b.RemoveJob(t.Context(), old); err != nil { // it is gone: success, and the new one stays
		t.Error(err)
	}
	if p, _, err := b.FindJob(t.Context(), s); p != bot.PresenceOurs || err != nil {
		t.Errorf("%s, %v", p, err)
	}
	// Deleted by Jenkins' admin and made again by another operation.
	if err := b.deleteJob(t.Context(), "shop"); err != nil {
		t.Fatal(err)
	}
	s.Operation = "op-3"
	if job, err = b.EnsureJob(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if got := b.until(t, b.build(t, job, "main", "k"), finished); got.Ref.Number != 1 {
		t.Errorf("%+v", got.Ref)
	}
}

func errOf[T any](_ T, err error) error { return err }

// TestFindSetsMemoryRight: what a process that ended in between has not remembered, or
// not forgotten, is caught up with when the job is looked for.
func TestFindSetsMemoryRight(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	job := b.job(t, &fake.Program{})
	polled := func(want int) {
		t.Helper()
		known, err := b.known(t.Context())
		if err != nil || len(known[""]) != want {
			t.Errorf("%+v is polled, %v; want %d jobs", known, err, want)
		}
	}
	if err := b.forgetJob(t.Context(), "shop"); err != nil { // as if it had never been remembered
		t.Fatal(err)
	}
	polled(0)
	if found, got, err := b.FindJob(t.Context(), spec("shop")); err != nil || found != bot.PresenceOurs || got.ExternalID != job.ExternalID {
		t.Errorf("%s %+v, %v", found, got, err)
	}
	polled(1)
	if err := b.deleteJob(t.Context(), "shop"); err != nil {
		t.Fatal(err)
	}
	other := spec("shop")
	other.ProjectID = "0190-other"
	for _, s := range []bot.JobSpec{other, spec("shop")} {
		if s.ProjectID != other.ProjectID {
			polled(1) // that nothing of another project is there says nothing of this one's
		}
		if found, _, err := b.FindJob(t.Context(), s); err != nil || found != bot.PresenceAbsent {
			t.Errorf("%s, %v", found, err)
		}
	}
	polled(0)
}

// TestForgottenIsNotTold: a round that was under way when its job was forgotten leaves
// nothing behind by which the next job of that name would be taken for known.
func TestForgottenIsNotTold(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	b.job(t, &fake.Program{})
	known, err := b.known(t.Context())
	if err != nil || len(known[""]) != 1 {
		t.Fatal(known, err)
	}
	looked := lookJSON{Name: "main", Next: 2, Builds: []buildJSON{{Number: 1, QueueID: 101}}}
	for _, forgotten := range []bool{false, true} {
		if forgotten {
			if err := b.forgetJob(t.Context(), "shop"); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := b.lookAt(t.Context(), known[""][0], looked, b.env.Clock.Now()); err != nil {
			t.Fatal(err)
		}
		if _, there, err := read[seenDoc](t.Context(), b.Service, kindSeen, "shop/main"); err != nil || there == forgotten {
			t.Errorf("forgotten %v: remembered %v, %v", forgotten, there, err)
		}
	}
}
