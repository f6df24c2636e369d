// Package config reads OpsBot's configuration: one strict YAML file, in which an
// unknown key is an error with its line, or none at all for the embedded stack.
//
// The sections of the core are typed here. A section below `integrations:` belongs
// to the integration it names, which decodes it into its own struct, as strictly.
// From the same tagged structs come the JSON Schema and the commented example.
// Secrets are never written in the file: see Secret.
package config

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"

	"opsbot/bot"
)

//go:embed default.yaml
var defaultYAML []byte

// Config is the whole configuration, checked and with its defaults filled in.
type Config struct {
	Listen      string `yaml:"listen" default:"127.0.0.1:8082" format:"hostport" doc:"Where webhooks, git, chat callbacks and health answer; the only listener that may be public."`
	Console     string `yaml:"console" default:"127.0.0.1:8080" format:"hostport" doc:"Where the web page answers."`
	Apps        string `yaml:"apps" default:"127.0.0.1:8081" format:"hostport" doc:"Where deployed apps answer, by host name."`
	PublicURL   string `yaml:"public_url" format:"url" example:"https://opsbot.example.com" doc:"How the listener is reached from outside; default: http:// and its address."`
	ConsoleURL  string `yaml:"console_url" format:"url" example:"https://console.example.com" doc:"How the page is reached; default: http:// and its address."`
	Data        string `yaml:"data" example:"/var/lib/opsbot" doc:"The data folder; default: below the user's state folder."`
	Policy      string `yaml:"policy" example:"policy.cedar" doc:"File of Cedar policies, relative to this file; default: the built-in policy."`
	Prefix      string `yaml:"prefix" default:"!" doc:"What begins a message that is for the bot without naming it; empty text: nothing does."`
	UnsafeLocal bool   `yaml:"unsafe_local" default:"false" doc:"Run builds without a sandbox where there is no bubblewrap; only with the page on a loopback address."`

	Store        Store               `yaml:"store" doc:"Where everything is kept."`
	Secrets      Secrets             `yaml:"secrets" doc:"The key of projects' secrets."`
	Log          Log                 `yaml:"log" doc:"What is logged, to standard error."`
	Integrations Integrations        `yaml:"integrations" doc:"The outside systems by name; the type selects what the other keys are."`
	Defaults     Defaults            `yaml:"defaults" doc:"What a command uses when it is not told."`
	Environments []Environment       `yaml:"environments" doc:"Where projects are deployed to, in the order of promotion."`
	Groups       map[string][]string `yaml:"groups" doc:"The policy's groups: name to members, each INTEGRATION:ACCOUNT-ID, INTEGRATION:group/ID, role/NAME or channel/ID for a chat's own groups, or a bare name for a user of the console."`
	Teams        []string            `yaml:"teams" example:"payments" doc:"The teams that a project can be made for; the jobs of each lie in a folder of its name."`
	TrustEmail   []string            `yaml:"trust_email" example:"slack" doc:"The chats whose verified e-mail addresses tell that two accounts are one person's; default: none, people use link."`
	Rooms        []Room              `yaml:"rooms" doc:"Rooms with a look of their own."`

	from *vault
	root *node
	file string
}

// Store says where everything is kept.
type Store struct {
	URL      string `yaml:"url" example:"postgres://opsbot@db/opsbot" doc:"PostgreSQL's URL, without a password; default: SQLite in the data folder."`
	Password Secret `yaml:"password" example:"env:OPSBOT_DB_PASSWORD" doc:"The password of the URL's user."`
}

// Secrets says with which key projects' secrets are sealed.
type Secrets struct {
	Key     Secret   `yaml:"key" example:"file:/etc/opsbot/secrets.key" doc:"32 bytes as base64 (head -c 32 /dev/urandom | base64), the same for all replicas; default: secrets.key in the data folder, made when the first secret is set."`
	OldKeys []Secret `yaml:"old_keys" example:"file:/etc/opsbot/former.key" doc:"Former keys: what they sealed can be read, and is sealed anew with key at start. A new key goes here on all replicas first, then in key on all, the former one here."`
}

// Log says what is logged and how.
type Log struct {
	Level  string `yaml:"level" default:"info" enum:"debug|info|warn|error" doc:"The least that is logged."`
	Format string `yaml:"format" default:"auto" enum:"auto|text|json" doc:"auto: text on a terminal, JSON otherwise."`
}

// Defaults are what a command uses when it is not told. Empty fields are filled by
// whoever knows better: the only forge, the newcomer's blueprint.
type Defaults struct {
	Forge     string   `yaml:"forge" example:"github" doc:"The integration that keeps repositories."`
	Pipeline  string   `yaml:"pipeline" example:"jenkins" doc:"The integration that builds."`
	Provision []string `yaml:"provision" example:"sonarqube" doc:"The integrations that make something for every new project, besides forge and pipeline."`
	Blueprint string   `yaml:"blueprint" example:"go-service" doc:"The blueprint of a new project."`
	Owner     string   `yaml:"owner" example:"foo-org" doc:"The owner of new repositories; default: the forge's first one."`
	Room      string   `yaml:"room" example:"slack:#deployments" doc:"The room of what belongs to no other, as INTEGRATION:ROOM."`
	BotName   string   `yaml:"bot_name" default:"opsbot" format:"name" doc:"What the bot is called in chats."`
}

// Environment is a place that projects are deployed to. Its fields are those of
// bot.Environment.
type Environment struct {
	Name      string `yaml:"name" required:"true" format:"name" example:"production" doc:"What people call it."`
	Deployer  string `yaml:"deployer" required:"true" example:"prod" doc:"The integration that deploys there."`
	Auto      string `yaml:"auto" example:"main" doc:"The branch that is deployed without being asked for."`
	After     string `yaml:"after" example:"staging" doc:"The environment in which a version must have succeeded first."`
	Approvals int    `yaml:"approvals" default:"0" doc:"How many other people must approve a deployment."`
	Strategy  string `yaml:"strategy" example:"canary" doc:"How the deployer brings a version in, in its own words."`
}

// Room is a room with a look of its own.
type Room struct {
	Room  string `yaml:"room" required:"true" example:"slack:#deployments" doc:"The room, as INTEGRATION:ROOM."`
	Style string `yaml:"style" default:"cards" enum:"cards|lines" doc:"One card per change, edited in place, or one line per event."`
}

// Load reads and checks the configuration in the file path; with path "" the
// embedded stack. A section that the file leaves out has its default; without
// `integrations` it is the embedded stack's, environments and defaults included.
// environ gives environment variables for secrets; it is asked when one is
// resolved. The error is a *bot.Error with CodeInvalid whose cause is Problems.
func Load(path string, environ func(string) (string, bool)) (*Config, error) {
	if path == "" {
		return load("", ".", defaultYAML, environ)
	}
	data, err := readFile(path)
	if err != nil {
		return nil, Problems{{File: path, Text: err.Error()}}.err()
	}
	return load(path, filepath.Dir(path), data, environ)
}

// readFile reads at most a byte more than is allowed; parse then says so.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		var pathErr *os.PathError
		if errors.As(err, &pathErr) {
			return nil, fmt.Errorf("cannot be opened: %w", pathErr.Err)
		}
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err != nil {
		return nil, errors.New("cannot be read: is it a file?")
	}
	return data, nil
}

func load(file, dir string, data []byte, environ func(string) (string, bool)) (*Config, error) {
	root, err := parse(file, data)
	if err != nil {
		return nil, err
	}
	if root.get("integrations") == nil {
		if err := addEmbedded(root); err != nil {
			return nil, err
		}
	}
	c := &Config{from: &vault{environ: environ, dir: dir}, root: root, file: file}
	d := &decoder{file: file, from: c.from}
	d.value(root, reflect.ValueOf(c).Elem(), "")
	if err := d.problems.err(); err != nil {
		return nil, err
	}
	c.Data, c.Policy = below(dir, c.Data), below(dir, c.Policy)
	return c, nil
}

// addEmbedded gives a file without integrations the embedded ones, with what they
// are the defaults for; what the file does say stands.
func addEmbedded(root *node) error {
	embedded, err := parse("", defaultYAML)
	if err != nil {
		return err
	}
	for _, e := range embedded.entries {
		have := root.get(e.key)
		switch {
		case have == nil:
			root.entries = append(root.entries, e)
		case e.key == "defaults" && have.kind == mapKind:
			for _, d := range e.value.entries {
				if have.get(d.key) == nil {
					have.entries = append(have.entries, d)
				}
			}
		}
	}
	return nil
}

// below makes a path of the file absolute or relative to the working folder.
func below(dir, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// OnSecret has f called with the value of every secret of this configuration when
// it is resolved, before the caller of Resolve gets it: for masking. It is called
// again for the same value, and from any goroutine.
func (c *Config) OnSecret(f func(value string)) { c.from.observe(f) }

// BotEnvironments gives the environments as the core's noun, in order.
func (c *Config) BotEnvironments() []bot.Environment {
	out := make([]bot.Environment, len(c.Environments))
	for i, e := range c.Environments {
		out[i] = bot.Environment(e)
	}
	return out
}
