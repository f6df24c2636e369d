package jobxml

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func update() bool {
	return flag.Lookup("update") != nil && flag.Lookup("update").Value.String() == "true"
}

var _ = flag.Bool("update", false, "write the golden files")

func git() Project {
	return Project{
		Description: "made by OpsBot", Orphans: Orphans{Days: 7, Number: 20}, Rescan: Rescan{Spec: "H * * * *", Millis: 3600000},
		Source: GitSource{ID: "opsbot-1", Remote: "https://git.example.com/acme/shop.git", Credentials: "git-creds", Discover: Discover{Branches: true, Tags: true}},
	}
}

// projects are one of each kind, as OpsBot would make them.
func projects() map[string]Project {
	github, gitea, gitlab, folder := git(), git(), git(), git()
	all := Discover{Branches: true, PullRequests: true}
	github.Source = GitHubSource{ID: "opsbot-1", Owner: "acme", Repository: "shop", URL: "https://github.com/acme/shop.git", Credentials: "github-app", Discover: all}
	gitea.Source = GiteaSource{ID: "opsbot-1", ServerURL: "https://gitea.example.com", Owner: "acme", Repository: "shop", Credentials: "gitea", Discover: all}
	gitlab.Source = GitLabSource{ID: "opsbot-1", Server: "gitlab", Owner: "acme/web", Path: "acme/web/shop", Credentials: "gitlab", Discover: Discover{Branches: true, Tags: true, PullRequests: true, Forks: true}}
	folder.Description, folder.ScriptPath, folder.Rescan = `<b>&"quoted" ]]>`+"\nsecond line", "ci/Jenkinsfile", Rescan{}
	return map[string]Project{"git": git(), "github": github, "gitea": gitea, "gitlab": gitlab, "odd": folder}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for name, p := range projects() {
		text, err := p.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join("testdata", name+".config.xml")
		if update() {
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil || string(want) != text {
			t.Errorf("%s (%v):\n%s", name, err, text)
		}
		if p.Source.Plugin() == "" {
			t.Errorf("%s names no plugin", name)
		}
	}
	text, err := Folder{Description: "for shops"}.Marshal()
	if err != nil || !strings.Contains(text, "<"+FolderClass+">") {
		t.Errorf("folder %v: %s", err, text)
	}
}

func parse(t *testing.T, text string) *Node {
	t.Helper()
	n, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func marshal2(t *testing.T, p Project) *Node {
	t.Helper()
	text, err := p.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, text)
}

// TestRoundTrip: what is written out of the tree means what was read into it.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for name, p := range projects() {
		n := marshal2(t, p)
		text, err := n.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		again := parse(t, text)
		if !Equal(n, again) {
			t.Errorf("%s: %q", name, Difference(n, again))
		}
		if n.Value("description") != p.Description || again.Value("description") != p.Description {
			t.Errorf("%s: description %q", name, again.Value("description"))
		}
	}
}

func TestMeaning(t *testing.T) {
	t.Parallel()
	base := marshal2(t, git())
	for name, same := range map[string]string{
		"plugin versions": strings.NewReplacer(`GitSCMSource"`, `GitSCMSource" plugin="git@5.2.2"`).Replace(text(t, git())),
		"a trait order":   strings.Replace(text(t, git()), "<disabled>false</disabled>", "", 1),
		"views":           strings.Replace(text(t, git()), "<properties></properties>", `<properties/><folderViews class="x"><owner class="y" reference="../.."/></folderViews>`, 1),
		"abort builds":    strings.Replace(text(t, git()), "</numToKeep>", "</numToKeep><abortBuilds>false</abortBuilds>", 1),
	} {
		if n := parse(t, same); !Equal(base, n) {
			t.Errorf("%s: %q", name, Difference(base, n))
		}
	}
	for name, other := range map[string]string{
		"disabled":    strings.Replace(text(t, git()), "<disabled>false", "<disabled>true", 1),
		"no tags":     strings.Replace(text(t, git()), "<jenkins.plugins.git.traits.TagDiscoveryTrait></jenkins.plugins.git.traits.TagDiscoveryTrait>", "", 1),
		"credentials": strings.Replace(text(t, git()), "git-creds", "", 1),
		"the id":      strings.Replace(text(t, git()), "opsbot-1", "opsbot-2", 1),
		"the class":   strings.Replace(text(t, git()), "GitSCMSource", "SvnSCMSource", 1),
		"the script":  strings.Replace(text(t, git()), ">Jenkinsfile<", ">ci/Jenkinsfile<", 1),
	} {
		if n := parse(t, other); Equal(base, n) {
			t.Errorf("%s makes no difference", name)
		}
	}
}

func text(t *testing.T, p Project) string {
	t.Helper()
	out, err := p.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestEmptyTraits: an empty element finds nothing, a missing one is Jenkins' own
// default: they differ.
func TestEmptyTraits(t *testing.T) {
	t.Parallel()
	p := git()
	p.Source = GitSource{ID: "1", Remote: "https://x/y.git"}
	empty := text(t, p)
	none := strings.Replace(empty, "<traits></traits>", "", 1)
	if none == empty || Equal(parse(t, empty), parse(t, none)) {
		t.Errorf("no difference in %s", empty)
	}
}

// TestMergeKeepsWhatIsNotOurs and takes back what is.
func TestMergeKeepsWhatIsNotOurs(t *testing.T) {
	t.Parallel()
	admin := strings.NewReplacer(
		"<properties></properties>", "<properties><x.Y><z>1</z></x.Y></properties>",
		"<triggers>", "<triggers><com.igalg.Trigger><token>t</token></com.igalg.Trigger>",
		"<traits>", "<traits><jenkins.plugins.git.traits.WipeWorkspaceTrait/>",
		"<disabled>false", "<disabled>true",
		"https://git.example.com/acme/shop.git", "https://evil.example.com/x.git",
		"<daysToKeep>7", "<abortBuilds>true</abortBuilds><daysToKeep>99",
	).Replace(text(t, git()))
	there := parse(t, admin)
	p := git()
	p.Source = GitSource{ID: "opsbot-1", Remote: "https://git.example.com/acme/shop.git", Credentials: "new", Discover: Discover{Branches: true}}
	if err := p.Merge(there); err != nil {
		t.Fatal(err)
	}
	got, err := there.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<z>1</z>", "com.igalg.Trigger", "WipeWorkspaceTrait", "<disabled>true", "acme/shop.git", "<abortBuilds>true", "<daysToKeep>7", "<credentialsId>new", "BranchDiscoveryTrait", "PeriodicFolderTrigger"} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is lost", want)
		}
	}
	for _, gone := range []string{"evil", "git-creds", "TagDiscoveryTrait"} {
		if strings.Contains(got, gone) {
			t.Errorf("%s is still there", gone)
		}
	}
	before := there.Meaning()
	if err := p.Merge(there); err != nil || !slices.Equal(before, there.Meaning()) {
		t.Errorf("merging again changes it (%v)", err)
	}
}

// TestMergeKeepsFurtherSources: our source is found by its id.
func TestMergeKeepsFurtherSources(t *testing.T) {
	t.Parallel()
	there := parse(t, strings.ReplaceAll(text(t, git()), "opsbot-1", "admin-1"))
	if err := git().Merge(there); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, c := range there.Child("sources", "data").Children {
		ids = append(ids, c.Value("source", "id"))
	}
	if strings.Join(ids, " ") != "opsbot-1 admin-1" {
		t.Errorf("sources %q", ids)
	}
	other := projects()["github"]
	if err := other.Merge(there); err != nil {
		t.Fatal(err)
	}
	if class := there.Child("sources", "data", "jenkins.branch.BranchSource", "source").Class(); !strings.Contains(class, "GitHub") {
		t.Errorf("the source is %s", class)
	}
	bare := parse(t, "<"+MultibranchClass+"/>")
	if err := git().Merge(bare); err != nil || !Equal(bare, marshal2(t, git())) {
		t.Errorf("merged into nothing (%v): %q", err, Difference(bare, marshal2(t, git())))
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{
		"", "x", "<a>", "</a>", "<a></b>", "<a/><b/>", "<?xml version='1.1'", "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
		strings.Repeat("<a>", 200) + strings.Repeat("</a>", 200), strings.Repeat(" ", maxBytes+1),
	} {
		if n, err := Parse(bad); err == nil {
			t.Errorf("%.40q is read as %+v", bad, n)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, p := range projects() {
		text, err := p.Marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add("<?xml version='1.1'?><a b='c'>&lt;<d/></a>")
	f.Fuzz(func(t *testing.T, text string) {
		n, err := Parse(text)
		if err != nil {
			return
		}
		before := n.Meaning()
		out, err := n.Marshal()
		if err != nil {
			return // a name that XML has no way to write
		}
		again, err := Parse(out)
		if err != nil {
			t.Fatalf("%q was written as %q, which is refused: %v", text, out, err)
		}
		if !slices.Equal(before, again.Meaning()) {
			t.Errorf("%q means %q, written %q means %q", text, before, out, again.Meaning())
		}
		_ = git().Merge(n)
	})
}
