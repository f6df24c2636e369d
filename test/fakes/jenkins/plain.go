package jenkins

import (
	"slices"
	"strings"
	"time"
)

// Plain is a job of its own: no branch of a multibranch project.
type Plain struct {
	// Freestyle makes it one without a pipeline.
	Freestyle  bool
	Parameters []Parameter
	// Run is what a build with these parameters does; nil: one stage that succeeds.
	Run func(parameters map[string]string) *Program
}

// AddJob adds a plain job, with the folders along its full name.
func (s *Server) AddJob(fullName string, p Plain) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, parts := s.root, strings.Split(fullName, "/")
	for i, name := range parts {
		next := at.child(name)
		if next == nil {
			next = &item{server: s, parent: at, kind: kindFolder, name: name, config: "<" + string(kindFolder) + "/>", created: s.clock.Now()}
			at.children = append(at.children, next)
		}
		if at = next; i == len(parts)-1 {
			at.kind, at.plain, at.params = kindPipeline, &p, p.Parameters
		}
	}
}

// Ran is a build of a job.
type Ran struct {
	Number     int
	Parameters map[string]string
	Result     string // "" while it runs
	Ended      time.Time
}

// Builds lists the builds of a job, oldest first.
func (s *Server) Builds(fullName string) []Ran {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	var all []Ran
	if i := s.find(fullName); i != nil {
		for _, b := range i.builds {
			all = append(all, Ran{Number: b.number, Parameters: b.item.values(), Result: b.result, Ended: b.ended})
		}
	}
	return all
}

// Discard forgets a build, as the rotation of builds does.
func (s *Server) Discard(fullName string, number int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	if i := s.find(fullName); i != nil {
		i.builds = slices.DeleteFunc(i.builds, func(b *build) bool { return b.number == number })
	}
}

// values are the parameters as text.
func (q *queued) values() map[string]string {
	out := map[string]string{}
	for _, p := range q.params {
		name, _ := p["name"].(string)
		switch v := p["value"].(type) {
		case string:
			out[name] = v
		case bool:
			out[name] = map[bool]string{true: "true", false: "false"}[v]
		}
	}
	return out
}

// class is what Jenkins calls a job, and its builds.
func (i *item) class() (job, run string) {
	if i.plain != nil && i.plain.Freestyle {
		return "hudson.model.FreeStyleProject", "hudson.model.FreeStyleBuild"
	}
	return strings.TrimSpace(string(i.kind)), "org.jenkinsci.plugins.workflow.job.WorkflowRun"
}
