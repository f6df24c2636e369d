package jenkins

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"opsbot/bot"
	"opsbot/integrations/jenkins/jobxml"
)

// Probe tells whether OpsBot could work with this Jenkins: it reads only.
func (s *Service) Probe(ctx context.Context) []bot.Finding {
	var root struct {
		QuietingDown bool `json:"quietingDown"`
		UseSecurity  bool `json:"useSecurity"`
	}
	_, header, err := s.get(ctx, "/api/json", query{"tree": "quietingDown,useSecurity"}, "application/json")
	if err == nil {
		err = s.getJSON(ctx, "/", "quietingDown,useSecurity", &root)
	}
	if err != nil {
		return []bot.Finding{{Subject: "login", Text: bot.MessageOf(err)}}
	}
	out := []bot.Finding{s.probeServer(header), s.probeClock(header), s.probeUser(ctx)}
	if root.QuietingDown {
		out = append(out, bot.Finding{Subject: "queue", Text: "Jenkins is about to shut down: nothing leaves its queue."})
	}
	if s.config.Folder != "" {
		out = append(out, s.probeFolder(ctx))
	}
	out = append(out, s.probePlugins(ctx)...)
	return append(out, s.probeHooks(ctx))
}

func (s *Service) probeServer(h http.Header) bot.Finding {
	version := h.Get("X-Jenkins")
	if version == "" {
		return bot.Finding{Subject: "server", Text: "What answers at " + s.config.URL + " does not call itself a Jenkins (no X-Jenkins header)."}
	}
	return bot.Finding{OK: true, Subject: "server", Text: "Jenkins " + bot.Shorten(version, 40)}
}

func (s *Service) probeClock(h http.Header) bot.Finding {
	at, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return bot.Finding{OK: true, Subject: "clock", Text: "Jenkins does not tell its time."}
	}
	if off := s.env.Clock.Now().Sub(at).Abs(); off > time.Minute {
		return bot.Finding{Subject: "clock", Text: fmt.Sprintf("The clocks of Jenkins and OpsBot differ by %s; set both by NTP.", bot.Span(off))}
	}
	return bot.Finding{OK: true, Subject: "clock", Text: "agrees within a minute"}
}

func (s *Service) probeUser(ctx context.Context) bot.Finding {
	var who struct {
		Name      string `json:"name"`
		Anonymous bool   `json:"anonymous"`
	}
	if err := s.getJSON(ctx, "/whoAmI/", "", &who); err != nil {
		return bot.Finding{Subject: "login", Text: bot.MessageOf(err)}
	}
	if who.Anonymous {
		return bot.Finding{Subject: "login", Text: "Jenkins takes OpsBot for anonymous: does a proxy drop the Authorization header?"}
	}
	return bot.Finding{OK: true, Subject: "login", Text: "as " + bot.Shorten(who.Name, 60)}
}

func (s *Service) probeFolder(ctx context.Context) bot.Finding {
	class, err := s.classOf(ctx, s.config.Folder)
	switch {
	case httpStatus(err) == http.StatusNotFound:
		return bot.Finding{OK: true, Subject: "folder", Text: "The folder " + s.config.Folder + " is not there (or hidden from OpsBot); it is made with the first job."}
	case err != nil:
		return bot.Finding{Subject: "folder", Text: bot.MessageOf(err)}
	case class != jobxml.FolderClass:
		return bot.Finding{Subject: "folder", Text: s.config.Folder + " is no folder: name another one."}
	}
	return bot.Finding{OK: true, Subject: "folder", Text: s.config.Folder}
}

// probePlugins names what is missing. Reading the list needs a permission that
// OpsBot's account does well without.
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
		return []bot.Finding{{OK: true, Subject: "plugins", Text: "Whether all are there can't be seen by OpsBot's account; what is missing is named when a job is made."}}
	}
	if err != nil {
		return []bot.Finding{{Subject: "plugins", Text: bot.MessageOf(err)}}
	}
	have := map[string]string{}
	for _, p := range got.Plugins {
		if p.Active {
			have[p.Name] = p.Version
		}
	}
	need := []string{"workflow-multibranch", "git"}
	for _, f := range s.config.Forges {
		need = append(need, map[string]string{"github": "github-branch-source", "gitea": "gitea", "gitlab": "gitlab-branch-source", "git": "git"}[s.forge(f.Host).Source])
	}
	var out []bot.Finding
	told := map[string]bool{"": true}
	for _, name := range need {
		if version, ok := have[name]; !told[name] {
			told[name] = true
			f := bot.Finding{OK: ok, Subject: "plugin " + name, Text: bot.Shorten(version, 40)}
			if !ok {
				f.Text = "is not installed or not active"
			}
			out = append(out, f)
		}
	}
	if _, ok := have["pipeline-stage-view"]; !ok {
		if _, ok := have["pipeline-rest-api"]; !ok {
			out = append(out, bot.Finding{OK: true, Subject: "plugin pipeline-stage-view", Text: "is not there: stages are read from the log, input steps are not shown"})
		}
	}
	return out
}

func (s *Service) probeHooks(ctx context.Context) bot.Finding {
	if _, err := s.hookSecret(ctx); err != nil {
		return bot.Finding{OK: true, Subject: "notifications", Text: "There is no webhook_secret: OpsBot polls."}
	}
	return bot.Finding{OK: true, Subject: "notifications", Text: "are taken at " + s.env.PublicURL + "/hooks/" + s.env.Name + "/PROJECT/TOKEN"}
}
