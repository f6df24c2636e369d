package bot

import "context"

// ProvisionSpec describes a project to a service that has something to make for it.
type ProvisionSpec struct {
	ProjectID     string
	Name          string // the project's slug
	Owner         string // organisation or user on the forge
	Description   string
	Private       bool
	DefaultBranch string
	Operation     string // marker: id of the operation that makes it
	// HookURL is where the service reports to, with the resource's id in it: the marker
	// of the webhook, if the service has webhooks.
	HookURL string
}

// Provision is what a service holds for a project.
type Provision struct {
	ExternalID string // the service's own key; finds the project of its events
	Name       string // for people
	URL        string // for people
}

// Provisioner is a service that new-project makes something on besides repository
// and job: a quality project, an artifact repository. Safe for concurrent use.
type Provisioner interface {
	// ProvisionTitle names it on the card: "SonarQube project".
	ProvisionTitle() string
	// ProvisionKind is what its resources are filed under.
	ProvisionKind() ResourceKind
	// FindProvision looks for it. Foreign when it exists without the marker.
	FindProvision(ctx context.Context, spec ProvisionSpec) (Presence, Provision, error)
	// EnsureProvision makes it, with its webhook if it has one, or updates it in place.
	// CodeConflict if a foreign one has the name.
	EnsureProvision(ctx context.Context, spec ProvisionSpec) (Provision, error)
	// RemoveProvision takes back what the operation made. Absent is success;
	// CodeConflict if it is not the operation's, or holds what would be lost.
	RemoveProvision(ctx context.Context, spec ProvisionSpec) error
}
