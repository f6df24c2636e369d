package jobxml

// Discover says what of a repository becomes a job.
type Discover struct {
	Branches     bool
	Tags         bool
	PullRequests bool // from the repository itself
	Forks        bool // pull requests from forks: others' code
	// BranchStrategy is Jenkins' number: 1 leaves out branches that have a pull
	// request, 2 takes only those, 3 all; 0 = 3.
	BranchStrategy int
	// PullStrategy is Jenkins' number: 1 builds the merge, 2 the head, 3 both; 0 = 1.
	PullStrategy int
	// Trust names whose fork may bring its own Jenkinsfile: "TrustPermission",
	// "TrustContributors", ...; "" = "TrustPermission".
	Trust string
}

func (d Discover) branches() *strategyID {
	if !d.Branches {
		return nil
	}
	return &strategyID{ID: or(d.BranchStrategy, 3)}
}

func (d Discover) pulls() *strategyID {
	if !d.PullRequests {
		return nil
	}
	return &strategyID{ID: or(d.PullStrategy, 1)}
}

func (d Discover) forks(class string) *forkXML {
	if !d.Forks {
		return nil
	}
	trust := d.Trust
	if trust == "" {
		trust = "TrustPermission"
	}
	return &forkXML{ID: or(d.PullStrategy, 1), Trust: trustXML{Class: class + "$" + trust}}
}

func (d Discover) tags() *struct{} {
	if !d.Tags {
		return nil
	}
	return &struct{}{}
}

func or(a, b int) int {
	if a != 0 {
		return a
	}
	return b
}

type strategyID struct {
	ID int `xml:"strategyId"`
}

type forkXML struct {
	ID    int      `xml:"strategyId"`
	Trust trustXML `xml:"trust"`
}

type trustXML struct {
	Class string `xml:"class,attr"`
}

// GitSource is any git server; it knows branches and tags only.
type GitSource struct {
	ID, Remote, Credentials string
	Discover                Discover
}

// Plugin implements Source.
func (GitSource) Plugin() string { return "git" }

type gitXML struct {
	Class       string `xml:"class,attr"`
	ID          string `xml:"id"`
	Remote      string `xml:"remote"`
	Credentials string `xml:"credentialsId"`
	Traits      struct {
		Branches *struct{} `xml:"jenkins.plugins.git.traits.BranchDiscoveryTrait"`
		Tags     *struct{} `xml:"jenkins.plugins.git.traits.TagDiscoveryTrait"`
	} `xml:"traits"`
}

func (s GitSource) element() any {
	x := gitXML{Class: "jenkins.plugins.git.GitSCMSource", ID: s.ID, Remote: s.Remote, Credentials: s.Credentials}
	if s.Discover.Branches {
		x.Traits.Branches = &struct{}{}
	}
	x.Traits.Tags = s.Discover.tags()
	return x
}

// GitHubSource is a repository on github.com or a GitHub Enterprise Server.
type GitHubSource struct {
	ID, APIURL, Owner, Repository, URL, Credentials string
	Discover                                        Discover
}

// Plugin implements Source.
func (GitHubSource) Plugin() string { return "github-branch-source" }

type gitHubXML struct {
	Class       string `xml:"class,attr"`
	ID          string `xml:"id"`
	APIURL      string `xml:"apiUri,omitempty"`
	Credentials string `xml:"credentialsId"`
	Owner       string `xml:"repoOwner"`
	Repository  string `xml:"repository"`
	URL         string `xml:"repositoryUrl,omitempty"`
	Traits      struct {
		Branches *strategyID `xml:"org.jenkinsci.plugins.github__branch__source.BranchDiscoveryTrait"`
		Pulls    *strategyID `xml:"org.jenkinsci.plugins.github__branch__source.OriginPullRequestDiscoveryTrait"`
		Forks    *forkXML    `xml:"org.jenkinsci.plugins.github__branch__source.ForkPullRequestDiscoveryTrait"`
		Tags     *struct{}   `xml:"org.jenkinsci.plugins.github__branch__source.TagDiscoveryTrait"`
	} `xml:"traits"`
}

func (s GitHubSource) element() any {
	x := gitHubXML{
		Class: "org.jenkinsci.plugins.github_branch_source.GitHubSCMSource", ID: s.ID, APIURL: s.APIURL,
		Credentials: s.Credentials, Owner: s.Owner, Repository: s.Repository, URL: s.URL,
	}
	x.Traits.Branches, x.Traits.Pulls, x.Traits.Tags = s.Discover.branches(), s.Discover.pulls(), s.Discover.tags()
	x.Traits.Forks = s.Discover.forks("org.jenkinsci.plugins.github_branch_source.ForkPullRequestDiscoveryTrait")
	return x
}

// GiteaSource is a repository on a Gitea or Forgejo that Jenkins knows by its URL.
type GiteaSource struct {
	ID, ServerURL, Owner, Repository, Credentials string
	Discover                                      Discover
}

// Plugin implements Source.
func (GiteaSource) Plugin() string { return "gitea" }

type giteaXML struct {
	Class       string `xml:"class,attr"`
	ID          string `xml:"id"`
	ServerURL   string `xml:"serverUrl"`
	Owner       string `xml:"repoOwner"`
	Repository  string `xml:"repository"`
	Credentials string `xml:"credentialsId"`
	Traits      struct {
		Branches *strategyID `xml:"org.jenkinsci.plugin.gitea.BranchDiscoveryTrait"`
		Pulls    *strategyID `xml:"org.jenkinsci.plugin.gitea.OriginPullRequestDiscoveryTrait"`
		Forks    *forkXML    `xml:"org.jenkinsci.plugin.gitea.ForkPullRequestDiscoveryTrait"`
		Tags     *struct{}   `xml:"org.jenkinsci.plugin.gitea.TagDiscoveryTrait"`
	} `xml:"traits"`
}

func (s GiteaSource) element() any {
	x := giteaXML{
		Class: "org.jenkinsci.plugin.gitea.GiteaSCMSource", ID: s.ID, ServerURL: s.ServerURL,
		Owner: s.Owner, Repository: s.Repository, Credentials: s.Credentials,
	}
	x.Traits.Branches, x.Traits.Pulls, x.Traits.Tags = s.Discover.branches(), s.Discover.pulls(), s.Discover.tags()
	x.Traits.Forks = s.Discover.forks("org.jenkinsci.plugin.gitea.ForkPullRequestDiscoveryTrait")
	return x
}

// GitLabSource is a project on a GitLab that Jenkins knows by a name of its own.
type GitLabSource struct {
	ID, Server, Owner, Path, Credentials string
	// ProjectID is GitLab's number; 0 leaves it to Jenkins to find out.
	ProjectID int64
	Discover  Discover
}

// Plugin implements Source.
func (GitLabSource) Plugin() string { return "gitlab-branch-source" }

type gitLabXML struct {
	Class       string `xml:"class,attr"`
	ID          string `xml:"id"`
	Server      string `xml:"serverName"`
	Owner       string `xml:"projectOwner"`
	Path        string `xml:"projectPath"`
	Credentials string `xml:"credentialsId"`
	Traits      struct {
		Branches *strategyID `xml:"io.jenkins.plugins.gitlabbranchsource.BranchDiscoveryTrait"`
		Pulls    *strategyID `xml:"io.jenkins.plugins.gitlabbranchsource.OriginMergeRequestDiscoveryTrait"`
		Forks    *forkXML    `xml:"io.jenkins.plugins.gitlabbranchsource.ForkMergeRequestDiscoveryTrait"`
		Tags     *struct{}   `xml:"io.jenkins.plugins.gitlabbranchsource.TagDiscoveryTrait"`
	} `xml:"traits"`
	ProjectID int64 `xml:"projectId,omitempty"`
}

func (s GitLabSource) element() any {
	x := gitLabXML{
		Class: "io.jenkins.plugins.gitlabbranchsource.GitLabSCMSource", ID: s.ID, Server: s.Server,
		Owner: s.Owner, Path: s.Path, Credentials: s.Credentials, ProjectID: s.ProjectID,
	}
	x.Traits.Branches, x.Traits.Pulls, x.Traits.Tags = s.Discover.branches(), s.Discover.pulls(), s.Discover.tags()
	x.Traits.Forks = s.Discover.forks("io.jenkins.plugins.gitlabbranchsource.ForkMergeRequestDiscoveryTrait")
	return x
}

// discoveries are the traits that this package decides about; any other is the
// admin's.
func discoveries() []string {
	var all []string
	for prefix, kinds := range map[string][]string{
		"jenkins.plugins.git.traits.":                   {"Branch", "Tag"},
		"org.jenkinsci.plugins.github__branch__source.": {"Branch", "Tag", "OriginPullRequest", "ForkPullRequest"},
		"org.jenkinsci.plugins.github_branch_source.":   {"Branch", "Tag", "OriginPullRequest", "ForkPullRequest"},
		"org.jenkinsci.plugin.gitea.":                   {"Branch", "Tag", "OriginPullRequest", "ForkPullRequest"},
		"io.jenkins.plugins.gitlabbranchsource.":        {"Branch", "Tag", "OriginMergeRequest", "ForkMergeRequest"},
	} {
		for _, kind := range kinds {
			all = append(all, prefix+kind+"DiscoveryTrait")
		}
	}
	return all
}
