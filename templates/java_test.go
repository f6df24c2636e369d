package templates_test

import (
	"archive/zip"
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// java runs a script with a home of its own: Gradle's cache is nobody else's.
func java(t *testing.T, dir, script string, env ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-xec", script)
	cmd.Dir = dir
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "GRADLE_OPTS=-Dorg.gradle.daemon=false",
		"BUILD_NUMBER=7", "GIT_COMMIT=3f2c1ab0000000000000000000000000000000ff",
	}, env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestJavaServicePipeline does what a pipeline and a deployer do: the steps of the
// Jenkinsfile, SonarQube's apart, then the artifact is unpacked, started and asked.
func TestJavaServicePipeline(t *testing.T) {
	t.Parallel()
	dir := project(t.Context(), t, "java-service", "awkward")
	shop := t.TempDir()
	lines := shellLines(t, dir)
	if want := []string{
		"./gradlew clean build", "./gradlew --init-script gradle/sonarqube.gradle sonar",
		"tar -czf dist/a1b-2c.tar.gz -C dist/a1b-2c .", "./gradlew publish",
	}; !slices.Equal(lines, want) {
		t.Fatalf("the steps are %q", lines)
	}
	// Debian's Gradle makes the publication, but has no transport to a server.
	lines[3] = "./gradlew publishToMavenLocal -Dmaven.repo.local=" + shop
	for _, script := range slices.Delete(lines, 1, 2) {
		out, err := java(t, dir, script)
		if err != nil {
			t.Fatalf("%s: %v\n%s", script, err, out)
		}
	}
	if cases, failed := failures(t, filepath.Join(dir, "build", "test-results", "test", "TEST-junit-jupiter.xml")); cases < 15 || failed != 0 {
		t.Errorf("%d tests, %d failed", cases, failed)
	}
	published := filepath.Join(shop, "org", "example", "git", "a1b-2c", "0.1.0-7-g3f2c1ab", "a1b-2c-0.1.0-7-g3f2c1ab")
	if pom, err := os.ReadFile(published + ".pom"); err != nil || !strings.Contains(string(pom), "<version>0.1.0-7-g3f2c1ab</version>") {
		t.Errorf("the POM is %s (%v)", pom, err)
	}
	app := t.TempDir()
	if names := unpack(t, filepath.Join(dir, "dist", "a1b-2c.tar.gz"), app); !slices.Equal(names, []string{"a1b-2c.jar"}) {
		t.Fatalf("the artifact holds %v", names)
	}
	shipped, err := os.ReadFile(filepath.Join(app, "a1b-2c.jar"))
	if err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(published + ".jar"); err != nil || !bytes.Equal(data, shipped) {
		t.Errorf("another jar is published than is shipped (%v)", err)
	}
	startJava(t, app)
}

// startJava starts, asks and stops the service in dir.
func startJava(t *testing.T, dir string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "java", "-jar", "a1b-2c.jar")
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "PORT=0"}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	log := bufio.NewScanner(stdout)
	log.Scan()
	var line struct {
		Port    json.Number
		Version string
	}
	if err := json.Unmarshal(log.Bytes(), &line); err != nil || line.Version != "0.1.0-7-g3f2c1ab" {
		t.Fatalf("first line %q: %v", log.Text(), err)
	}
	ask(t, "http://127.0.0.1:"+line.Port.String(), "/metrics")
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	var last string
	for log.Scan() {
		last = log.Text()
	}
	// The JVM ends with 128 and the signal's number.
	if _ = cmd.Wait(); cmd.ProcessState.ExitCode() != 143 || !strings.Contains(last, `"msg":"stopped"`) {
		t.Errorf("stop: %v, last line %s", cmd.ProcessState, last)
	}
}

// TestJavaServiceBuildFails makes sure that a failing test and a warning of the
// compiler break the build, the first with a report.
func TestJavaServiceBuildFails(t *testing.T) {
	t.Parallel()
	dir := project(t.Context(), t, "java-service", "mattermost")
	file := filepath.Join(dir, "src", "test", "java", "switchapp", "OddTest.java")
	for _, tc := range []struct{ name, body, want string }{
		{"failing test", "@org.junit.jupiter.api.Test void no() { throw new AssertionError(\"no good\"); }", "no good"},
		{"warning", "@org.junit.jupiter.api.Test void raw() { new java.util.ArrayList().add(1); }", "rawtypes"},
	} {
		if err := os.WriteFile(file, []byte("package switchapp;\n\nclass OddTest { "+tc.body+" }\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := java(t, dir, "./gradlew clean build")
		if err == nil || !strings.Contains(out, tc.want) {
			t.Errorf("%s: %v\n%s", tc.name, err, out)
		}
		if tc.name != "failing test" {
			continue
		}
		if _, failed := failures(t, filepath.Join(dir, "build", "test-results", "test", "TEST-junit-jupiter.xml")); failed != 1 {
			t.Errorf("%s: %d failures in the report", tc.name, failed)
		}
	}
}

// distribution is a Gradle that only says how it was called.
func distribution(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	w, err := z.Create("gradle-8.14.3/bin/gradle")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("#!/bin/sh\necho \"pinned: $*\"\n")); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// programs makes a folder with links to the programs of this machine, and no more.
func programs(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestGradlew downloads the pinned distribution once where the machine has no
// Gradle, and takes none with another checksum.
func TestGradlew(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	downloads := 0
	content := distribution(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		downloads++
		_, _ = w.Write(content)
	}))
	defer server.Close()
	dir := project(t.Context(), t, "java-service", "default")
	bin := programs(t, "sh", "cat", "cut", "curl", "dirname", "jar", "java", "mkdir", "mktemp", "mv", "rm", "sed", "sha256sum", "tr")
	sum := sha256.Sum256(content)
	for _, tc := range []struct {
		name, sum string
		ok        bool
		want      string
		downloads int
	}{
		{"other checksum", strings.Repeat("0", 64), false, "it is not used", 1},
		{"right one", hex.EncodeToString(sum[:]), true, "pinned: clean build", 2},
		{"second time", hex.EncodeToString(sum[:]), true, "pinned: clean build", 2},
	} {
		text := "distributionUrl=" + strings.ReplaceAll(server.URL, ":", `\:`) + "/gradle-8.14.3-bin.zip\ndistributionSha256Sum=" + tc.sum + "\n"
		if err := os.WriteFile(filepath.Join(dir, "gradle", "wrapper", "gradle-wrapper.properties"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := java(t, dir, "./gradlew clean build", "PATH="+bin, "GRADLE_USER_HOME="+dir+"/home")
		if (err == nil) != tc.ok || !strings.Contains(out, tc.want) || downloads != tc.downloads {
			t.Errorf("%s: %v, %d downloads\n%s", tc.name, err, downloads, out)
		}
	}
	// A wrapper's jar goes before all else: this one is none, and java says so.
	if err := os.WriteFile(filepath.Join(dir, "gradle", "wrapper", "gradle-wrapper.jar"), []byte("no jar"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := java(t, dir, "./gradlew build", "PATH="+bin); err == nil || !strings.Contains(out, "org.gradle.wrapper.GradleWrapperMain") {
		t.Errorf("with a jar: %v\n%s", err, out)
	}
}

// TestMarathonApps reads what Marathon would be given.
func TestMarathonApps(t *testing.T) {
	t.Parallel()
	for fixture, image := range map[string]string{
		"default": "hello-world:latest", "awkward": "registry.example.org:5000/group/a1b-2c:latest",
	} {
		data, err := os.ReadFile(filepath.Join(project(t.Context(), t, "java-service", fixture), "marathon", "app.json"))
		if err != nil {
			t.Fatal(err)
		}
		var app struct {
			ID        string
			Container struct {
				Docker       struct{ Image string }
				PortMappings []struct{ ContainerPort json.Number }
			}
			Env          map[string]string
			HealthChecks []struct{ Path string }
		}
		if err := json.Unmarshal(data, &app); err != nil {
			t.Fatalf("%s: %v", fixture, err)
		}
		if app.Container.Docker.Image != image || app.Env["PORT"] != app.Container.PortMappings[0].ContainerPort.String() ||
			app.HealthChecks[0].Path != "/healthz" || !strings.HasPrefix(app.ID, "/") {
			t.Errorf("%s: %+v", fixture, app)
		}
	}
}
