package jenkins

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// scan is the newest indexing of a multibranch project.
type scan struct {
	count    int
	cause    string
	started  time.Time
	due      time.Time
	running  bool
	finished string // the log
	head     string
}

// startScan begins to index; one that runs goes on.
func (i *item) startScan(cause string) {
	if i.scan.running || len(i.settings.Sources) == 0 {
		return
	}
	now := i.server.clock.Now()
	i.scan.count++
	i.scan.cause, i.scan.started, i.scan.due, i.scan.running = cause, now, now.Add(i.server.cfg.indexing), true
	i.scan.head = fmt.Sprintf("%s\n[%s] Starting branch indexing...\n > git --version # timeout=10\n > git ls-remote --symref -- %s # timeout=10\n",
		cause, stamp(now), i.settings.Sources[0].url())
}

func stamp(t time.Time) string { return t.UTC().Format("Mon Jan 02 15:04:05 MST 2006") }

func (i *item) scanLog() string {
	switch {
	case i.scan.count == 0:
		return "No such file: indexing.log\n"
	case i.scan.running:
		return i.scan.head
	default:
		return i.scan.finished
	}
}

func (s *Server) triggerScan(w http.ResponseWriter, r *request, i *item) {
	if !s.require(w, r.caller, ItemBuild) {
		return
	}
	if i.settings.Disabled {
		oops(w)
		return
	}
	i.startScan("Started by user " + r.name())
	s.redirect(w, i.path())
}

// index looks at the sources as they are now and writes the log.
func (i *item) index() {
	var log strings.Builder
	log.WriteString(i.scan.head)
	i.scan.running = false
	defer func() { i.scan.finished = log.String() }()
	now := i.server.clock.Now()
	done := fmt.Sprintf("[%s] Finished branch indexing. Indexing took 0.35 sec\n", stamp(now))
	for _, src := range i.settings.Sources {
		repo := i.server.repo(src.url())
		if repo == nil {
			fmt.Fprintf(&log, "ERROR: [%s] Could not update folder level actions from source %s\n%sFATAL: Failed to recompute children of %s\n", stamp(now), src.ID, done, i.name)
			fmt.Fprintf(&log, "hudson.plugins.git.GitException: Command \"git ls-remote --symref -- %s\" returned status code 128:\nstdout: \nstderr: fatal: repository '%s/' not found\n\n\tat PluginClassLoader for git-client//org.jenkinsci.plugins.gitclient.CliGitAPIImpl.launchCommandIn(CliGitAPIImpl.java:2846)\nFinished: FAILURE\n", src.url(), src.url())
			return
		}
		if src.discovers() {
			log.WriteString("Checking branches...\n")
			i.indexSource(&log, src, repo)
		}
	}
	log.WriteString(done + "Finished: SUCCESS\n")
}

func (i *item) indexSource(log *strings.Builder, src source, repo *Repo) {
	id := src.ID
	if id == "" {
		id = fmt.Sprint("generated-", i.scan.count) // another with every post of the config
	}
	seen := map[string]bool{}
	for _, name := range repo.names() {
		c := repo.branches[name]
		fmt.Fprintf(log, "  Checking branch %s\n", name)
		if c.program == nil {
			fmt.Fprintf(log, "      ‘%s’ not found\n    Does not meet criteria\n", i.settings.ScriptPath)
			continue
		}
		seen[name] = true
		fmt.Fprintf(log, "      ‘%s’ found\n    Met criteria\n", i.settings.ScriptPath)
		i.indexBranch(log, id, name, c)
	}
	fmt.Fprintf(log, "Processed %d branches\n", len(repo.branches))
	for _, b := range i.children {
		if !seen[b.display] && b.sourceID == id {
			b.dead = true
		}
	}
}

func (i *item) indexBranch(log *strings.Builder, sourceID, name string, c *commit) {
	b := i.child(i.server.cfg.encode(name))
	switch {
	case b == nil:
		b = &item{server: i.server, parent: i, kind: kindBranch, name: i.server.cfg.encode(name), display: name, created: i.server.clock.Now()}
		i.children = append(i.children, b)
	case b.sourceID != sourceID:
		fmt.Fprintf(log, "Takeover for %s » %s by source #1 from source that no longer exists\nBranch reopened: %s (%s)\n", i.name, name, name, c.id)
	case b.dead:
		fmt.Fprintf(log, "Branch reopened: %s (%s)\n", name, c.id)
	case b.head == c.id:
		fmt.Fprintf(log, "No changes detected: %s (still at %s)\n", name, c.id)
		return
	default:
		fmt.Fprintf(log, "Changes detected: %s (%s → %s)\n", name, b.head, c.id)
	}
	b.sourceID, b.head, b.dead = sourceID, c.id, false
	fmt.Fprintf(log, "Scheduled build for branch: %s\n", name)
	i.server.schedule(b, []object{{"_class": "jenkins.branch.BranchIndexingCause", "shortDescription": "Branch indexing"}}, nil, i.server.cfg.quiet)
}

// encodeName is how the name of a branch becomes the name of its job: Jenkins
// escapes some characters of it.
func encodeName(branch string) string {
	return strings.NewReplacer("%", "%25", "/", "%2F", "#", "%23", "?", "%3F", `\`, "%5C", "[", "%5B", "]", "%5D").Replace(branch)
}

// Prune removes the job of a branch that is gone, with its builds, as Jenkins does
// with orphans in time.
func (s *Server) Prune(fullName string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	if i := s.find(fullName); i != nil && i.kind == kindBranch {
		i.parent.children = slices.DeleteFunc(i.parent.children, func(c *item) bool { return c == i })
	}
}
