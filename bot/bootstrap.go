package bot

import "context"

// Bootstrap asks for the remote parts of a project: all made anew from a blueprint,
// or put around a repository that is there.
type Bootstrap struct {
	Project Project // complete, not stored yet
	// Render gives the files of the first commit: a resolved request. For an adoption
	// it is what the pull request proposes; Blueprint "": none is opened.
	Render RenderRequest
	// Adopt is the repository to take over as it is; nil: a new one is made.
	Adopt *Repository
	Note  string // why a default was taken, "" = not worth saying
}

// Bootstraps makes projects; implemented by bot/bootstrap. Safe for concurrent use.
type Bootstraps interface {
	// Check refuses what can't be, before anything is made: a name that is taken or not
	// valid on every service of the plan, an instance that lacks an ability.
	Check(ctx context.Context, b Bootstrap) error
	// Effects says what would be done, one line for each call.
	Effects(ctx context.Context, b Bootstrap) ([]Text, error)
	// Start files the project and its operation inside the caller's transaction.
	Start(ctx context.Context, tx *Tx, b Bootstrap, req *Request) error
}
