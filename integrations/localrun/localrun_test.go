package localrun

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"opsbot/bot"
)

func TestFirstDeploymentAnswers(t *testing.T) {
	t.Parallel()
	b := setup(t)
	req := b.request("1.0", "good")
	plan, err := b.Plan(t.Context(), req)
	if err != nil || plan.URL != "http://shop.staging.localhost:8081/" || plan.Strategy != "first start" {
		t.Errorf("plan is %+v, %v", plan, err)
	}
	if _, err := b.Observe(t.Context(), req); bot.CodeOf(err) != bot.CodeNotFound {
		t.Errorf("observing what was never applied: %v", err)
	}
	got := b.deploy("1.0", "good", bot.DeploymentSucceeded)
	if got.URL != plan.URL || strings.Join(got.Steps, " ") != "StartInstance SwitchTraffic" {
		t.Errorf("observed %+v", got)
	}
	b.answers("1.0")
	want := "service.progressed  d2 c-1.0\nservice.progressed  d2 c-1.0\nservice.deployed v-1.0 d2 c-1.0"
	if got := b.told(); got != want {
		t.Errorf("told\n%s\nwant\n%s", got, want)
	}
	if log := b.log(); !strings.Contains(log, "hello from 1.0 good\n") {
		t.Errorf("log is %q", log)
	}
	if code, _ := b.getHost("other.staging.localhost"); code != http.StatusNotFound {
		t.Errorf("an unknown host answers %d", code)
	}
}

func (b *bench) getHost(host string) (int, error) {
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, b.front.URL, nil)
	if err != nil {
		return 0, err
	}
	req.Host = host
	res, err := b.front.Client().Do(req)
	if err != nil {
		return 0, err
	}
	return res.StatusCode, res.Body.Close()
}

func TestUpgradeUnderLoadLosesNoRequest(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.deploy("1.0", "good", bot.DeploymentSucceeded)
	stop := make(chan struct{})
	var clients sync.WaitGroup
	for range 10 {
		clients.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					if n < 10 {
						t.Errorf("a client got only %d answers", n)
					}
					return
				default:
				}
				if code, body := b.get("/"); code != http.StatusOK || !strings.HasPrefix(body, "1.") {
					t.Errorf("a client got %d %q", code, body)
					return
				}
			}
		})
	}
	for _, label := range []string{"1.1", "1.2", "1.3"} {
		b.deploy(label, "good", bot.DeploymentSucceeded)
		b.answers(label)
	}
	close(stop)
	clients.Wait()
	if got := b.told(); !strings.HasSuffix(got, "service.upgraded v-1.3 d4 c-1.3") {
		t.Errorf("told\n%s", got)
	}
}

func TestBadVersionsLeaveWhatRan(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *Config) { c.StartTimeout = 500 * time.Millisecond })
	got := b.deploy("0.9", "never", bot.DeploymentFailed)
	if code, _ := b.get("/"); code != http.StatusServiceUnavailable {
		t.Errorf("an app without a good version answers %d", code)
	}
	if !strings.Contains(got.Message, "did not get healthy within 500ms: GET /healthz answered 503") {
		t.Errorf("message is %q", got.Message)
	}
	b.deploy("1.0", "good", bot.DeploymentSucceeded)
	for _, c := range []struct {
		label, mode string
		state       bot.DeploymentState
		said        string
	}{
		{"2.0", "never", bot.DeploymentFailed, "did not get healthy"},
		{"2.1", "dies", bot.DeploymentFailed, "it ended with status 3; the last line of its log: no database here"},
		{"2.2", "sickens", bot.DeploymentRolledBack, "it did not stay healthy: GET /healthz answered 503"},
	} {
		if got := b.deploy(c.label, c.mode, c.state); !strings.Contains(got.Message, c.said) {
			t.Errorf("%s: message is %q, want %q", c.label, got.Message, c.said)
		}
		b.answers("1.0")
	}
	told := b.told()
	for _, want := range []string{"service.failed  d1 c-0.9", "service.failed v-1.0 d4 c-2.1", "service.rolledback v-1.0 d5 c-2.2"} {
		if !strings.Contains(told, want) {
			t.Errorf("not told: %s\n%s", want, told)
		}
	}
	a, err := b.loadApp(t.Context(), "p1/staging")
	if err != nil || a.Desired.Label != "1.0" || a.Observed != "v-1.0" || a.Pending != "" {
		t.Errorf("the app's state is %+v, %v", a, err)
	}
}

func TestDeploymentIsIdempotentAndAlone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	slow := b.request("1.0", "never")
	b.apply(slow)
	b.apply(slow)
	if _, err := b.Apply(t.Context(), b.request("1.1", "good")); bot.CodeOf(err) != bot.CodeConflict {
		t.Errorf("a second deployment at once: %v", err)
	} else if retry, _ := bot.RetryOf(err); retry != bot.RetryBackoff {
		t.Error("a second deployment is not tried again")
	}
	b.await("the instance", func() bool { return strings.Contains(b.log(), "hello from 1.0") })
	if err := b.Remove(t.Context(), project(), "staging"); err != nil {
		t.Fatal(err)
	}
	if pids := b.pids(); len(pids) > 0 {
		t.Errorf("the instances %q of a removed app run", pids)
	}
	if got, err := b.Observe(t.Context(), slow); err != nil || got.State != bot.DeploymentSuperseded {
		t.Errorf("a deployment of a removed app is %+v, %v", got, err)
	}
	b.deploy("1.2", "good", bot.DeploymentSucceeded)
	b.answers("1.2")
}

func TestRestartBringsBackAndContinues(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.deploy("1.0", "good", bot.DeploymentSucceeded)
	b.stop()
	// The next one is watched for so long that its process ends before it is over.
	b.boot("node:2", func(c *Config) { c.Watch = time.Hour })
	interrupted := b.request("1.1", "good")
	b.apply(interrupted)
	b.await("the watch", func() bool {
		got, err := b.Observe(t.Context(), interrupted)
		return err == nil && got.State == bot.DeploymentWatching
	})
	pids := b.pids()
	if len(pids) != 2 {
		t.Errorf("%d instances run while the new one is watched", len(pids))
	}
	b.stop()
	for _, pid := range pids {
		if _, err := os.Stat("/proc/" + pid); err == nil {
			t.Errorf("the app's process %s survived its deployer", pid)
		}
	}
	b.boot("node:3")
	if got := b.end(interrupted); got.State != bot.DeploymentSucceeded {
		t.Errorf("the interrupted deployment is %+v", got)
	}
	b.answers("1.1")
	told := b.told()
	if n := strings.Count(told, "service.upgraded v-1.1 d2"); n != 1 || strings.Count(told, " d2 ") != 3 {
		t.Errorf("told of the interrupted deployment:\n%s", told)
	}
	b.stop()
	b.boot("node:4")
	b.await("the app after a restart", func() bool { code, body := b.get("/"); return code == 200 && body == "1.1" })
}

// pids are the outermost processes of the running instances.
func (b *bench) pids() (pids []string) {
	b.t.Helper()
	records, err := filepath.Glob(filepath.Join(b.env.RunDir, "*.json"))
	if err != nil {
		b.t.Fatal(err)
	}
	for _, r := range records {
		data, err := os.ReadFile(r)
		if err != nil {
			b.t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(data), `"PID":`)
		pid, _, _ := strings.Cut(rest, ",")
		pids = append(pids, pid)
	}
	return pids
}

// pid is the one that runs.
func (b *bench) pid() string {
	b.t.Helper()
	pids := b.pids()
	if len(pids) != 1 {
		b.t.Fatalf("the instances %q run", pids)
	}
	return pids[0]
}

func TestDeadAppIsStartedAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.deploy("1.0", "good", bot.DeploymentSucceeded)
	before := b.pid()
	b.get("/die")
	b.await("the app again", func() bool { code, body := b.get("/"); return code == 200 && body == "1.0" })
	if after := b.pid(); after == before {
		t.Error("the app's process is the same")
	}
	var told []string
	b.await("the news", func() bool {
		told = nil
		for _, e := range b.events() {
			if e.Health != "" && e.DeploymentID == "" {
				told = append(told, string(e.Type)+" "+e.Health+" "+e.VersionID+" "+e.Commit+" "+e.Text)
			}
		}
		return len(told) >= 2
	})
	want := []string{
		"incident.detected unhealthy  c-1.0 it ended with status 9; the last line of its log: hello from 1.0 good",
		"incident.resolved healthy v-1.0 c-1.0 ",
	}
	if !slices.Equal(told, want) {
		t.Errorf("told\n%q, want\n%q", told, want)
	}
}

func TestHealthIsToldWhenItChanges(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		before, after string
		want          bot.EventType
	}{
		{"", "unhealthy", ""},
		{"healthy", "healthy", ""},
		{"unhealthy", "unhealthy", ""},
		{"healthy", "unhealthy", bot.EventIncidentDetected},
		{"stopped", "unhealthy", bot.EventIncidentDetected},
		{"unhealthy", "healthy", bot.EventIncidentResolved},
		{"stopped", "healthy", bot.EventIncidentResolved}, // rolled back to what then came up again
	} {
		if got := told(c.before, c.after); got != c.want {
			t.Errorf("from %q to %q: %q, want %q", c.before, c.after, got, c.want)
		}
	}
}

func TestRemoveLeavesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.deploy("1.0", "good", bot.DeploymentSucceeded)
	pid := b.pid()
	for range 2 { // absent is success
		if err := b.Remove(t.Context(), project(), "staging"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat("/proc/" + pid); err == nil {
		t.Error("the app's process is still there")
	}
	if code, _ := b.get("/"); code != http.StatusNotFound {
		t.Errorf("the removed app answers %d", code)
	}
	for _, dir := range []string{"versions/*", "logs/p1/staging"} {
		if left, _ := filepath.Glob(filepath.Join(b.env.Dir, dir)); len(left) > 0 {
			t.Errorf("left on disk: %q", left)
		}
	}
	if told := b.told(); !strings.HasSuffix(told, "service.removed   c-1.0") {
		t.Errorf("told\n%q", told)
	}
	if _, err := b.ReadLog(t.Context(), bot.LogRef{ProjectID: "p1", Environment: "staging"}, 0); bot.CodeOf(err) != bot.CodeNotFound {
		t.Errorf("the log of a removed app: %v", err)
	}
}

func (b *bench) blob(content []byte) string {
	b.t.Helper()
	digest, _, err := b.env.Blobs.Put(b.t.Context(), bytes.NewReader(content))
	if err != nil {
		b.t.Fatal(err)
	}
	return digest
}

func TestStaticSitesAreServed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var archive bytes.Buffer
	z := gzip.NewWriter(&archive)
	w := tar.NewWriter(z)
	for name, text := range map[string]string{"public/index.html": "<h1>one</h1>", "secret.txt": "not public"} {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(text)), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write([]byte(text))
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	req := b.request("1.0", "")
	req.Version.Artifacts = []bot.Artifact{{Kind: bot.ArtifactArchive, Name: "site.tar.gz", Digest: b.blob(archive.Bytes())}}
	req.Version.Spec = bot.RunSpec{Artifact: "site.tar.gz", Static: "public", PortEnv: "PORT", Health: "/"}
	b.apply(req)
	if got := b.end(req); got.State != bot.DeploymentSucceeded {
		t.Fatalf("%+v\n%s", got, b.log())
	}
	b.answers("<h1>one</h1>")
	if code, body := b.get("/../secret.txt"); strings.Contains(body, "not public") {
		t.Errorf("outside of the site: %d %q", code, body)
	}
	// A folder of files instead of an archive, with the whole of it served.
	req = b.request("1.1", "")
	req.Version.Artifacts = []bot.Artifact{
		{Kind: bot.ArtifactArchive, Name: "dist/index.html", Digest: b.blob([]byte("two"))},
		{Kind: bot.ArtifactArchive, Name: "dist/css/site.css", Digest: b.blob([]byte("css"))},
		{Kind: bot.ArtifactArchive, Name: "distant", Digest: b.blob([]byte("no"))},
	}
	req.Version.Spec = bot.RunSpec{Artifact: "dist", Static: ".", PortEnv: "PORT", Health: "/"}
	b.apply(req)
	if got := b.end(req); got.State != bot.DeploymentSucceeded {
		t.Fatalf("%+v\n%s", got, b.log())
	}
	b.answers("two")
	if code, body := b.get("/css/site.css"); code != http.StatusOK || body != "css" {
		t.Errorf("a file in a folder: %d %q", code, body)
	}
	if code, _ := b.get("/distant"); code != http.StatusNotFound {
		t.Errorf("a file beside the folder: %d", code)
	}
}

func TestFilesOfAnEarlierBootAreLaidOutAnew(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.deploy("1.0", "good", bot.DeploymentSucceeded)
	b.stop()
	dirs, _ := filepath.Glob(filepath.Join(b.env.Dir, "versions", "*"))
	if len(dirs) != 1 {
		t.Fatalf("version folders are %q", dirs)
	}
	// A power cut left the folder of the boot before with an empty file.
	base, _, _ := strings.Cut(dirs[0], "-")
	if err := errors.Join(os.Rename(dirs[0], base+"-00000000"), os.Truncate(base+"-00000000/app", 0)); err != nil {
		t.Fatal(err)
	}
	b.boot("node:2")
	b.await("the app", func() bool { code, body := b.get("/"); return code == 200 && body == "1.0" })
	if dirs, _ = filepath.Glob(filepath.Join(b.env.Dir, "versions", "*")); len(dirs) != 1 {
		t.Errorf("version folders are %q", dirs)
	}
}

func TestOldVersionsLeaveTheDisk(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *Config) { c.Keep = 2; c.Watch = time.Millisecond })
	for _, label := range []string{"1", "2", "3", "4"} {
		req := b.request(label, "")
		req.Version.Artifacts = []bot.Artifact{{Kind: bot.ArtifactArchive, Name: "index.html", Digest: b.blob([]byte(label))}}
		req.Version.Spec = bot.RunSpec{Artifact: "index.html", Static: ".", PortEnv: "PORT", Health: "/"}
		b.apply(req)
		if got := b.end(req); got.State != bot.DeploymentSucceeded {
			t.Fatalf("%+v", got)
		}
		b.answers(label)
	}
	b.await("only two versions on disk", func() bool {
		left, _ := filepath.Glob(filepath.Join(b.env.Dir, "versions", "*"))
		return len(left) == 2
	})
}

func TestWhatCannotRunIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, c := range map[string]struct {
		change func(*bot.Version)
		said   string
	}{
		"no spec":     {func(v *bot.Version) { v.Spec = bot.RunSpec{} }, "does not say what to run"},
		"no artifact": {func(v *bot.Version) { v.Artifacts = nil }, `no artifact named "dist/app"`},
		"an image":    {func(v *bot.Version) { v.Artifacts[0].Kind = bot.ArtifactImage }, `no artifact named "dist/app"`},
	} {
		req := b.request("1.0", "good")
		c.change(&req.Version)
		if _, err := b.Apply(t.Context(), req); bot.CodeOf(err) != bot.CodeInvalid || !strings.Contains(bot.MessageOf(err), c.said) {
			t.Errorf("%s: %v", name, err)
		}
	}
	lost := b.request("1.1", "good")
	lost.Version.Artifacts = []bot.Artifact{{Kind: bot.ArtifactArchive, Name: "dist/app", Digest: "sha256:" + strings.Repeat("0", 64)}}
	b.apply(lost)
	if got := b.end(lost); got.State != bot.DeploymentFailed || got.Message == "" {
		t.Errorf("an artifact that is gone: %+v", got)
	}
	missing := b.request("1.2", "good")
	missing.Version.Spec.Run = []string{"./nothing"}
	b.apply(missing)
	if got := b.end(missing); got.State != bot.DeploymentFailed || !strings.Contains(got.Message, "nothing") {
		t.Errorf("a program that is not there: %+v", got)
	}
	for _, ref := range []bot.LogRef{{ProjectID: "..", Environment: "staging"}, {ProjectID: "p1"}, {ProjectID: "p1/x", Environment: "a"}} {
		if _, err := b.ReadLog(t.Context(), ref, 0); bot.CodeOf(err) != bot.CodeInvalid {
			t.Errorf("log of %+v: %v", ref, err)
		}
	}
}

// A full disk is not the version's failure: the deployment goes on once there is space.
func TestDeploymentWaitsForSpace(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.full.Store(true)
	req := b.request("1.0", "good")
	b.apply(req)
	b.await("the reason that it waits", func() bool {
		got, err := b.Observe(t.Context(), req)
		if err != nil || got.State.Final() {
			t.Fatalf("on a full disk: %+v, %v", got, err)
		}
		return strings.Contains(got.Message, "Waiting for disk space. Free some in "+b.env.Dir)
	})
	b.full.Store(false)
	if got := b.end(req); got.State != bot.DeploymentSucceeded || got.Message != "" {
		t.Errorf("with space: %+v", got)
	}
}

func TestAnotherNodesAppsAreLeftAlone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.deploy("1.0", "good", bot.DeploymentSucceeded)
	first := b.stop
	b.t.Cleanup(first)
	b.boot("elsewhere:1")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := b.awaitLease(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the lease of a living node was taken: %v", err)
	}
	if code, _ := b.get("/"); code != http.StatusNotFound {
		t.Errorf("a node without the lease answers %d", code)
	}
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]Config{
		"keep": {Keep: 1}, "drain": {Drain: -1}, "log_limit": {LogLimit: 1}, "memory": {Memory: -1},
	} {
		if err := c.complete(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var c Config
	if err := c.complete(); err != nil || c.Domain != "localhost" || c.Watch != 5*time.Second {
		t.Errorf("%+v, %v", c, err)
	}
}
