package arch

// rule says what a folder and all below it may import beyond the standard
// library and its own children. The rule with the longest matching folder holds.
type rule struct {
	dir string
	// own are folders of this module; "x/..." includes what is below x, and "*" in
	// place of a segment stands for the segment that dir's "*" matched.
	own []string
	// modules are third-party import paths, with all that is below them.
	modules []string
	// alone: not even its own children.
	alone bool
}

// toolboxes are what any adapter may use. bot/config is one of them for the sake
// of its types: an integration's configuration struct names secrets and sizes.
func toolboxes(more ...string) []string {
	return append([]string{"bot", "bot/rest", "bot/sign", "bot/gitpush", "bot/sandbox", "bot/jenkinsfile", "bot/config"}, more...)
}

// rules is the one table of who may import whom. A third-party module is listed
// with the only packages that may know of it.
func rules() []rule {
	const (
		yaml   = "github.com/goccy/go-yaml"
		goGit  = "github.com/go-git/go-git/v5"
		schema = "github.com/santhosh-tekuri/jsonschema/v6"
		sys    = "golang.org/x/sys"
		sync   = "golang.org/x/sync"
	)
	return []rule{
		{dir: "cmd", own: []string{"..."}, modules: []string{"github.com/spf13/cobra", "github.com/prometheus/client_golang", "golang.org/x/term", sync, sys}},

		{dir: "bot", alone: true},
		{dir: "bot/config", own: []string{"bot"}, modules: []string{yaml, "github.com/knadh/koanf/v2"}},
		{dir: "bot/rest", own: []string{"bot"}},
		{dir: "bot/sign", own: []string{"bot"}},
		{dir: "bot/gitpush", own: []string{"bot"}, modules: []string{goGit, "github.com/go-git/go-billy/v5"}},
		{dir: "bot/sandbox", own: []string{"bot"}, modules: []string{sys}},
		{dir: "bot/jenkinsfile", own: []string{"bot"}, modules: []string{"github.com/alecthomas/participle/v2"}},

		{dir: "bot/router", own: toolboxes()},
		{dir: "bot/policy", own: toolboxes(), modules: []string{"github.com/cedar-policy/cedar-go"}},
		{dir: "bot/operation", own: toolboxes(), modules: []string{sync}},
		{dir: "bot/bootstrap", own: toolboxes()},
		{dir: "bot/delivery", own: toolboxes(), modules: []string{yaml}},
		{dir: "bot/relay", own: toolboxes(), modules: []string{sync, "golang.org/x/time", "github.com/expr-lang/expr"}},
		{dir: "bot/mirror", own: toolboxes()},
		{dir: "bot/webhook", own: toolboxes(), modules: []string{"github.com/gin-gonic/gin", "golang.org/x/time"}},
		{dir: "bot/vault", own: toolboxes()},
		{dir: "bot/store", own: toolboxes(), modules: []string{
			"github.com/jackc/pgx/v5", "github.com/pressly/goose/v3", "github.com/riverqueue/river",
			"github.com/uptrace/bun", "modernc.org/sqlite", sys,
		}},
		// The store's suite, for both databases and for tests of what lies above it.
		{dir: "bot/store/storetest", own: []string{"bot", "bot/store"}, modules: append(testModules(), "github.com/uptrace/bun", "github.com/riverqueue/river")},

		{dir: "commands", own: []string{"bot", "commands/..."}},
		{dir: "commands/*", own: []string{"bot"}},

		{dir: "integrations", own: []string{"bot", "integrations/..."}},
		{dir: "integrations/*", own: toolboxes("integrations/*/...")},
		{dir: "integrations/console", own: toolboxes("integrations/console/..."), modules: []string{"github.com/gin-gonic/gin"}},
		{dir: "integrations/localgit", own: toolboxes("integrations/localgit/..."), modules: []string{goGit}},
		{dir: "integrations/localci", own: toolboxes("integrations/localci/..."), modules: []string{goGit, sync, sys}},
		{dir: "integrations/slack", own: toolboxes("integrations/slack/..."), modules: []string{"github.com/slack-go/slack", "github.com/gorilla/websocket", "golang.org/x/time"}},
		{dir: "integrations/mattermost", own: toolboxes("integrations/mattermost/..."), modules: []string{"github.com/mattermost/mattermost/server/public", "github.com/gorilla/websocket", "golang.org/x/time"}},
		{dir: "integrations/github", own: toolboxes("integrations/github/..."), modules: []string{"github.com/google/go-github/v60", "github.com/google/go-github/v88", "github.com/bradleyfalzon/ghinstallation/v2"}},
		{dir: "integrations/gitlab", own: toolboxes("integrations/gitlab/..."), modules: []string{"gitlab.com/gitlab-org/api/client-go"}},
		{dir: "integrations/gitea", own: toolboxes("integrations/gitea/..."), modules: []string{"code.gitea.io/sdk/gitea"}},
		{dir: "integrations/jenkins", own: toolboxes("integrations/jenkins/..."), modules: []string{"github.com/bndr/gojenkins"}},
		{dir: "integrations/localrun", own: toolboxes("integrations/localrun/..."), modules: []string{yaml, sync, sys}},

		{dir: "blueprints", own: toolboxes("templates"), modules: []string{"github.com/Masterminds/sprig/v3", schema, yaml}},
		{dir: "templates"},

		{dir: "test", own: []string{"..."}, modules: append(testModules(), goGit, yaml, "github.com/spf13/cobra")},
		// It ends processes and reads their databases from outside.
		{dir: "test/kill", own: []string{"..."}, modules: append(testModules(), sys, "modernc.org/sqlite")},
		{dir: "test/arch", own: []string{"test/arch"}},
		{dir: "test/chats", own: []string{"..."}, modules: append(testModules(), "github.com/prometheus/client_golang", "github.com/rs/zerolog", "golang.org/x/time")},
		{dir: "test/bench", own: []string{"..."}, modules: []string{"github.com/gin-gonic/gin"}},
		{dir: "test/conformance", own: []string{"bot/...", "test/..."}},
		{dir: "test/fakes", own: []string{"bot", "test/..."}, modules: []string{"github.com/gorilla/websocket", "github.com/slack-go/slack"}},
		{dir: "test/fakes/github/openapi", own: []string{"bot", "test/..."}, modules: []string{"github.com/getkin/kin-openapi"}},
	}
}

// testModules may be imported by every test, and by nothing that ships.
func testModules() []string {
	return []string{
		"github.com/rogpeppe/go-internal", "github.com/chromedp", "github.com/google/go-cmp", "go.uber.org/goleak",
		"pgregory.net/rapid", "github.com/Shopify/toxiproxy/v2", "github.com/getkin/kin-openapi", "github.com/jackc/pgx/v5",
		"golang.org/x/net", "github.com/santhosh-tekuri/jsonschema/v6",
	}
}

// testOwn are folders that every test may use besides its package's own rule: a
// test of one part may put it together with the real others. Commands and the
// engine still never see an integration, nor an integration its sibling.
func testOwn() []string {
	return []string{"bot/...", "test/conformance/...", "test/fakes/...", "templates", "blueprints"}
}

// topLevel are the only folders at the root.
func topLevel() []string {
	return []string{"cmd", "bot", "commands", "blueprints", "integrations", "templates", "test", "deploy"}
}

// junkNames say nothing about what is inside.
func junkNames() []string {
	return []string{"util", "utils", "common", "helper", "helpers", "misc", "shared", "lib"}
}

// list is a folder whose members are named in one visible file.
type list struct {
	dir  string // every folder in it is a member
	file string // where each is listed
	// imported: the member's import path must be in the file; otherwise its name as
	// a quoted text or in a go:embed pattern.
	imported bool
}

func lists() []list {
	return []list{
		{dir: "commands", file: "commands/commands.go", imported: true},
		{dir: "integrations", file: "integrations/integrations.go", imported: true},
		{dir: "templates/blueprints", file: "templates/templates.go"},
	}
}

// constructors make values that nobody can change afterwards, so that a package
// may keep one.
func constructors() []string {
	return []string{
		"errors.New", "fmt.Errorf", "bot.Errorf", "regexp.MustCompile", "strings.NewReplacer",
		"template.Must", "time.FixedZone", "time.Date", "netip.MustParsePrefix", "netip.MustParseAddr",
		"lexer.MustSimple", "lexer.MustStateful", "participle.MustBuild",
		"sync.OnceValue", "sync.OnceValues",
	}
}

// copiers are methods that leave their receiver as it is and return a changed
// copy; a chain of them on a constructor's value is as good as the value.
func copiers() []string { return []string{"Backoff", "Because", "Wait"} }

// The size budget.
const (
	mostFileLines   = 500
	usualFileLines  = 300 // nine of ten
	mostFuncLines   = 100
	usualFuncLines  = 55 // 95 of 100
	medianFuncLines = 12 // "about 10"
	mostMethods     = 5
)

// wideInterfaces are the listed exceptions from the bound on methods.
func wideInterfaces() map[string]string { return map[string]string{} }
