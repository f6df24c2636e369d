package bot

import (
	"context"
	"encoding/json"
	"strings"
	"time"
)

// ParamType says what a parameter is, for parsing, completion and scope.
type ParamType string

// The parameter types.
const (
	ParamWord        ParamType = "word"
	ParamNewName     ParamType = "new-name" // a project that is to be made
	ParamProject     ParamType = "project"  // an existing project's name
	ParamVersioned   ParamType = "project-version"
	ParamEnvironment ParamType = "environment"
	ParamBranch      ParamType = "branch"
	ParamNumber      ParamType = "number" // "#12"
	ParamVersion     ParamType = "version"
	ParamVerb        ParamType = "verb"
	ParamBlueprint   ParamType = "blueprint"
	ParamOperation   ParamType = "operation"
	ParamPlan        ParamType = "plan" // the id of a plan that waits for an answer
	ParamEither      ParamType = "project-or-environment"
	ParamText        ParamType = "text" // the rest of the line
)

// Param is one positional parameter.
type Param struct {
	Name     string // shown in upper case: NAME
	Type     ParamType
	Keyword  string // reserved word before it: "to", "in", "because"; "" = none
	Optional bool
	Help     string
	Example  string // a value that makes sense, for generated examples
}

// Flag is an option; --name, --name=VALUE or --name VALUE.
type Flag struct {
	Name    string
	Value   string // "" = a switch; else the placeholder: "OWNER"
	Help    string
	Example string
}

// Role is the least role that the default policy lets run a verb. Documentation
// and the default policy's table are generated from it; the policy decides.
type Role string

// The roles of the default policy, each including the one before.
const (
	RoleViewer    Role = "viewer"
	RoleDeveloper Role = "developer"
	RoleOperator  Role = "operator"
	RoleAdmin     Role = "admin"
)

// Spec is everything about a command that is not its doing.
type Spec struct {
	Verb    string
	Aliases []string
	Summary string // one line, no full stop
	Help    string // more, Text markup; may be empty
	Params  []Param
	Flags   []Flag
	Pairs   string // "" = no key=value allowed; else what they are
	Role    Role
	// Confirm: the command is a Planner, and its plan is confirmed before it runs.
	Confirm bool
	// Secondary commands are left out of the short help.
	Secondary bool
}

// VersionValue is the name under which Args.Values holds the VERSION of a
// NAME@VERSION (ParamVersioned).
const VersionValue = "version"

// Args are a command's parsed arguments.
type Args struct {
	// Values by Param.Name: a number without its "#", a NAME@VERSION as two values.
	Values map[string]string `json:"values,omitempty"`
	Flags  map[string]string `json:"flags,omitempty"` // a switch is "true"
	Pairs  []Pair            `json:"pairs,omitempty"` // in the order written
}

// Set stores a value as written in the form that its parameter's type is kept in.
func (a *Args) Set(p Param, value string) {
	switch p.Type {
	case ParamNumber:
		value = strings.TrimPrefix(value, "#")
	case ParamVersioned:
		name, version, has := strings.Cut(value, "@")
		if has {
			a.Values[VersionValue] = version
		}
		value = name
	}
	a.Values[p.Name] = value
}

// Pair is one key=value.
type Pair struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Request is one call of a command, after parsing and authorization.
type Request struct {
	Message Message
	User    User
	Spec    Spec
	Args    Args
	// Form holds what a form submitted, by field name, nil if none did. It may be secret:
	// it is used by Run's outcome, or forgotten, and never stored as it is.
	Form map[string]string
	// Project is the project that the arguments name, nil if they name none.
	Project *Project
	// Plan is the plan that was confirmed, nil before that.
	Plan  *Plan
	Now   time.Time
	Cause Cause
}

// Value returns the value of a parameter, "" when it was not given.
func (r *Request) Value(name string) string { return r.Args.Values[name] }

// Flag reports whether a switch was given, or a flag has a value.
func (r *Request) Flag(name string) bool { _, ok := r.Args.Flags[name]; return ok }

// Command is one verb. Safe for concurrent use.
type Command interface {
	Spec() Spec
	// Run does it. It reads what it needs and returns what is to be written; an
	// Error's message is the reply. It changes nothing itself, nothing outside either.
	Run(ctx context.Context, req *Request) (*Outcome, error)
}

// Planner is a Command that can say what it would do.
type Planner interface {
	Command
	// Plan is called again on confirmation; a plan with another hash is shown anew. nil:
	// there is nothing to agree to, Run is called at once.
	Plan(ctx context.Context, req *Request) (*Plan, error)
}

// Discreet is a Command in whose line people type, by mistake, what nobody may keep. The
// rest of such a line is neither stored nor repeated nor run.
type Discreet interface {
	Command
	// Keep gives what of the line may be kept: all of it, or its beginning. args are nil
	// when it can't be read. Who calls it has not looked who speaks: it tells nothing.
	Keep(ctx context.Context, line string, args *Args) string
}

// Accessor is a Command whose resource is not simply its project and environment
// arguments (new-project: owner and blueprint; promote: ...).
type Accessor interface {
	Access(req *Request) Access
}

// Outcome is what a command wants done. All of it happens in one transaction,
// together with marking the message as run: once, or not at all.
type Outcome struct {
	// Reply is posted in the message's thread; nil when the operation's card speaks.
	Reply *Post
	// Private shows the reply to the author only, where the chat can.
	Private bool
	// Confirm is the id of a plan that the author confirms with this; the router then
	// runs that plan's command instead of posting Reply.
	Confirm string
	// Cancel is the id of a plan that is to be cancelled.
	Cancel string
	// Typed is what was typed along with a confirmation, for plans that ask for it.
	Typed string
	// Commit writes; nil when there is nothing to write.
	Commit func(ctx context.Context, tx *Tx) error
}

// Plan is what a command would do, shown for confirmation.
type Plan struct {
	ID          string          `json:"id"` // short, [a-z0-9]{6}: what a person types
	Verb        string          `json:"verb"`
	Args        Args            `json:"args"`
	ProjectID   string          `json:"project_id,omitempty"`
	Environment string          `json:"environment,omitempty"`
	Title       Text            `json:"title"`
	Lines       []Text          `json:"lines,omitempty"`
	Warnings    []Text          `json:"warnings,omitempty"`
	Typed       string          `json:"typed,omitempty"`   // text the person must type to confirm
	Content     json.RawMessage `json:"content,omitempty"` // what the hash is of
	Hash        string          `json:"hash"`
	// Approvals others must give; Approved are the ids of users who did.
	Approvals int       `json:"approvals,omitempty"`
	Approved  []string  `json:"approved,omitempty"`
	UserID    string    `json:"user_id"`
	Message   Message   `json:"message"` // the request it answers
	State     string    `json:"state"`   // open, confirmed, cancelled, expired, replaced
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
	Cause     Cause     `json:"cause"`
}
