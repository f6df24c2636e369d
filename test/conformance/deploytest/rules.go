package deploytest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"opsbot/bot"
	"opsbot/test/conformance"
)

func oneLine(what, text string) error {
	if strings.TrimSpace(text) == "" || strings.ContainsAny(text, "\n\r") {
		return fmt.Errorf("%s is %q, want one line", what, text)
	}
	return nil
}

func planSays(ctx context.Context, r Rig) error {
	plan, err := r.Deployer.Plan(ctx, r.request("d1", "staging", "1.0", Good))
	if err != nil {
		return fmt.Errorf("Plan: %w", err)
	}
	if len(plan.Effects) == 0 {
		return fmt.Errorf("the plan has no effects: %+v", plan)
	}
	for _, text := range append(slices.Clone(plan.Effects), plan.Strategy) {
		if err := oneLine("a line of the plan", text); err != nil {
			return err
		}
	}
	return nil
}

func planOnly(ctx context.Context, r Rig) error {
	if _, err := r.deploy(ctx, "d1", "staging", "1.0"); err != nil {
		return err
	}
	req := r.request("d2", "staging", "1.1", Good)
	first, err := r.Deployer.Plan(ctx, req)
	if err != nil {
		return fmt.Errorf("Plan: %w", err)
	}
	second, err := r.Deployer.Plan(ctx, req)
	if err != nil {
		return fmt.Errorf("Plan: %w", err)
	}
	if !slices.Equal(first.Effects, second.Effects) || first.Strategy != second.Strategy || first.URL != second.URL {
		return fmt.Errorf("the plan is %+v, then %+v", first, second)
	}
	_, err = r.Deployer.Observe(ctx, req)
	if err := conformance.WantCode("Observe of what was planned only", err, bot.CodeNotFound); err != nil {
		return err
	}
	return r.answers(ctx, "staging", "1.0")
}

func neverApplied(ctx context.Context, r Rig) error {
	if _, err := r.deploy(ctx, "d1", "staging", "1.0"); err != nil {
		return err
	}
	_, err := r.Deployer.Observe(ctx, r.request("d2", "staging", "1.0", Good))
	return conformance.WantCode("Observe of what was never applied", err, bot.CodeNotFound)
}

func applied(ctx context.Context, r Rig) error {
	req := r.request("d1", "staging", "1.0", Good)
	if _, err := r.apply(ctx, req); err != nil {
		return err
	}
	end, err := r.ends(ctx, req, bot.DeploymentSucceeded)
	if err != nil {
		return err
	}
	if l, ok := r.Deployer.(bot.Locator); ok && (end.URL == "" || l.AppURL(req.Project, "staging") != end.URL) {
		return fmt.Errorf("it answers at %q, the locator says %q", end.URL, l.AppURL(req.Project, "staging"))
	}
	return r.answers(ctx, "staging", "1.0")
}

func applyReturns(ctx context.Context, r Rig) error {
	req := r.request("d1", "staging", "1.0", Slow)
	if _, err := r.apply(ctx, req); err != nil {
		return err
	}
	o, err := r.Deployer.Observe(ctx, req)
	if err != nil {
		return fmt.Errorf("Observe: %w", err)
	}
	if o.State.Final() {
		return fmt.Errorf("after Apply it is %s already", o.State)
	}
	return nil
}

func applyAgain(ctx context.Context, r Rig) error {
	req := r.request("d1", "staging", "1.0", Good)
	first, err := r.apply(ctx, req)
	if err != nil {
		return err
	}
	before, err := r.ends(ctx, req, bot.DeploymentSucceeded)
	if err != nil {
		return err
	}
	_, instance := r.Answers(ctx, req.Project, "staging")
	again, err := r.apply(ctx, req)
	if err != nil {
		return err
	}
	after, err := r.ends(ctx, req, bot.DeploymentSucceeded)
	if err != nil {
		return err
	}
	if again != first || !slices.Equal(before.Steps, after.Steps) {
		return fmt.Errorf("applied again, %q with the steps %q is %q with %q", first, before.Steps, again, after.Steps)
	}
	if _, now := r.Answers(ctx, req.Project, "staging"); now != instance {
		return fmt.Errorf("applied again, the instance %q is %q", instance, now)
	}
	return nil
}

func applyRace(ctx context.Context, r Rig) error {
	req := r.request("d1", "staging", "1.0", Good)
	ids := make([]string, 4)
	err := errors.Join(conformance.Together(len(ids), func(i int) (err error) {
		ids[i], err = r.apply(ctx, req)
		return err
	})...)
	if err != nil {
		return err
	}
	if len(slices.Compact(slices.Clone(ids))) != 1 {
		return fmt.Errorf("one deployment applied at once has the ids %q", ids)
	}
	_, err = r.ends(ctx, req, bot.DeploymentSucceeded)
	return err
}

func applyOld(ctx context.Context, r Rig) error {
	old, err := r.deploy(ctx, "d1", "staging", "1.0")
	if err != nil {
		return err
	}
	if _, err := r.deploy(ctx, "d2", "staging", "1.1"); err != nil {
		return err
	}
	if _, err := r.apply(ctx, old); err != nil {
		return err
	}
	if _, err := r.ends(ctx, old, bot.DeploymentSucceeded); err != nil {
		return err
	}
	return r.answers(ctx, "staging", "1.1")
}

func stepsGrow(ctx context.Context, r Rig) error {
	req := r.request("d1", "staging", "1.0", Good)
	if _, err := r.apply(ctx, req); err != nil {
		return err
	}
	var seen []string
	return r.until(ctx, req, func(o bot.Observation) (bool, error) {
		if len(o.Steps) < len(seen) || !slices.Equal(o.Steps[:len(seen)], seen) {
			return true, fmt.Errorf("the steps %q became %q", seen, o.Steps)
		}
		for _, s := range o.Steps {
			if err := oneLine("a step", s); err != nil {
				return true, err
			}
		}
		seen = o.Steps
		return o.State.Final(), nil
	})
}

func upgrade(ctx context.Context, r Rig) error {
	for i, label := range []string{"1.0", "1.1", "1.0"} { // also back
		if _, err := r.deploy(ctx, fmt.Sprint("d", i), "staging", label); err != nil {
			return err
		}
		if err := r.answers(ctx, "staging", label); err != nil {
			return err
		}
	}
	return nil
}

func restart(ctx context.Context, r Rig) error {
	if _, err := r.deploy(ctx, "d1", "staging", "1.0"); err != nil {
		return err
	}
	_, before := r.Answers(ctx, project("shop"), "staging")
	req := r.request("d2", "staging", "1.0", Good)
	req.Restart, req.Previous = true, &req.Version
	if _, err := r.apply(ctx, req); err != nil {
		return err
	}
	if _, err := r.ends(ctx, req, bot.DeploymentSucceeded); err != nil {
		return err
	}
	if label, after := r.Answers(ctx, project("shop"), "staging"); label != "1.0" || after == before {
		return fmt.Errorf("after the restart of %q the instance %q of %q answers", before, after, label)
	}
	return nil
}

func failure(ctx context.Context, r Rig) error {
	if _, err := r.deploy(ctx, "d1", "staging", "1.0"); err != nil {
		return err
	}
	req := r.request("d2", "staging", "1.1", Bad)
	if _, err := r.apply(ctx, req); err != nil {
		return err
	}
	end, err := r.ends(ctx, req, bot.DeploymentFailed, bot.DeploymentRolledBack)
	if err != nil {
		return err
	}
	if err := oneLine("Observation.Message", end.Message); err != nil {
		return err
	}
	return r.answers(ctx, "staging", "1.0")
}

func removal(ctx context.Context, r Rig) error {
	if err := r.Deployer.Remove(ctx, project("never"), "staging"); err != nil {
		return fmt.Errorf("Remove of what never was: %w", err)
	}
	if _, err := r.deploy(ctx, "d1", "staging", "1.0"); err != nil {
		return err
	}
	for range 2 {
		if err := r.Deployer.Remove(ctx, project("shop"), "staging"); err != nil {
			return fmt.Errorf("Remove: %w", err)
		}
		if err := r.answers(ctx, "staging", ""); err != nil {
			return err
		}
	}
	if _, err := r.deploy(ctx, "d2", "staging", "1.1"); err != nil {
		return fmt.Errorf("after the removal: %w", err)
	}
	return r.answers(ctx, "staging", "1.1")
}

func removeOnlyOne(ctx context.Context, r Rig) error {
	for env, label := range map[string]string{"staging": "1.1", "production": "1.0"} {
		if _, err := r.deploy(ctx, "d-"+env, env, label); err != nil {
			return err
		}
	}
	if err := r.Deployer.Remove(ctx, project("shop"), "staging"); err != nil {
		return fmt.Errorf("Remove: %w", err)
	}
	return r.answers(ctx, "production", "1.0")
}

func logRead(ctx context.Context, r Rig) error {
	reader, ok := r.Deployer.(bot.LogReader)
	if !ok {
		return nil
	}
	if _, err := r.deploy(ctx, "d1", "staging", "1.0"); err != nil {
		return err
	}
	whole, err := readLog(ctx, reader, 0)
	if err != nil {
		return err
	}
	if !strings.Contains(whole, LogLine) {
		return fmt.Errorf("the log is %q, want %q in it", whole, LogLine)
	}
	rest, err := readLog(ctx, reader, 3)
	if err == nil && !strings.HasPrefix(rest, whole[3:]) { // the app may write on
		return fmt.Errorf("from byte 3 the log is %q, want %q", rest, whole[3:])
	}
	return err
}

func readLog(ctx context.Context, l bot.LogReader, offset int64) (string, error) {
	return conformance.ReadLog(ctx, l, bot.LogRef{ProjectID: project("shop").ID, Environment: "staging"}, offset)
}

func logMissing(ctx context.Context, r Rig) error {
	reader, ok := r.Deployer.(bot.LogReader)
	if !ok {
		return nil
	}
	_, err := readLog(ctx, reader, 0)
	return conformance.WantCode("ReadLog of what never ran", err, bot.CodeNotFound)
}
