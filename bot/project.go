package bot

import "time"

// ProjectState is where a project is in its life.
type ProjectState string

// The states of a project.
const (
	ProjectCreating ProjectState = "creating"
	ProjectActive   ProjectState = "active"
	ProjectArchived ProjectState = "archived"
)

// Project is what new-project makes. ID never changes; Slug is unique without
// regard to case among projects that are not purged.
type Project struct {
	ID            string
	Slug          string
	Description   string
	Owner         string // organisation or user on the forge
	Team          string
	CreatedBy     string // user id
	CreatedByName string
	State         ProjectState
	Blueprint     string
	BlueprintVer  string
	DefaultBranch string
	Forge         string // instance
	Pipeline      string // instance
	Private       bool
	Room          RoomRef // where its cards go
	CreatedAt     time.Time
	ArchivedAt    time.Time
}

// ResourceKind says what a remote object is.
type ResourceKind string

// The kinds of resources.
const (
	ResourceRepository  ResourceKind = "repository"
	ResourceHook        ResourceKind = "hook"
	ResourceJob         ResourceKind = "job"
	ResourceEnvironment ResourceKind = "environment"
	ResourceQuality     ResourceKind = "quality"  // a project on a quality gate's server
	ResourcePackages    ResourceKind = "packages" // a repository of built artifacts
)

// Resource ties a project to a remote object that it has. (Instance, Kind,
// ExternalID) finds the project of an event.
type Resource struct {
	ID         string
	ProjectID  string
	Kind       ResourceKind
	Instance   string
	ExternalID string
	Name       string // for people: "foo-org/hello-world", "staging"
	URL        string
	CloneURL   string
	MadeBy     string // operation id; "" when adopted
	Adopted    bool
	State      string // "active" or "removed"
	CreatedAt  time.Time
}

// Repository gives the forge's view of a repository resource.
func (r Resource) Repository(defaultBranch string) Repository {
	owner, name := "", r.Name
	for i := range r.Name {
		if r.Name[i] == '/' {
			owner, name = r.Name[:i], r.Name[i+1:]
		}
	}
	return Repository{
		ExternalID: r.ExternalID, Owner: owner, Name: name, URL: r.URL,
		CloneURL: r.CloneURL, DefaultBranch: defaultBranch,
	}
}

// Environment is one of the configured places to deploy to, in promotion order.
type Environment struct {
	Name      string
	Deployer  string // instance
	Auto      string // branch deployed without asking; "" = none
	After     string // the environment that a version must have succeeded in first
	Approvals int    // how many other people must approve
	Strategy  string // deployer's own word
}
