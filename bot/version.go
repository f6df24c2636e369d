package bot

import "time"

// ArtifactKind says what an artifact is.
type ArtifactKind string

// The kinds of artifacts.
const (
	ArtifactArchive ArtifactKind = "archive" // a file in Blobs or at a URI
	ArtifactImage   ArtifactKind = "image"
	ArtifactGitRef  ArtifactKind = "gitref"
)

// Artifact is something a build made. Digest identifies its content
// ("sha256:<hex>"), so moving it never changes it.
type Artifact struct {
	Kind   ArtifactKind `json:"kind"`
	Name   string       `json:"name"` // path within the workspace, or the image's name
	Digest string       `json:"digest"`
	URI    string       `json:"uri,omitempty"` // where its source keeps it; with a Digest it is in Blobs, too
	Bytes  int64        `json:"bytes,omitempty"`
}

// Version is what a build made of a commit. It never changes: deploy, promote and
// rollback move its digests.
type Version struct {
	ID        string
	ProjectID string
	Commit    string
	BuildID   string
	Number    int    // the build's number
	Label     string // nearest tag or 0.1.0, "-", build number, "-g", short commit
	Branch    string
	Artifacts []Artifact
	Spec      RunSpec // .opsbot/project.yaml at Commit
	CreatedAt time.Time
	Cause     Cause
}

// RunSpec is `.opsbot/project.yaml`: what to run, how it is reached and checked.
type RunSpec struct {
	Artifact string   `json:"artifact"`           // name of the archived artifact to run
	Run      []string `json:"run,omitempty"`      // command within the unpacked artifact
	Static   string   `json:"static,omitempty"`   // or: the folder whose files are served
	PortEnv  string   `json:"port_env,omitempty"` // variable with the port to listen on: PORT
	Health   string   `json:"health,omitempty"`   // path that answers 2xx when healthy: /
}
