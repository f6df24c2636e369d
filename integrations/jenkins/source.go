package jenkins

import (
	"net/url"
	"strings"
	"time"

	"opsbot/bot"
	"opsbot/integrations/jenkins/jobxml"
)

// project is the configuration of the job that spec wants.
func (s *Service) project(spec bot.JobSpec) (jobxml.Project, error) {
	source, err := s.source(spec)
	if err != nil {
		return jobxml.Project{}, err
	}
	p := jobxml.Project{
		Description: marker{Project: spec.ProjectID, Operation: spec.Operation}.text(),
		Source:      source, ScriptPath: s.config.Jenkinsfile,
		Orphans: orphans(s.config.KeepDays),
		Rescan:  rescan(s.config.Rescan),
	}
	return p, nil
}

// source is the branch source for the host of the repository.
func (s *Service) source(spec bot.JobSpec) (jobxml.Source, error) {
	u, err := url.Parse(spec.Source.URL)
	switch {
	case spec.Source.Path:
		return nil, bot.Errorf(bot.CodeUnsupported, "Jenkins cannot clone from a folder of OpsBot's machine: %s needs a forge that Jenkins reaches.", spec.Name)
	case err != nil || u.Host == "" || u.User != nil:
		return nil, bot.Errorf(bot.CodeInvalid, "The address of the repository of %s is no URL that Jenkins could clone from.", spec.Name)
	}
	forge := s.forge(u.Host)
	if spec.Source.Credentials != "" {
		forge.Credentials = spec.Source.Credentials
	}
	discover := jobxml.Discover{
		Branches: s.config.Branches, Tags: s.config.Tags, PullRequests: s.config.PullRequests, Forks: s.config.Forks,
	}
	// The id never changes: with another one Jenkins would build all branches anew.
	id := "opsbot-" + spec.ProjectID
	owner, name := splitName(strings.TrimSuffix(strings.Trim(u.Path, "/"), ".git"))
	if forge.Source != "git" && (owner == "" || name == "") {
		return nil, bot.Errorf(bot.CodeInvalid, "The address of the repository of %s has no owner and name.", spec.Name)
	}
	server := forge.Server
	switch forge.Source {
	case "github":
		api := server
		if api == "" && !strings.EqualFold(u.Host, "github.com") {
			api = u.Scheme + "://" + u.Host + "/api/v3"
		}
		return jobxml.GitHubSource{ID: id, APIURL: api, Owner: owner, Repository: name, URL: spec.Source.URL, Credentials: forge.Credentials, Discover: discover}, nil
	case "gitea":
		if server == "" {
			server = u.Scheme + "://" + u.Host
		}
		return jobxml.GiteaSource{ID: id, ServerURL: server, Owner: owner, Repository: name, Credentials: forge.Credentials, Discover: discover}, nil
	case "gitlab":
		if server == "" {
			server = "default"
		}
		return jobxml.GitLabSource{ID: id, Server: server, Owner: owner, Path: owner + "/" + name, Credentials: forge.Credentials, Discover: discover}, nil
	default:
		return jobxml.GitSource{ID: id, Remote: spec.Source.URL, Credentials: forge.Credentials, Discover: discover}, nil
	}
}

// forge is what the configuration says about a host.
func (s *Service) forge(host string) ForgeConfig {
	f := ForgeConfig{Host: host}
	for _, one := range s.config.Forges {
		if strings.EqualFold(one.Host, host) {
			f = one
		}
	}
	if f.Source == "" {
		f.Source = map[string]string{"github.com": "github", "gitlab.com": "gitlab"}[strings.ToLower(host)]
	}
	return f
}

// orphans: Jenkins takes two bounds of -1 for "remove at once".
func orphans(days int) jobxml.Orphans {
	switch {
	case days > 0:
		return jobxml.Orphans{Days: days, Number: -1}
	case days < 0:
		return jobxml.Orphans{Keep: true, Days: -1, Number: -1}
	}
	return jobxml.Orphans{Days: -1, Number: -1}
}

// rescan gives the interval as Jenkins keeps it: one of those that its form offers,
// with the cron line that it would write.
func rescan(every time.Duration) jobxml.Rescan {
	if every <= 0 {
		return jobxml.Rescan{}
	}
	table := []struct {
		upTo time.Duration
		spec string
	}{
		{time.Minute, "* * * * *"},
		{5 * time.Minute, "H/5 * * * *"},
		{15 * time.Minute, "H/15 * * * *"},
		{30 * time.Minute, "H/15 * * * *"},
		{time.Hour, "H * * * *"},
		{4 * time.Hour, "H H/4 * * *"},
		{24 * time.Hour, "H H/4 * * *"},
	}
	for _, t := range table {
		if every <= t.upTo {
			return jobxml.Rescan{Spec: t.spec, Millis: t.upTo.Milliseconds()}
		}
	}
	return jobxml.Rescan{Spec: "H H * * *", Millis: (7 * 24 * time.Hour).Milliseconds()}
}

// marker is how a job tells which project it is of and what made it: two lines of
// its description, the only text that Jenkins keeps whatever plugins it has.
type marker struct{ Project, Operation string }

const (
	markProject   = "OpsBot-Project: "
	markOperation = "OpsBot-Operation: "
)

func (m marker) text() string {
	return "Made and kept by OpsBot; changes of the source are overwritten.\n" + markProject + m.Project + "\n" + markOperation + m.Operation
}

// readMarker finds the lines; the zero marker if there are none.
func readMarker(description string) (m marker) {
	for line := range strings.Lines(description) {
		line = strings.TrimSpace(line)
		if v, ok := strings.CutPrefix(line, markProject); ok {
			m.Project = v
		}
		if v, ok := strings.CutPrefix(line, markOperation); ok {
			m.Operation = v
		}
	}
	return m
}
