package bot

import (
	"context"
	"log/slog"
	"net/http"
)

// Decoder gives a configuration section to its owner.
type Decoder interface {
	// Decode fills the struct that into points to, strictly: an unknown key is an
	// error with its line.
	Decode(into any) error
}

// IntegrationKind is one line of integrations/integrations.go: a type of outside
// system that a section of the configuration can name.
type IntegrationKind struct {
	Type    string // "localgit"
	Summary string // one line for docs
	// Config is a pointer to the zero configuration struct, for schema and docs.
	Config any
	// New makes an instance; it does no I/O besides its own data folder. What the
	// result can do is found by type assertion on the ports.
	New func(env IntegrationEnv) (any, error)
}

// IntegrationEnv is what an integration is given. All fields are set.
type IntegrationEnv struct {
	Name    string  // instance name
	Config  Decoder // its section
	Clock   Clock
	Log     *slog.Logger
	Work    UnitOfWork
	Waker   Waker
	Blobs   Blobs
	Secrets Secrets // of projects
	Inbound Inbound // for chats
	Desk    Desk    // for chats
	People  People  // for what lets people in by itself
	// BotName is what the bot is called in texts; a chat turns mentions of its own
	// account into "@" and this name.
	BotName string
	// Dir is the instance's own folder below the data folder; it exists, mode 0700.
	Dir string
	// RunDir is a short-pathed folder for sockets and child records, emptied of
	// leftovers before New is called.
	RunDir string
	// Self is OpsBot's own executable, for children that are OpsBot itself.
	Self string
	// Owner is this process: "node:incarnation". Node outlives a restart.
	Owner string
	// Edge sends a request to this installation's own webhook edge (`/hooks/...`),
	// whatever host the URL names: embedded sources use the same door as all others.
	Edge http.RoundTripper
	// URLs of this installation as seen from outside, without trailing slash.
	PublicURL  string // hooks and git
	ConsoleURL string // the page
	// AppsListen is host:port where deployed apps answer, by host name.
	AppsListen string
	// UnsafeLocal allows running others' code without a sandbox.
	UnsafeLocal bool
	// Owners are the configured organisations or users of the forge.
	Owners []string
	// Environments are the configured environments, in promotion order.
	Environments []Environment
}

// Service is an integration (or another part) with work of its own. Run returns
// when ctx ends, nil then; any other return is logged and restarted by the host.
type Service interface {
	Run(ctx context.Context) error
}

// Routes is an integration that answers HTTP. Handler serves paths below Prefix
// ("/git/"), which it sees whole, on the listener it asks for.
type Routes interface {
	Prefix() string
	Listener() Listener
	Handler() http.Handler
}

// Listener is one of the three doors.
type Listener string

// The listeners: hooks and git may be public, the console is not, apps are the
// deployed projects'.
const (
	ListenPublic  Listener = "listen"
	ListenConsole Listener = "console"
	ListenApps    Listener = "apps"
)

// Finding is one result of a Prober.
type Finding struct {
	OK      bool
	Subject string // "token scopes"
	Text    string // what is, and what to do when it is not well
}

// Prober is an integration that can try out whether it would work.
type Prober interface {
	Probe(ctx context.Context) []Finding
}

// Integrations finds configured instances. Safe for concurrent use.
type Integrations interface {
	// Get returns the instance; nil if there is none of that name.
	Get(name string) any
	// Names lists the instances in the order of the configuration.
	Names() []string
}

// Find returns the instance as a port, or an Error that says what it cannot do.
func Find[P any](all Integrations, name, ability string) (P, error) {
	var none P
	got := all.Get(name)
	if got == nil {
		return none, Errorf(CodeNotFound, "There is no integration named %q in the configuration.", name)
	}
	port, ok := got.(P)
	if !ok {
		return none, Errorf(CodeUnsupported, "The integration %q cannot do that: it has no %s.", name, ability)
	}
	return port, nil
}

// BlueprintInfo is a blueprint as the catalogue shows it.
type BlueprintInfo struct {
	Name, Version, Description, Owner string
	Parameters                        []BlueprintParameter
	// Schema is the JSON Schema of the parameters.
	Schema []byte
}

// BlueprintParameter is one parameter, for forms and help.
type BlueprintParameter struct {
	Name, Title, Description string
	Type                     string // string, integer, number, boolean
	Default                  string // "" = none
	Enum                     []string
	Pattern                  string
	Required                 bool
}

// RenderRequest asks for a blueprint's tree.
type RenderRequest struct {
	Blueprint string
	Version   string // "" = newest
	Owner     string
	Name      string
	// Answers as typed, or as an earlier Resolve gave them.
	Answers map[string]string
}

// Blueprints is the catalogue; implemented by package blueprints. Safe for
// concurrent use.
type Blueprints interface {
	List() []BlueprintInfo
	Get(name string) (BlueprintInfo, error)
	// Resolve checks the answers, fills in defaults and generated values. What it
	// returns renders the same tree for ever. CodeInvalid names the parameter.
	Resolve(req RenderRequest) (RenderRequest, error)
	// Render gives the tree of a resolved request; deterministic.
	Render(ctx context.Context, req RenderRequest) (Tree, error)
}

// Services is what commands get. All fields are set; safe for concurrent use.
type Services struct {
	Clock        Clock
	Work         UnitOfWork
	Blobs        Blobs
	Integrations Integrations
	Blueprints   Blueprints
	Deliveries   Deliveries
	Bootstraps   Bootstraps
	Operations   Starter
	Authorizer   Authorizer
	Secrets      Secrets
	Defaults     Defaults
	Environments []Environment
	// Catalogue lists every command's spec, in the order of the visible list.
	Catalogue func() []Spec
}

// Defaults are what a command uses when it is not told.
type Defaults struct {
	Forge    string
	Pipeline string
	// Teams are those that a project can belong to.
	Teams []string
	// Provision lists the instances that make something for every new project, besides
	// forge and pipeline.
	Provision []string
	Blueprint string
	// BlueprintNote says why Blueprint is the default when that is worth saying.
	BlueprintNote string
	Owner         string
	Owners        []string // of Forge
	// ForgeOwners are the owners of every forge, by instance.
	ForgeOwners map[string][]string
	Room        RoomRef
	BotName     string // "opsbot"
	PublicURL   string
	ConsoleURL  string
}
