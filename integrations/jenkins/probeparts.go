package jenkins

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"opsbot/bot"
	"opsbot/bot/rest"
)

// permissions are those that OpsBot's account needs, as Jenkins' pages call them.
const permissions = "Overall/Read and, for its jobs, Job/Read, Job/Create, Job/Configure, Job/Build, Job/Cancel, Job/Delete"

// probePermissions tries the two that can be tried by reading; Jenkins has no list of
// what an account may do.
func (s *Service) probePermissions(ctx context.Context) []bot.Finding {
	var out []bot.Finding
	if s.config.Folder == "" {
		_, err := s.rest.Do(ctx, rest.Request{Path: "/checkJobName", Query: url.Values{"value": {"opsbot-probe"}}, Header: http.Header{"Accept": {"*/*"}}})
		out = append(out, s.lacks(err)...)
	}
	if jobs, err := s.known(ctx); err == nil {
		for _, list := range jobs {
			_, err := s.readJob(ctx, list[0].Name)
			out = append(out, s.lacks(err)...)
			break
		}
	}
	if len(out) > 0 {
		return out
	}
	return []bot.Finding{{OK: true, Subject: "permissions", Text: "needed are " + permissions}}
}

// lacks is the finding of a refusal for want of a permission.
func (s *Service) lacks(err error) []bot.Finding {
	var status *rest.StatusError
	if !errors.As(err, &status) || status.Header.Get("X-Required-Permission") == "" {
		return nil // the matter of another finding
	}
	return []bot.Finding{{Subject: "permissions", Text: fmt.Sprintf("OpsBot's user %s lacks %s; needed are %s.", s.config.User, permissionName(status.Header.Get("X-Required-Permission")), permissions)}}
}

// needed are the plugins without which jobs cannot be made or built.
func (s *Service) needed() []string {
	need := []string{"workflow-multibranch", "workflow-job", "git"}
	for _, f := range s.config.Forges {
		source := map[string]string{"github": "github-branch-source", "gitea": "gitea", "gitlab": "gitlab-branch-source"}[s.forge(f.Host).Source]
		if source != "" && !slices.Contains(need, source) {
			need = append(need, source)
		}
	}
	return need
}

// useful are plugins that OpsBot does without, and what is missing then.
func (s *Service) useful() map[string]string {
	return map[string]string{
		"pipeline-rest-api": "stages are read from the log, and what builds ask can't be answered in the chat",
		"junit":             "tests are not counted",
		"cloudbees-folder":  "jobs can't be put into folders",
	}
}

// probePlugins names those that are there, with their versions, and those that are
// not. Reading the list needs a permission that OpsBot's account does well without.
func (s *Service) probePlugins(ctx context.Context) []bot.Finding {
	var got struct {
		Plugins []struct {
			Name    string `json:"shortName"`
			Version string `json:"version"`
			Active  bool   `json:"active"`
		} `json:"plugins"`
	}
	err := s.getJSON(ctx, "/pluginManager/", "plugins[shortName,version,active]", &got)
	if bot.CodeOf(err) == bot.CodeForbidden {
		return []bot.Finding{{OK: true, Subject: "plugins", Text: "needed are " + strings.Join(s.needed(), ", ") +
			"; whether they are there can't be seen by OpsBot's account (Overall/SystemRead), what is missing is named when a job is made"}}
	}
	if err != nil {
		return []bot.Finding{{Subject: "plugins", Text: bot.MessageOf(err)}}
	}
	have := map[string]string{}
	for _, p := range got.Plugins {
		if p.Active {
			have[p.Name] = bot.Shorten(p.Version, 40)
		}
	}
	var out []bot.Finding
	for _, name := range s.needed() {
		version, ok := have[name]
		if !ok {
			version = "is not installed or not active"
		}
		out = append(out, bot.Finding{OK: ok, Subject: "plugin " + name, Text: version})
	}
	useful := s.useful()
	for _, name := range slices.Sorted(maps.Keys(useful)) {
		text, ok := have[name]
		if !ok {
			text = "is not there: " + useful[name]
		}
		out = append(out, bot.Finding{OK: true, Subject: "plugin " + name, Text: text})
	}
	return out
}

// probeDeploy looks at the jobs that deploy, those whose names depend on nothing.
func (s *Service) probeDeploy(ctx context.Context) []bot.Finding {
	if s.config.Deploy.Job == "" {
		return nil
	}
	sections := []DeployConfig{s.config.Deploy}
	for _, name := range slices.Sorted(maps.Keys(s.config.Deploy.Environments)) {
		sections = append(sections, s.config.Deploy.in(name))
	}
	var out []bot.Finding
	told := map[string]bool{}
	for _, c := range sections {
		names := slices.Sorted(maps.Keys(c.Parameters))
		for _, job := range []string{c.Job, c.RollbackJob, c.RemoveJob} {
			key := job + " " + strings.Join(names, " ")
			if job == "" || told[key] {
				continue
			}
			told[key] = true
			out = append(out, s.probeDeployJob(ctx, job, names))
		}
		marked := slices.ContainsFunc(slices.Collect(maps.Values(c.Parameters)), func(v string) bool { return v == "{{.DeploymentID}}" })
		if !marked && !told[""] {
			told[""] = true
			out = append(out, bot.Finding{OK: true, Subject: "deploy parameters", Text: "none is {{.DeploymentID}}: should Jenkins' answer be lost, the run is looked for by who asked for which parameters"})
		}
	}
	return out
}

func (s *Service) probeDeployJob(ctx context.Context, job string, names []string) bot.Finding {
	f := bot.Finding{OK: true, Subject: "deploy job " + job, Text: "can be run"}
	if strings.Contains(job, "{{") {
		f.Text = "is looked for when something is deployed"
		return f
	}
	b, err := s.deployJob(ctx, job)
	if err == nil {
		err = b.declares(job, names)
	}
	if err != nil {
		f.OK, f.Text = false, bot.MessageOf(err)
	}
	return f
}

// maxHooks is how many projects' addresses are listed.
const maxHooks = 50

// probeHooks tells where Jenkins may report, project by project: the addresses are
// secrets, and this is for the operator's eyes alone.
func (s *Service) probeHooks(ctx context.Context) []bot.Finding {
	if _, err := s.hookSecret(ctx); err != nil {
		return []bot.Finding{{OK: true, Subject: "notifications", Text: "There is no webhook_secret: OpsBot polls."}}
	}
	out := []bot.Finding{{OK: true, Subject: "notifications", Text: "are taken at " + s.env.PublicURL + "/hooks/" + s.env.Name + "/PROJECT/TOKEN"}}
	jobs, err := s.known(ctx)
	if err != nil {
		return out
	}
	for _, folder := range slices.Sorted(maps.Keys(jobs)) {
		for _, j := range jobs[folder] {
			if len(out) > maxHooks {
				return out
			}
			out = append(out, bot.Finding{OK: true, Subject: "notifications of " + j.Name, Text: s.HookURL(ctx, j.ProjectID)})
		}
	}
	return out
}
