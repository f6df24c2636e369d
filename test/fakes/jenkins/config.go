package jenkins

import (
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// settings are what the server reads out of a config.xml.
type settings struct {
	Description string   `xml:"description"`
	DisplayName string   `xml:"displayName"`
	Disabled    bool     `xml:"disabled"`
	ScriptPath  string   `xml:"factory>scriptPath"`
	Sources     []source `xml:"sources>data>jenkins.branch.BranchSource>source"`
}

type source struct {
	Class         string `xml:"class,attr"`
	ID            string `xml:"id"`
	Remote        string `xml:"remote"`
	Credentials   string `xml:"credentialsId"`
	APIURI        string `xml:"apiUri"`
	ServerURL     string `xml:"serverUrl"`
	ServerName    string `xml:"serverName"`
	RepoOwner     string `xml:"repoOwner"`
	Repository    string `xml:"repository"`
	RepositoryURL string `xml:"repositoryUrl"`
	ProjectPath   string `xml:"projectPath"`
	Traits        *struct {
		All []struct{ XMLName xml.Name } `xml:",any"`
	} `xml:"traits"`
}

// sourceClasses are the branch sources and the plugins that bring them.
func sourceClasses() map[string]string {
	return map[string]string{
		"jenkins.plugins.git.GitSCMSource":                               "git",
		"org.jenkinsci.plugins.github_branch_source.GitHubSCMSource":     "github-branch-source",
		"org.jenkinsci.plugin.gitea.GiteaSCMSource":                      "gitea",
		"io.jenkins.plugins.gitlabbranchsource.GitLabSCMSource":          "gitlab-branch-source",
		"com.cloudbees.jenkins.plugins.bitbucket.BitbucketSCMSource":     "cloudbees-bitbucket-branch-source",
		"org.jenkinsci.plugins.workflow.multibranch.NoSuchPluginAnymore": "",
	}
}

var errConfig = errors.New("config.xml is not accepted")

// readConfig reads a config.xml as Jenkins does: an unknown root class fails, an
// unknown source is left out, unknown elements are ignored.
func readConfig(text string, missing []string) (settings, *item, error) {
	var set settings
	// Jenkins writes XML 1.1, which encoding/xml does not take.
	text = strings.NewReplacer(`version='1.1'`, `version='1.0'`, `version="1.1"`, `version="1.0"`).Replace(text)
	var root struct{ XMLName xml.Name }
	if err := xml.Unmarshal([]byte(text), &root); err != nil {
		return set, nil, fmt.Errorf("%w: %w", errConfig, err)
	}
	i := &item{}
	switch root.XMLName.Local {
	case string(kindFolder):
		i.kind = kindFolder
	case string(kindMultibranch):
		i.kind = kindMultibranch
	case "flow-definition":
		i.kind = kindPipeline
	default:
		return set, nil, fmt.Errorf("%w: class %s", errConfig, root.XMLName.Local)
	}
	if err := xml.Unmarshal([]byte(text), &set); err != nil {
		return set, nil, fmt.Errorf("%w: %w", errConfig, err)
	}
	set.Sources = slices.DeleteFunc(set.Sources, func(s source) bool {
		plugin := sourceClasses()[s.Class]
		return plugin == "" || slices.Contains(missing, plugin)
	})
	return set, i, nil
}

// url is where the source clones from.
func (s source) url() string {
	switch {
	case s.Remote != "":
		return s.Remote
	case s.RepositoryURL != "":
		return s.RepositoryURL
	case s.ServerURL != "":
		return s.ServerURL + "/" + s.RepoOwner + "/" + s.Repository
	case s.ProjectPath != "":
		return s.ServerName + ":" + s.ProjectPath
	default:
		return s.APIURI + ":" + s.RepoOwner + "/" + s.Repository
	}
}

// discovers tells whether branches are looked for. Without <traits> the config is
// taken for one of old, and they are; an empty one finds nothing.
func (s source) discovers() bool {
	return s.Traits == nil || slices.ContainsFunc(s.Traits.All, func(t struct{ XMLName xml.Name }) bool {
		return strings.HasSuffix(t.XMLName.Local, ".BranchDiscoveryTrait")
	})
}
