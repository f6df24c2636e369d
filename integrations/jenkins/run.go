package jenkins

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"opsbot/bot"
	"opsbot/integrations/jenkins/jobxml"
)

// A job of its own is to its folder what a branch's job is to a multibranch job:
// what triggers and follows builds of branches does so with builds of these, too.

// runSpec is a run of a job that is wanted exactly once.
type runSpec struct {
	Job        string            `json:"job"` // full name
	Parameters map[string]string `json:"parameters,omitempty"`
	Deployment string            `json:"deployment"` // its id, the key
	Cause      bot.Cause         `json:"cause"`
}

func (r runSpec) request() bot.BuildRequest {
	folder, name := splitName(r.Job)
	return bot.BuildRequest{Job: bot.Job{ExternalID: folder}, Branch: name, Parameters: r.Parameters, Key: deployKey + r.Deployment, Cause: r.Cause}
}

// ref names the run's build by its item of the queue.
func (r runSpec) ref(queue string) bot.BuildRef {
	folder, name := splitName(r.Job)
	return bot.BuildRef{Job: folder, Branch: name, Queue: queue}
}

// deployKey begins the keys of runs that deploy.
const deployKey = "deploy/"

func isDeployment(key string) bool { return strings.HasPrefix(key, deployKey) }

func (d queueDoc) deploys() bool { return isDeployment(d.Key) }

// deployment is the id of the deployment that a request is of, "" if of none.
func (d requestDoc) deployment() string {
	id, ok := strings.CutPrefix(d.Key, deployKey)
	if !ok {
		return ""
	}
	return id
}

// start gives the item of the queue of the run, asked for now or by an earlier try.
func (s *Service) start(ctx context.Context, run runSpec) (queue string, err error) {
	req := run.request()
	folder := req.Job.ExternalID
	unlock, err := s.branches.lock(ctx, folder+" "+req.Branch)
	if err != nil {
		return "", err
	}
	defer unlock()
	intent, known, err := s.intent(ctx, req)
	if err != nil || intent.Queue != "" {
		return intent.Queue, err
	}
	b, err := s.deployJob(ctx, run.Job)
	if err != nil {
		return "", err
	}
	if known {
		if queue, err := s.findEffect(ctx, folder, b, intent); err != nil || queue != "" {
			return queue, err
		}
	}
	if err := s.takes(b, run.Job, run.Parameters); err != nil {
		return "", err
	}
	queue, err = s.order(ctx, req, b)
	switch bot.CodeOf(err) {
	case "":
		return queue, nil
	case bot.CodeNotFound:
		return "", s.noJob(run.Job).Because(err)
	case bot.CodeConflict:
		return "", s.disabledError(run.Job)
	}
	return "", fmt.Errorf("jenkins: run %s: %w", run.Job, err)
}

func (s *Service) noJob(job string) *bot.Error {
	return bot.Errorf(bot.CodeNotFound, "Jenkins has no job %s, or does not let OpsBot's user %s see it (Job/Read).", bot.Shorten(job, 100), s.config.User)
}

// deployJob reads a job that can be run.
func (s *Service) deployJob(ctx context.Context, job string) (*branchJSON, error) {
	folder, name := splitName(job)
	b, err := s.readBranch(ctx, folder, name)
	switch {
	case httpStatus(err) == http.StatusNotFound:
		return nil, s.noJob(job).Because(err)
	case err != nil:
		return nil, fmt.Errorf("jenkins: job %s: %w", job, err)
	case b.Class == jobxml.FolderClass || b.Class == jobxml.MultibranchClass:
		return nil, bot.Errorf(bot.CodeInvalid, "%s in Jenkins holds other jobs, so it can't be run: name one of them.", job)
	case !b.Buildable:
		return nil, s.disabledError(job)
	}
	return b, nil
}

// takes refuses what the job would drop without a word, or take in another form.
func (s *Service) takes(b *branchJSON, job string, values map[string]string) error {
	if err := b.declares(job, slices.Sorted(maps.Keys(values))); err != nil {
		return err
	}
	return b.checkChoices(values)
}

func (b *branchJSON) declares(job string, names []string) error {
	have := b.parameterNames()
	if len(have) == 0 && len(names) > 0 {
		return bot.Errorf(bot.CodeInvalid, "The Jenkins job %s has no parameters, and OpsBot would give it %s. If its pipeline declares them, run it once by hand: Jenkins knows them from then on.",
			job, strings.Join(names, ", "))
	}
	var missing []string
	for _, name := range names {
		i := slices.Index(have, name)
		if i < 0 {
			missing = append(missing, name)
			continue
		}
		if kind := b.parameters()[i].Type; strings.HasPrefix(kind, "Password") || strings.HasPrefix(kind, "File") {
			return bot.Errorf(bot.CodeInvalid, "The parameter %s of the Jenkins job %s is a %s, which OpsBot cannot give it.", name, job, strings.TrimSuffix(kind, "Definition"))
		}
	}
	if len(missing) > 0 {
		return bot.Errorf(bot.CodeInvalid, "The Jenkins job %s lacks the parameters %s: declare them there, or take them out of `deploy.parameters`.", job, strings.Join(missing, ", "))
	}
	return nil
}
