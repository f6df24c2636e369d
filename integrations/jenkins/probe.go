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
	out = append(out, s.probePermissions(ctx)...)
	out = append(out, s.probePlugins(ctx)...)
	out = append(out, s.probeDeploy(ctx)...)
	return append(out, s.probeHooks(ctx)...)
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
