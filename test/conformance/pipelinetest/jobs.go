package pipelinetest

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"opsbot/bot"
	"opsbot/test/conformance"
)

func (r Rig) find(ctx context.Context, spec bot.JobSpec, want bot.Presence) (bot.Job, error) {
	got, job, err := r.Pipeline.FindJob(ctx, spec)
	if err != nil {
		return job, fmt.Errorf("FindJob %s: %w", spec.Name, err)
	}
	if got != want {
		return job, fmt.Errorf("FindJob %s of %s for %s gives %s, want %s", spec.Name, spec.ProjectID, spec.Operation, got, want)
	}
	return job, nil
}

func absent(ctx context.Context, r Rig) error {
	_, err := r.find(ctx, r.spec("shop", "0190-shop", "op-1"), bot.PresenceAbsent)
	return err
}

func oursAsMade(ctx context.Context, r Rig) error {
	job, err := r.job(ctx, "shop")
	if err != nil {
		return err
	}
	if u, err := url.Parse(job.URL); job.ExternalID == "" || err != nil || u.Host == "" || u.User != nil {
		return fmt.Errorf("EnsureJob gives %+v, want an id and a plain link", job)
	}
	found, err := r.find(ctx, r.spec("shop", "0190-shop", "op-1"), bot.PresenceOurs)
	if err == nil && found != job {
		return fmt.Errorf("found %+v, made %+v", found, job)
	}
	return err
}

func foreign(ctx context.Context, r Rig) error {
	if _, err := r.job(ctx, "shop"); err != nil {
		return err
	}
	for _, spec := range []bot.JobSpec{r.spec("shop", "0190-shop", "op-2"), r.spec("shop", "0190-other", "op-2")} {
		if _, err := r.find(ctx, spec, bot.PresenceForeign); err != nil {
			return err
		}
	}
	return nil
}

func conflict(ctx context.Context, r Rig) error {
	job, err := r.job(ctx, "shop")
	if err != nil {
		return err
	}
	_, err = r.Pipeline.EnsureJob(ctx, r.spec("shop", "0190-other", "op-2"))
	if err := conformance.WantCode("EnsureJob for another project", err, bot.CodeConflict); err != nil {
		return err
	}
	found, err := r.find(ctx, r.spec("shop", "0190-shop", "op-1"), bot.PresenceOurs)
	if err == nil && found != job {
		return fmt.Errorf("after the conflict the job is %+v, was %+v", found, job)
	}
	return err
}

func raceOfOne(ctx context.Context, r Rig) error {
	ids := make([]string, 4)
	err := errors.Join(conformance.Together(len(ids), func(i int) error {
		job, err := r.job(ctx, "shop")
		ids[i] = job.ExternalID
		return err
	})...)
	for _, id := range ids {
		if err == nil && id != ids[0] {
			err = fmt.Errorf("the same job has the ids %q", ids)
		}
	}
	return err
}

// updateKeepsBuilds: an update comes from a later operation of the same project.
func updateKeepsBuilds(ctx context.Context, r Rig) error {
	job, before, err := r.built(ctx)
	if err != nil {
		return err
	}
	again, err := r.Pipeline.EnsureJob(ctx, r.spec("shop", "0190-shop", "op-2"))
	if err != nil || again != job {
		return fmt.Errorf("updating the job gives %+v, %w, was %+v", again, orNone(err), job)
	}
	after, err := r.Pipeline.Status(ctx, before.Ref)
	if err != nil {
		return fmt.Errorf("Status after the update: %w", err)
	}
	if after.Ref != before.Ref || after.Result != before.Result {
		return fmt.Errorf("the update made the build %+v of %+v", after, before)
	}
	return nil
}

func removal(ctx context.Context, r Rig) error {
	if err := r.Pipeline.RemoveJob(ctx, bot.Job{ExternalID: "never-made"}); err != nil {
		return fmt.Errorf("RemoveJob of what never was: %w", err)
	}
	job, b, err := r.built(ctx)
	if err != nil {
		return err
	}
	for range 2 {
		if err := r.Pipeline.RemoveJob(ctx, job); err != nil {
			return fmt.Errorf("RemoveJob: %w", err)
		}
		if _, err := r.find(ctx, r.spec("shop", "0190-shop", "op-1"), bot.PresenceAbsent); err != nil {
			return err
		}
	}
	_, err = r.Pipeline.Status(ctx, b.Ref)
	return conformance.WantCode("Status of a build of a removed job", err, bot.CodeNotFound)
}

func removeOnlyOne(ctx context.Context, r Rig) error {
	_, b, err := r.built(ctx)
	if err != nil {
		return err
	}
	other, err := r.job(ctx, "sho") // a prefix of the other's name
	if err != nil {
		return err
	}
	if err := r.Pipeline.RemoveJob(ctx, other); err != nil {
		return fmt.Errorf("RemoveJob: %w", err)
	}
	if _, err := r.find(ctx, r.spec("shop", "0190-shop", "op-1"), bot.PresenceOurs); err != nil {
		return err
	}
	if _, err := r.Pipeline.Status(ctx, b.Ref); err != nil {
		return fmt.Errorf("Status of another job's build: %w", err)
	}
	return nil
}

// noError stands for nil where a wrong value is as bad as an error.
type noError struct{}

func (noError) Error() string { return "no error" }

func orNone(err error) error {
	if err == nil {
		return noError{}
	}
	return err
}
