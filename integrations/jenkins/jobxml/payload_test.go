package jobxml

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// payloads is where configurations of real Jenkins servers lie: others' data, read
// in place.
func payloads(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("OPSBOT_PAYLOADS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared", "payloads")
	}
	dir = filepath.Join(dir, "jenkins", "multibranch")
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv("OPSBOT_REQUIRE_PAYLOADS") == "1" {
			t.Fatalf("the payloads are missing: %v", err)
		}
		t.Skipf("!!! %d CONFIGURATIONS OF REAL SERVERS NOT COMPARED: %v", len(real8()), err)
	}
	return dir
}

// server is a configuration that a real server holds, typed; foreign are the plugins
// in it that OpsBot has no business with, by the beginning of their facts.
type server struct {
	project Project
	foreign []string
}

// real8 describes the eight files.
func real8() map[string]server {
	atOnce := Orphans{Days: -1, Number: -1}
	properties := "/properties/"
	source := "/sources/data/jenkins.branch.BranchSource/source/traits/"
	noStrategy := "- /sources/data/jenkins.branch.BranchSource/strategy"
	return map[string]server{
		"01-": {Project{Orphans: atOnce, Source: GitHubSource{
			ID: "1", APIURL: "https://api.github.com", Owner: "Harshad6969", Repository: "Boardgame", URL: "https://github.com/Harshad6969/Boardgame.git",
			Discover: Discover{Branches: true, PullRequests: true, Forks: true, PullStrategy: 2},
		}}, []string{"/triggers/com.igalg"}},
		"02-": {Project{Orphans: atOnce, Source: GitLabSource{
			ID: "2a4b5670-ce5f-4728-bb6a-c1cb1dc43e20", Server: "gitlab-5829", Owner: "Youssouy", Path: "Youssouy/gitlab-multibranch-pipeline",
			Credentials: "gitlab_credential", ProjectID: 17809753, Discover: Discover{Branches: true, PullRequests: true, Forks: true, BranchStrategy: 1},
		}}, nil},
		"03-": {Project{DisplayName: "multibranch", Orphans: atOnce, Source: GitSource{
			ID: "7664a6cd-cc3f-473f-b080-2538ecaeedb1", Remote: "https://github.com/laith-leo/nginx-compile.git",
			Credentials: "2f08b1ee-fc58-4cc3-a055-9c57491c6e3c", Discover: Discover{Branches: true},
		}}, nil},
		"04-": {Project{Description: "testing multi branch", DisplayName: "multibranch", Orphans: atOnce, Source: GitSource{
			ID: "ba9d9903-b0a3-4b75-a8b8-d5c3d3dac517", Remote: "https://github.com/prajwal1327/hello-world-war.git", Discover: Discover{Branches: true},
		}}, nil},
		"05-": {Project{Orphans: atOnce, Rescan: Rescan{Spec: "H H/4 * * *", Millis: 86400000}, Source: GiteaSource{
			ID: "org.jenkinsci.plugin.gitea.GiteaSCMNavigator::http://172.18.0.2:3000::buildadm::dev", ServerURL: "http://172.18.0.2:3000", Owner: "buildadm",
			Repository: "dev", Credentials: "e4048737-7acd-46fd-86ef-a3db45683d4f",
			Discover: Discover{Branches: true, PullRequests: true, Forks: true, BranchStrategy: 1, Trust: "TrustContributors"},
		}}, []string{properties}},
		"06-": {Project{Description: "%v", Orphans: atOnce, Source: GitHubSource{
			ID: "blueocean", APIURL: "https://github.intel.com/api/v3", Owner: "kubernetes", Repository: "auto-k8s",
			Credentials: "github-enterprise:e772171560f3215c51ebceb13f1cac470a701ac2b3463bf9737284ecc288e1ce",
			Discover:    Discover{Branches: true, PullRequests: true, Forks: true},
		}}, []string{properties, source + "jenkins.plugins.git.traits.", noStrategy}},
		"07-": {Project{Orphans: atOnce, Source: GitHubSource{
			ID: "08659502-ae8e-4300-a3b4-be5ec7fb9bd7", Owner: "bcgov", Repository: "hello-world", Credentials: "github-account",
			Discover: Discover{PullRequests: true, PullStrategy: 2},
		}}, []string{source + "com.adobe.", source + "jenkins.plugins.git.traits."}},
		"08-": {Project{Orphans: atOnce, Source: GitSource{
			ID: "1234567890", Remote: "https://github.com/elmorenox/eb-banking-deployment.git", Discover: Discover{Branches: true},
		}}, nil},
	}
}

// TestRealServers: what is generated means what real servers hold, but for the
// facts of foreign plugins, each of which must be there.
func TestRealServers(t *testing.T) {
	t.Parallel()
	dir := payloads(t)
	files, err := filepath.Glob(filepath.Join(dir, "*.config.xml"))
	if err != nil || len(files) != len(real8()) {
		t.Fatalf("%d files (%v), %d are described", len(files), err, len(real8()))
	}
	for _, file := range files {
		name := filepath.Base(file)
		described, ok := real8()[name[:3]]
		if !ok {
			t.Errorf("%s is not described", name)
			continue
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		there := parse(t, string(data))
		ours := marshal2(t, described.project)
		met := map[string]bool{}
		for _, d := range Difference(ours, there) {
			i := slices.IndexFunc(described.foreign, func(f string) bool { return strings.HasPrefix(d, f) || strings.HasPrefix(d, "+ "+f) })
			if i < 0 {
				t.Errorf("%s: %s", name, d)
				continue
			}
			met[described.foreign[i]] = true
		}
		if len(met) != len(described.foreign) {
			t.Errorf("%s: of %q only %v are there", name, described.foreign, met)
		}
		// An update in place leaves the foreign facts alone and changes nothing else.
		before := there.Meaning()
		if err := described.project.Merge(there); err != nil {
			t.Fatal(err)
		}
		after := there.Meaning()
		for _, fact := range before {
			if !slices.Contains(after, fact) {
				t.Errorf("%s: merging loses %s", name, fact)
			}
		}
	}
}
