package templates_test

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// shellLines are the scripts of the sh steps of a rendered Jenkinsfile, in
// order. The pipeline's own grammar lives elsewhere; these files are simple.
func shellLines(t *testing.T, dir string) []string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "Jenkinsfile"))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, m := range regexp.MustCompile(`(?ms)^\s*sh (?:'''(.*?)'''|'([^'\n]*)')$`).FindAllStringSubmatch(string(data), -1) {
		out = append(out, m[1]+m[2])
	}
	if len(out) < 2 {
		t.Fatalf("the Jenkinsfile has only %d sh steps", len(out))
	}
	return out
}

// shell runs a script as the pipeline does, with the variables that a CI sets.
func shell(t *testing.T, dir, script string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-xec", script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(),
		"BUILD_NUMBER=7", "GIT_COMMIT=3f2c1ab0000000000000000000000000000000ff",
		"GOFLAGS=-mod=mod -buildvcs=false", "GOTOOLCHAIN=local", "GOPROXY=off")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func pipeline(t *testing.T, dir string) {
	t.Helper()
	for _, script := range shellLines(t, dir) {
		if out, err := shell(t, dir, script); err != nil {
			t.Fatalf("%s: %v\n%s", script, err, out)
		}
	}
}

// failures reads a JUnit report: how many test cases it has, and how many failed.
func failures(t *testing.T, file string) (cases, failed int) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	d := xml.NewDecoder(bytes.NewReader(data))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return cases, failed
		}
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		start, _ := token.(xml.StartElement)
		switch start.Name.Local {
		case "testcase":
			cases++
		case "failure":
			failed++
		}
	}
}

// unpack opens an artifact and lists its files.
func unpack(t *testing.T, file, dir string) []string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		name := filepath.Clean(h.Name)
		names = append(names, name)
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, h.FileInfo().Mode()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestStaticSitePipeline(t *testing.T) {
	t.Parallel()
	for _, fixture := range []string{"default", "awkward"} {
		dir := project(t.Context(), t, "static-site", fixture)
		pipeline(t, dir)
		if cases, failed := failures(t, filepath.Join(dir, "reports", "site.xml")); cases < 10 || failed != 0 {
			t.Errorf("%s: %d checks, %d failed", fixture, cases, failed)
		}
		name := map[string]string{"default": "hello-world", "awkward": "a1b-2c"}[fixture]
		site := t.TempDir()
		names := unpack(t, filepath.Join(dir, "dist", name+".tar.gz"), site)
		for _, want := range []string{"index.html", "404.html", "style.css"} {
			if !slices.Contains(names, want) {
				t.Errorf("%s: the artifact lacks %s: %v", fixture, want, names)
			}
		}
		page, err := os.ReadFile(filepath.Join(site, "index.html"))
		if err != nil || !strings.Contains(string(page), "<code>0.1.0-7-g3f2c1ab</code>") {
			t.Errorf("%s: the page is not stamped (%v)", fixture, err)
		}
	}
}

// TestStaticSiteChecksFail breaks a site in every way that its own test must see.
func TestStaticSiteChecksFail(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, file, old, new, want string }{
		{"dead link", "public/index.html", `href="style.css"`, `href="no&amp;.css?v=1#x"`, "leads nowhere"},
		{"dead absolute link", "public/404.html", `href="/"`, `href="/gone/"`, "link /gone/ leads nowhere"},
		{"no title", "public/index.html", "<title>", "<title><!-- -->", "no <title>"},
		{"no language", "public/404.html", ` lang="en"`, "", "no lang"},
		{"not stamped", "scripts/build.sh", "s/@VERSION@/", "s/@NOTHING@/", "@VERSION@ was not replaced"},
	} {
		dir := project(t.Context(), t, "static-site", "default")
		file := filepath.Join(dir, tc.file)
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		broken := strings.Replace(string(data), tc.old, tc.new, 1)
		if broken == string(data) {
			t.Fatalf("%s: nothing to break", tc.name)
		}
		if err := os.WriteFile(file, []byte(broken), 0o700); err != nil {
			t.Fatal(err)
		}
		if out, err := shell(t, dir, "./scripts/build.sh"); err != nil {
			t.Fatalf("%s: %v\n%s", tc.name, err, out)
		}
		out, err := shell(t, dir, "./scripts/check.sh")
		if err == nil || !strings.Contains(out, tc.want) {
			t.Errorf("%s: %v\n%s", tc.name, err, out)
		}
		if _, failed := failures(t, filepath.Join(dir, "reports", "site.xml")); failed == 0 {
			t.Errorf("%s: the report has no failure", tc.name)
		}
	}
}

// TestGoServicePipeline does all that a pipeline and a deployer do: the steps of
// the Jenkinsfile, then the artifact is unpacked, started, asked and stopped.
func TestGoServicePipeline(t *testing.T) {
	t.Parallel()
	dir := project(t.Context(), t, "go-service", "awkward")
	pipeline(t, dir)
	if cases, failed := failures(t, filepath.Join(dir, "reports", "go.xml")); cases < 8 || failed != 0 {
		t.Errorf("%d tests, %d failed", cases, failed)
	}
	app := t.TempDir()
	if names := unpack(t, filepath.Join(dir, "dist", "a1b-2c.tar.gz"), app); !slices.Equal(names, []string{"a1b-2c"}) {
		t.Fatalf("the artifact holds %v", names)
	}

	cmd := exec.CommandContext(t.Context(), "./a1b-2c")
	cmd.Dir = app
	cmd.Env = []string{"PORT=0"}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	log := bufio.NewScanner(stdout)
	log.Scan()
	var line struct{ Address, Version string }
	if err := json.Unmarshal(log.Bytes(), &line); err != nil {
		t.Fatalf("first line %q: %v", log.Text(), err)
	}
	if line.Version != "0.1.0-7-g3f2c1ab" {
		t.Errorf("version is %q", line.Version)
	}
	ask(t, "http://127.0.0.1:"+line.Address[strings.LastIndexByte(line.Address, ':')+1:])
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	var last string
	for log.Scan() {
		last = log.Text()
	}
	if err := cmd.Wait(); err != nil || !strings.Contains(last, `"msg":"stopped"`) {
		t.Errorf("stop: %v, last line %s", err, last)
	}
}

// ask asks the service at url for all its paths but those that it does not have.
func ask(t *testing.T, url string, without ...string) {
	t.Helper()
	client := &http.Client{Timeout: 10 * time.Second}
	for path, want := range map[string]string{
		"/": `"version":"0.1.0-7-g3f2c1ab"`, "/healthz": "ok", "/readyz": "ready",
		"/metrics": `build_info{version="0.1.0-7-g3f2c1ab"`,
	} {
		if slices.Contains(without, path) {
			continue
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || res.StatusCode != http.StatusOK || !strings.Contains(string(body), want) {
			t.Errorf("%s: status %d, body %q, %v", path, res.StatusCode, body, err)
		}
	}
}

// TestGoServiceTestStageFails makes sure that a failing test, a test that
// doesn't build and unformatted code break the pipeline, with a report.
func TestGoServiceTestStageFails(t *testing.T) {
	t.Parallel()
	dir := project(t.Context(), t, "go-service", "default")
	lines := shellLines(t, dir)
	vet, test := lines[0], lines[2]
	file := filepath.Join(dir, "internal", "version", "version_test.go")
	for _, tc := range []struct{ name, script, source, want string }{
		{"failing test", test, "package version\n\nimport \"testing\"\n\nfunc TestX(t *testing.T) { t.Error(\"no good\") }\n", "no good"},
		{"no build", test, "package version\n\nvar _ = missing\n", "undefined: missing"},
		{"unformatted", vet, "package version\n\n\n\n   var x = 1\n", "not formatted"},
	} {
		if err := os.WriteFile(file, []byte(tc.source), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := shell(t, dir, tc.script)
		if err == nil || !strings.Contains(out, tc.want) {
			t.Errorf("%s: %v\n%s", tc.name, err, out)
		}
		if tc.script != test {
			continue
		}
		if _, failed := failures(t, filepath.Join(dir, "reports", "go.xml")); failed != 1 {
			t.Errorf("%s: %d failures in the report", tc.name, failed)
		}
	}
}
