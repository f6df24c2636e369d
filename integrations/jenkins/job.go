package jenkins

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"opsbot/bot"
	"opsbot/integrations/jenkins/jobxml"
)

// FindJob looks for the job by its full name. It is ours if the operation made it.
func (s *Service) FindJob(ctx context.Context, spec bot.JobSpec) (bot.Presence, bot.Job, error) {
	name := s.fullName(spec)
	if err := checkFullName(name); err != nil {
		return bot.PresenceUnknown, bot.Job{}, err
	}
	there, err := s.readJob(ctx, name)
	switch {
	case err != nil:
		return bot.PresenceUnknown, bot.Job{}, fmt.Errorf("jenkins: find job %s: %w", name, err)
	case there == nil:
		return bot.PresenceAbsent, bot.Job{}, s.forgetGone(ctx, name, spec.ProjectID)
	}
	mark := readMarker(there.Value("description"))
	job := s.job(name, mark)
	if mark != (marker{Project: spec.ProjectID, Operation: spec.Operation}) {
		return bot.PresenceForeign, job, nil
	}
	// A process that ended between making the job and remembering it left one that
	// nobody polls.
	return bot.PresenceOurs, job, s.rememberJob(ctx, name, job.ExternalID, spec)
}

// forgetGone forgets a project's job that is not there any more: a process may have
// ended between deleting and forgetting it.
func (s *Service) forgetGone(ctx context.Context, name, project string) error {
	have, known, err := read[jobDoc](ctx, s, kindJob, esc(name))
	if err != nil || !known || have.ProjectID != project {
		return err
	}
	return s.forgetJob(ctx, name)
}

// readJob reads a job's configuration; nil if there is no job.
func (s *Service) readJob(ctx context.Context, name string) (*jobxml.Node, error) {
	text, _, err := s.get(ctx, jobPath(name)+"config.xml", nil, "application/xml")
	if httpStatus(err) == http.StatusNotFound {
		return nil, nil //nolint:nilnil // absent is an answer
	}
	if err != nil {
		return nil, err
	}
	node, err := jobxml.Parse(text)
	if err != nil {
		return nil, bot.Errorf(bot.CodeUnavailable, "The configuration of the Jenkins job %s cannot be read.", name).Because(err)
	}
	return node, nil
}

// EnsureJob makes the job or updates it in place, then makes sure that Jenkins has
// understood the source and could read it.
func (s *Service) EnsureJob(ctx context.Context, spec bot.JobSpec) (bot.Job, error) {
	name := s.fullName(spec)
	if err := checkFullName(name); err != nil {
		return bot.Job{}, err
	}
	unlock, err := s.jobs.lock(ctx, name)
	if err != nil {
		return bot.Job{}, err
	}
	defer unlock()
	p, err := s.project(spec)
	if err != nil {
		return bot.Job{}, err
	}
	changed, mark, err := s.putJob(ctx, name, spec, p)
	if err != nil {
		return bot.Job{}, fmt.Errorf("jenkins: ensure job %s: %w", name, err)
	}
	job := s.job(name, mark)
	if err := s.rememberJob(ctx, name, job.ExternalID, spec); err != nil {
		return bot.Job{}, err
	}
	if err := s.understood(ctx, name, p.Source); err != nil {
		return bot.Job{}, fmt.Errorf("jenkins: check job %s: %w", name, err)
	}
	if err := s.scanned(ctx, name, changed); err != nil {
		return bot.Job{}, fmt.Errorf("jenkins: scan job %s: %w", name, err)
	}
	return job, nil
}

// putJob makes the configuration what it should be; changed tells that Jenkins has
// begun a scan of its own. The marker is that of the operation that made the job.
func (s *Service) putJob(ctx context.Context, name string, spec bot.JobSpec, p jobxml.Project) (changed bool, mark marker, err error) {
	there, err := s.readJob(ctx, name)
	if err != nil {
		return false, mark, err
	}
	if there == nil {
		err := s.createJob(ctx, name, p)
		if err == nil {
			return true, readMarker(p.Description), nil
		}
		// It may be there all the same: made by a request whose answer was lost, or by
		// somebody else at the same time.
		var readErr error
		if there, readErr = s.readJob(ctx, name); readErr != nil || there == nil {
			return false, mark, err
		}
	}
	mark = readMarker(there.Value("description"))
	changed, err = s.updateJob(ctx, name, mark, spec, p, there)
	return changed, mark, err
}

func (s *Service) createJob(ctx context.Context, name string, p jobxml.Project) error {
	text, err := p.Marshal()
	if err != nil {
		return err
	}
	folder, last := splitName(name)
	if err := s.ensureFolder(ctx, folder); err != nil {
		return err
	}
	return s.createItem(ctx, folder, last, text)
}

// createItem is safe to repeat: names are unique, a second one is refused.
func (s *Service) createItem(ctx context.Context, folder, name, config string) error {
	_, err := s.post(ctx, command{at: jobPath(folder) + "createItem", query: query{"name": name}, xml: config, safe: true})
	return err
}

// updateJob changes a job that is this project's.
func (s *Service) updateJob(ctx context.Context, name string, mark marker, spec bot.JobSpec, p jobxml.Project, there *jobxml.Node) (bool, error) {
	if mark.Project != spec.ProjectID || there.Name != jobxml.MultibranchClass {
		return false, bot.Errorf(bot.CodeConflict, "There is a job %s in Jenkins already that is not this project's: %s", name, s.jobURL(name))
	}
	// The marker says who made the job; a later update doesn't change that.
	p.Description = marker{Project: spec.ProjectID, Operation: mark.Operation}.text()
	before := there.Meaning()
	if err := p.Merge(there); err != nil {
		return false, err
	}
	if strings.Join(before, "\n") == strings.Join(there.Meaning(), "\n") {
		return false, nil
	}
	text, err := there.Marshal()
	if err != nil {
		return false, err
	}
	_, err = s.post(ctx, command{at: jobPath(name) + "config.xml", xml: text, safe: true})
	return true, err
}

// ensureFolder makes the folders along a full name that are not there.
func (s *Service) ensureFolder(ctx context.Context, folder string) error {
	at := ""
	for part := range strings.SplitSeq(folder, "/") {
		if part == "" {
			continue
		}
		parent := at
		at = strings.TrimPrefix(at+"/"+part, "/")
		class, err := s.classOf(ctx, at)
		if httpStatus(err) == http.StatusNotFound {
			if class, err = s.createFolder(ctx, parent, part); err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
		if class != jobxml.FolderClass {
			return bot.Errorf(bot.CodeConflict, "%s in Jenkins is no folder: jobs can't be made in it.", at)
		}
	}
	return nil
}

func (s *Service) createFolder(ctx context.Context, parent, name string) (class string, err error) {
	text, err := jobxml.Folder{Description: "Made by OpsBot for its jobs."}.Marshal()
	if err != nil {
		return "", err
	}
	created := s.createItem(ctx, parent, name, text)
	class, err = s.classOf(ctx, strings.TrimPrefix(parent+"/"+name, "/"))
	if httpStatus(err) == http.StatusNotFound && created != nil {
		err = created // that is why it is not there
	}
	return class, err
}

func (s *Service) classOf(ctx context.Context, fullName string) (string, error) {
	var got struct {
		Class string `json:"_class"`
	}
	err := s.getJSON(ctx, jobPath(fullName), "name", &got)
	return got.Class, err
}

// understood fails for a source that Jenkins dropped: it accepts any, and a job
// without sources never builds.
func (s *Service) understood(ctx context.Context, name string, source jobxml.Source) error {
	var got struct {
		Sources []struct{} `json:"sources"`
	}
	if err := s.getJSON(ctx, jobPath(name), "name,sources[*]", &got); err != nil {
		return err
	}
	if len(got.Sources) == 0 {
		return bot.Errorf(bot.CodeUnsupported, "Jenkins does not know the branch source of %s: the operator must install the plugin %s, or set `source: git` for that forge.",
			name, source.Plugin())
	}
	return nil
}

// RemoveJob deletes the job with its builds. Absent is success.
func (s *Service) RemoveJob(ctx context.Context, job bot.Job) error {
	name, _, _ := strings.Cut(job.ExternalID, "#")
	if checkFullName(name) != nil {
		return nil // nothing there can have that name
	}
	unlock, err := s.jobs.lock(ctx, name)
	if err != nil {
		return err
	}
	defer unlock()
	// Deleting twice does no harm: a name that is free answers 404. Reading first
	// keeps a job that took the name meanwhile.
	there, err := s.readJob(ctx, name)
	if err != nil {
		return fmt.Errorf("jenkins: remove job %s: %w", name, err)
	}
	if there == nil {
		return s.forgetJob(ctx, name)
	}
	mark := readMarker(there.Value("description"))
	if mark.Project == "" {
		return bot.Errorf(bot.CodeConflict, "The Jenkins job %s is not OpsBot's: it is left alone.", name)
	}
	if job.ExternalID != name && job.ExternalID != s.job(name, mark).ExternalID {
		return nil // that one is gone, another one has its name
	}
	if err := s.deleteJob(ctx, name); err != nil {
		return fmt.Errorf("jenkins: remove job %s: %w", name, err)
	}
	return s.forgetJob(ctx, name)
}

func (s *Service) deleteJob(ctx context.Context, name string) error {
	_, err := s.post(ctx, command{at: jobPath(name) + "doDelete", safe: true})
	if err != nil && httpStatus(err) != http.StatusNotFound {
		return err
	}
	there, err := s.readJob(ctx, name) // a 404 may have come from a proxy
	if err == nil && there != nil {
		err = bot.Errorf(bot.CodeUnavailable, "Jenkins still has the job %s after it was asked to delete it.", name).Backoff()
	}
	return err
}
