package jenkins

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"opsbot/bot"
)

// branchJSON is the job of a branch, or one of its own.
type branchJSON struct {
	Class           string      `json:"_class"`
	Name            string      `json:"name"`
	Color           string      `json:"color"`
	Buildable       bool        `json:"buildable"`
	InQueue         bool        `json:"inQueue"`
	NextBuildNumber int         `json:"nextBuildNumber"`
	QueueItem       *queueJSON  `json:"queueItem"`
	LastBuild       *buildJSON  `json:"lastBuild"`
	Builds          []buildJSON `json:"builds"`
	Property        []struct {
		Parameters []parameterJSON `json:"parameterDefinitions"`
	} `json:"property"`
}

type parameterJSON struct {
	Name    string   `json:"name"`
	Type    string   `json:"type"`
	Choices []string `json:"choices"`
}

func (b *branchJSON) parameters() []parameterJSON {
	for _, p := range b.Property {
		if len(p.Parameters) > 0 {
			return p.Parameters
		}
	}
	return nil
}

// last is the newest build, if there is one.
func (b *branchJSON) last() []buildJSON {
	if b.LastBuild == nil {
		return nil
	}
	return []buildJSON{*b.LastBuild}
}

func (b *branchJSON) parameterNames() []string {
	var names []string
	for _, d := range b.parameters() {
		names = append(names, d.Name)
	}
	return names
}

// checkChoices refuses a value that a choice does not offer: Jenkins would answer it
// with an "Oops".
func (b *branchJSON) checkChoices(values map[string]string) error {
	for _, d := range b.parameters() {
		if v, ok := values[d.Name]; ok && len(d.Choices) > 0 && !slices.Contains(d.Choices, v) {
			return bot.Errorf(bot.CodeInvalid, "%q is no value of the parameter %s%s", bot.Shorten(v, 60), d.Name, bot.Instead(v, d.Choices))
		}
	}
	return nil
}

const (
	actionsTree = "actions[_class,causes[_class,shortDescription,userId,userName],parameters[name,value]]"
	branchTree  = "name,color,buildable,inQueue,nextBuildNumber,lastBuild[number,queueId,building],property[parameterDefinitions[name,type,choices]]"
)

func (s *Service) readBranch(ctx context.Context, job, name string) (*branchJSON, error) {
	b := &branchJSON{}
	return b, s.getJSON(ctx, branchPath(job, name), branchTree, b)
}

// readHistory reads the newest builds and what waits, with why they were made.
func (s *Service) readHistory(ctx context.Context, job, name string, n int) (*branchJSON, error) {
	b := &branchJSON{}
	tree := fmt.Sprintf("name,queueItem[id,%s],builds[number,queueId,building,%s]{0,%d}", actionsTree, actionsTree, n)
	return b, s.getJSON(ctx, branchPath(job, name), tree, b)
}

// findBranch gives the job of a branch; nil if there is none. CodeNotFound if there
// is no such job at all.
func (s *Service) findBranch(ctx context.Context, job, branch string) (*branchJSON, error) {
	guess := s.nameOf(job, branch)
	b, err := s.readBranch(ctx, job, guess)
	if httpStatus(err) != http.StatusNotFound {
		return b, err
	}
	names, err := s.branchNames(ctx, job)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(names, func(n string) bool { return n != guess && decodeBranch(n) == branch })
	if i < 0 {
		return nil, nil //nolint:nilnil // none is an answer
	}
	s.odd.put(job, branch, names[i])
	return s.readBranch(ctx, job, names[i])
}

// branchNames lists the names of the jobs of a job's branches.
func (s *Service) branchNames(ctx context.Context, job string) ([]string, error) {
	var got struct {
		Jobs []struct {
			Name string `json:"name"`
		} `json:"jobs"`
	}
	err := s.getJSON(ctx, jobPath(job), "jobs[name]", &got)
	if httpStatus(err) == http.StatusNotFound {
		return nil, bot.Errorf(bot.CodeNotFound, "Jenkins has no job %s.", bot.Shorten(job, 100)).Because(err)
	}
	var names []string
	for _, j := range got.Jobs {
		names = append(names, j.Name)
	}
	return names, err
}

// awaitBranch gives the job of a branch that can be built; one that is not there,
// or is thought to be gone, is looked for by a scan.
func (s *Service) awaitBranch(ctx context.Context, job, branch string) (*branchJSON, error) {
	b, err := s.findBranch(ctx, job, branch)
	if err != nil || b.alive() {
		return b, err
	}
	l, err := s.rescan(ctx, job)
	if err = s.scanResult(job, l, err); err != nil {
		return nil, err
	}
	b, err = s.findBranch(ctx, job, branch)
	switch {
	case err != nil || b.alive():
		return b, err
	case !l.finished:
		return nil, bot.Errorf(bot.CodeUnavailable, "Jenkins is still looking for the branches of %s.", job).Backoff()
	case slices.Contains(l.branches, branch):
		return nil, bot.Errorf(bot.CodeNotFound, "The branch %s of %s has no %s: there is nothing to build.", bot.Shorten(branch, 60), job, s.config.Jenkinsfile)
	}
	return nil, bot.Errorf(bot.CodeNotFound, "Jenkins found no branch %s of %s%s", bot.Shorten(branch, 60), job, bot.Instead(branch, l.branches))
}

// alive: a branch that is gone from the repository keeps its job for a while.
func (b *branchJSON) alive() bool {
	return b != nil && (b.Buildable || !strings.HasPrefix(b.Color, "disabled"))
}
