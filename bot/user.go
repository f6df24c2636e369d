package bot

import "context"

// Account is one person's account in one chat. (Instance, Workspace, ID) is its
// identity and never changes; Name is only how it looked last.
type Account struct {
	Instance  string `json:"instance"`
	Workspace string `json:"workspace,omitempty"` // "" where the chat has none
	ID        string `json:"id"`
	Name      string `json:"name,omitempty"`
}

// String gives "instance:id", or "instance:workspace/id".
func (a Account) String() string {
	if a.Workspace == "" {
		return a.Instance + ":" + a.ID
	}
	return a.Instance + ":" + a.Workspace + "/" + a.ID
}

// User is a person, who may have several accounts.
type User struct {
	ID   string // UUIDv7
	Name string // login-like, for texts: "alice"
	// Account is the one the person used now; the zero Account for the system.
	Account Account
	// Groups are the policy groups of the person at this moment, sorted.
	Groups []string
	// Owner is true over the data folder owner's Unix socket only.
	Owner bool
	// Guest and External are what the chat says of the account used now; see Facts.
	Guest, External bool
}

// Login is one of a person's accounts as the store keeps it.
type Login struct {
	Account
	// Disabled is set when its chat said that it is deactivated.
	Disabled bool
}

// People completes who somebody is from what their chats say at this moment. Safe for
// concurrent use.
type People interface {
	// Identify gives the person behind an account with groups and facts, making one for
	// an account that is new. CodeForbidden with a sentence for whoever may do nothing
	// at all: a deactivated account, a machine.
	Identify(ctx context.Context, a Account) (User, error)
	// Complete does the same for a person who is known without an account in use: by a
	// token, or as the one who asked for something.
	Complete(ctx context.Context, u User) (User, error)
}

// SystemUser acts where no person does (automatic deployments, repairs).
// Its name is reserved: no account is ever mapped to it.
func SystemUser() User { return User{ID: "system", Name: "opsbot", Groups: []string{"system"}} }

// Access is a question to the policy: may this user do this verb on this?
type Access struct {
	User User
	Verb string // canonical verb of a command, or "approve", "confirm"
	// Project, Environment, Blueprint, OwnerName are the resource as far as the verb
	// has one; empty otherwise. Team is the project's.
	Project, Team, Environment, Blueprint, OwnerName string
	// Requester is the ID of the user who asked for the plan being confirmed.
	Requester string
	Room      RoomRef
}

// Decision is the answer of the policy.
type Decision struct {
	Allowed bool
	// Policies are the ids of the policies that decided, in the order of the file;
	// empty when nothing permitted it (the default is no).
	Policies []string
	// Reason is one sentence for the person, naming the policies.
	Reason string
}

// Authorizer answers Access questions. Safe for concurrent use. An error means
// the question could not be answered; the caller refuses then.
type Authorizer interface {
	Authorize(ctx context.Context, a Access) (Decision, error)
}
