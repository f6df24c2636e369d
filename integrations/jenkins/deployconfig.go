package jenkins

import (
	"maps"
	"strings"
	"text/template"

	"opsbot/bot"
	"opsbot/bot/config"
)

// DeployConfig says which job of Jenkins deploys, and with which parameters. Every
// text is a template over DeployValues.
type DeployConfig struct {
	Job          string                    `yaml:"job" json:"job,omitempty" example:"team/deploy" doc:"The parameterised job that deploys. All texts of this section are templates: {{.Project}}, {{.Version}}, {{.Environment}}, {{.Commit}}, {{.Branch}}, {{.Number}}, {{.Previous}}, {{.ArtifactURL}}, {{.ArtifactDigest}}, {{.Owner}}, {{.Team}}, {{.Verb}} and {{.DeploymentID}}."`
	Parameters   map[string]string         `yaml:"parameters" json:"parameters,omitempty" example:"VERSION: '{{.Version}}'" doc:"Its parameters. Give one {{.DeploymentID}}, so that a build is found again for certain when Jenkins' answer was lost."`
	RollbackJob  string                    `yaml:"rollback_job" json:"rollback_job,omitempty" example:"team/rollback" doc:"The job for going back, with the same parameters; without one, job."`
	RemoveJob    string                    `yaml:"remove_job" json:"remove_job,omitempty" example:"team/remove" doc:"The job that takes an app out of an environment, with the same parameters. Without one OpsBot cannot."`
	URL          string                    `yaml:"url" json:"url,omitempty" example:"https://{{.Project}}.example.com" doc:"Where an app answers: of project and environment."`
	Environments map[string]DeployOverride `yaml:"environments" json:"environments,omitempty" example:"production: { job: team/deploy-production }" doc:"What is different in an environment."`
}

// DeployOverride is what is different in one environment; its parameters are added to
// the others.
type DeployOverride struct {
	Job         string            `yaml:"job" json:"job,omitempty" doc:"As above."`
	Parameters  map[string]string `yaml:"parameters" json:"parameters,omitempty" doc:"As above."`
	RollbackJob string            `yaml:"rollback_job" json:"rollback_job,omitempty" doc:"As above."`
	RemoveJob   string            `yaml:"remove_job" json:"remove_job,omitempty" doc:"As above."`
	URL         string            `yaml:"url" json:"url,omitempty" doc:"As above."`
}

// DeployValues is what the templates of a deploy section may use.
type DeployValues struct {
	Project        string // its slug
	Owner          string // the forge's organisation
	Team           string
	Version        string // its label; "" for a removal
	Environment    string
	Commit         string
	Branch         string
	Number         int    // of the build
	Previous       string // label of what runs now; "" if nothing does
	ArtifactURL    string // where the source keeps what the project wants to run; "" if it has no address
	ArtifactDigest string // "sha256:..."; "" if there is no artifact
	Verb           string // deploy, promote, rollback, restart or remove
	DeploymentID   string // another one for every deployment
}

// in gives the section as it is in one environment.
func (c DeployConfig) in(environment string) DeployConfig {
	for name, o := range c.Environments {
		if !strings.EqualFold(name, environment) {
			continue
		}
		for _, pair := range []struct {
			to   *string
			from string
		}{{&c.Job, o.Job}, {&c.RollbackJob, o.RollbackJob}, {&c.RemoveJob, o.RemoveJob}, {&c.URL, o.URL}} {
			if pair.from != "" {
				*pair.to = pair.from
			}
		}
		if len(o.Parameters) > 0 {
			c.Parameters = maps.Clone(c.Parameters)
			if c.Parameters == nil {
				c.Parameters = map[string]string{}
			}
			maps.Copy(c.Parameters, o.Parameters)
		}
	}
	return c
}

// validate tries every template, so that a slip is found at the start.
func (c DeployConfig) validate() error {
	if c.Job == "" && (len(c.Parameters) > 0 || c.RollbackJob != "" || c.RemoveJob != "" || c.URL != "" || len(c.Environments) > 0) {
		return config.Fieldf("deploy.job", "is missing: the job that deploys")
	}
	if err := c.validateIn("deploy"); err != nil {
		return err
	}
	for name := range c.Environments {
		if err := c.in(name).validateIn("deploy.environments." + name); err != nil {
			return err
		}
	}
	return nil
}

func (c DeployConfig) validateIn(at string) error {
	sample := DeployValues{
		Project: "shop", Owner: "acme", Team: "web", Version: "1.0-7-gabc", Environment: "staging", Commit: "abc", Branch: "main", Number: 7,
		Previous: "0.9", ArtifactURL: "https://x/a.tgz", ArtifactDigest: "sha256:0", Verb: "deploy", DeploymentID: "1",
	}
	for key, text := range map[string]string{"job": c.Job, "rollback_job": c.RollbackJob, "remove_job": c.RemoveJob} {
		name, err := sample.render(text)
		if err == nil && text != "" {
			err = checkFullName(name)
		}
		if err != nil {
			return config.Fieldf(at+"."+key, "%s", bot.MessageOf(err))
		}
	}
	if _, err := sample.render(c.URL); err != nil {
		return config.Fieldf(at+".url", "%s", bot.MessageOf(err))
	}
	for key, text := range c.Parameters {
		if key == "" {
			return config.Fieldf(at+".parameters", "a parameter has no name")
		}
		if _, err := sample.render(text); err != nil {
			return config.Fieldf(at+".parameters."+key, "%s", bot.MessageOf(err))
		}
	}
	return nil
}

// maxValue bounds a value that a template makes.
const maxValue = 4 << 10

func (v DeployValues) render(text string) (string, error) {
	t, err := template.New("").Option("missingkey=error").Parse(text)
	if err != nil {
		return "", bot.Errorf(bot.CodeInvalid, "%q is no template that can be read: %s", bot.Shorten(text, 100), bot.Shorten(err.Error(), 200))
	}
	var out strings.Builder
	if err := t.Execute(&out, v); err != nil {
		return "", bot.Errorf(bot.CodeInvalid, "The template %q cannot be filled in: %s", bot.Shorten(text, 100), bot.Shorten(err.Error(), 200))
	}
	if out.Len() > maxValue {
		return "", bot.Errorf(bot.CodeTooLarge, "The template %q makes more than %d KiB.", bot.Shorten(text, 100), maxValue>>10)
	}
	return out.String(), nil
}

func (v DeployValues) renderAll(texts map[string]string) (map[string]string, error) {
	out := map[string]string{}
	for name, text := range texts {
		value, err := v.render(text)
		if err != nil {
			return nil, err
		}
		out[name] = value
	}
	return out, nil
}
