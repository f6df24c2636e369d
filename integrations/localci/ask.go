package localci

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"opsbot/bot"
	"opsbot/integrations/localci/engine"
)

var (
	_ bot.Inputter = (*Service)(nil)
	_ engine.Asker = (*host)(nil)
)

// askedAgain is what a build says that was waiting when OpsBot ended.
const askedAgain = "OpsBot was restarted while the build waited for an answer; it begins again and asks again"

// Ask puts the question on the build and waits for its answer. The executor is free
// meanwhile.
func (h *host) Ask(ctx context.Context, q bot.Input) (bot.InputAnswer, error) {
	woken, stop := h.s.env.Waker.Listen(bot.QueueBuilds)
	defer stop()
	h.slot.ask()
	defer h.slot.answered()
	q.ID = h.inputID(q.ID)
	err := h.s.untilSpace(h.alive, func() error { return h.question(context.WithoutCancel(ctx), q) }) //nolint:contextcheck // a full disk is waited for while the service lives
	if err != nil {
		return bot.InputAnswer{}, h.own(err)
	}
	for {
		answer, ok, err := h.s.answerOf(ctx, h.build.Ref, q.ID)
		if err != nil && ctx.Err() == nil {
			h.s.env.Log.Warn("look for an answer", "build", buildKey(h.build.Ref), "error", err)
		}
		if ok {
			return answer, nil
		}
		select {
		case <-ctx.Done():
			return bot.InputAnswer{}, h.withdraw(ctx, q.ID)
		case <-woken:
		case <-h.s.env.Clock.After(pollTime):
		}
	}
}

// inputID makes an id that no other question of the build has, nor had in an earlier
// attempt: a button of then must not answer now.
func (h *host) inputID(given string) string {
	h.results.mu.Lock()
	defer h.results.mu.Unlock()
	h.results.inputs++
	if given == "" {
		given = "input"
	}
	return fmt.Sprintf("%s-%d-%d", given, h.build.Attempt, h.results.inputs)
}

// question reports the build as waiting for an answer.
func (h *host) question(ctx context.Context, q bot.Input) error {
	return h.onBuild(ctx, func(b *record[buildDoc]) bool {
		b.body.Build.Inputs = append(b.body.Build.Inputs, q)
		if b.body.AsksAgain {
			b.body.Build.Message = askedAgain
		}
		return true
	})
}

// withdraw takes back a question that the build no longer waits for, and says why it
// doesn't. When it is OpsBot that ends, the question stays: it is asked again.
func (h *host) withdraw(ctx context.Context, id string) error {
	cause := context.Cause(ctx)
	if errors.Is(cause, engine.ErrCutOff) {
		return cause
	}
	err := h.onBuild(context.WithoutCancel(ctx), func(b *record[buildDoc]) bool {
		return b.body.drop(id)
	})
	if err != nil {
		h.s.env.Log.Warn("take back a question", "build", buildKey(h.build.Ref), "error", err)
	}
	return cause
}

// onBuild changes this attempt's build and reports it if change says so.
func (h *host) onBuild(ctx context.Context, change func(b *record[buildDoc]) bool) error {
	return h.s.write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		b, err := h.s.loadBuild(ctx, tx, h.build.Ref)
		if err != nil || b.body.Build.State != bot.BuildRunning || b.body.Build.Attempt != h.build.Attempt || !change(b) {
			return err
		}
		b.body.Build.Stages = h.stagesNow()
		return h.s.report(ctx, tx, b, bot.EventBuildProgress)
	})
}

// drop removes a question; false if it isn't there.
func (d *buildDoc) drop(id string) bool {
	at := slices.IndexFunc(d.Build.Inputs, func(q bot.Input) bool { return q.ID == id })
	if at >= 0 {
		d.Build.Inputs = slices.Delete(slices.Clone(d.Build.Inputs), at, at+1)
	}
	if len(d.Build.Inputs) == 0 {
		d.Build.Inputs, d.Build.Message = nil, ""
	}
	return at >= 0
}

// answerOf looks whether a question was answered.
func (s *Service) answerOf(ctx context.Context, ref bot.BuildRef, id string) (answer bot.InputAnswer, ok bool, err error) {
	var b *record[buildDoc]
	err = s.env.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
		b, err = s.loadBuild(ctx, tx, ref)
		return err
	})
	if err != nil {
		return answer, false, err
	}
	if answer, ok = b.body.Answers[id]; !ok {
		return answer, false, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := buildKey(ref) + "\x00" + id
	answer.Values = maps.Clone(answer.Values)
	if answer.Values == nil {
		answer.Values = map[string]string{}
	}
	maps.Copy(answer.Values, s.passwords[key])
	delete(s.passwords, key)
	return answer, true, nil
}

// PendingInputs lists the questions that the build waits for.
func (s *Service) PendingInputs(ctx context.Context, ref bot.BuildRef) ([]bot.Input, error) {
	build, err := s.Status(ctx, ref)
	return build.Inputs, err
}

// AnswerInput answers one, once. What is entered as a password does not go through
// the store, so that it can only be answered on the node that runs the build.
func (s *Service) AnswerInput(ctx context.Context, ref bot.BuildRef, answer bot.InputAnswer) error {
	err := s.write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		b, err := s.loadBuild(ctx, tx, ref)
		if err != nil {
			return err
		}
		q, err := b.body.asked(answer.ID)
		if err != nil {
			return err
		}
		kept, passwords, err := checkAnswer(q, answer)
		if err != nil {
			return err
		}
		if len(passwords) > 0 {
			if err := s.keepPasswords(ctx, tx, buildKey(ref)+"\x00"+q.ID, passwords); err != nil {
				return err
			}
		}
		b.body.drop(q.ID)
		b.body.Answers = maps.Clone(b.body.Answers)
		if b.body.Answers == nil {
			b.body.Answers = map[string]bot.InputAnswer{}
		}
		b.body.Answers[q.ID] = kept
		if err := s.report(ctx, tx, b, bot.EventBuildProgress); err != nil {
			return err
		}
		return tx.Wakes.Wake(ctx, bot.QueueBuilds, time.Time{})
	})
	if err != nil {
		return fmt.Errorf("localci: answer %s %s #%d: %w", ref.Job, ref.Branch, ref.Number, err)
	}
	return nil
}

// asked finds a question that the build waits for.
func (d *buildDoc) asked(id string) (bot.Input, error) {
	ref := d.Build.Ref
	if d.Build.State == bot.BuildRunning && d.AbortBy == "" {
		for _, q := range d.Build.Inputs {
			if q.ID == id {
				return q, nil
			}
		}
	}
	return bot.Input{}, bot.Errorf(bot.CodeNotFound, "Build #%d of %s/%s doesn't wait for this answer any more.", ref.Number, ref.Job, ref.Branch)
}

func (s *Service) keepPasswords(ctx context.Context, tx *bot.Tx, key string, values map[string]string) error {
	if err := s.ownedHereIn(ctx, tx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.passwords[key] = values
	return nil
}

// checkAnswer makes sure that the answer fits the question, and takes the passwords
// out of it. A no needs no values, and whoever may stop the build may say it.
func checkAnswer(q bot.Input, answer bot.InputAnswer) (kept bot.InputAnswer, passwords map[string]string, err error) {
	kept = bot.InputAnswer{ID: q.ID, Proceed: answer.Proceed, By: answer.By}
	if !answer.Proceed {
		return kept, nil, nil
	}
	may := slices.ContainsFunc(q.Submitters, func(name string) bool { return strings.EqualFold(name, answer.By) })
	if len(q.Submitters) > 0 && !may {
		return kept, nil, bot.Errorf(bot.CodeForbidden, "Only %s may answer this question; you are %s.", strings.Join(q.Submitters, ", "), answer.By)
	}
	known := make([]parameter, len(q.Parameters))
	for i, p := range q.Parameters {
		known[i] = parameter{name: p.Name, kind: p.Kind, choices: p.Choices}
	}
	values, err := checkValues(known, answer.Values, "The question")
	if err != nil {
		return kept, nil, err
	}
	kept.Values, passwords = map[string]string{}, map[string]string{}
	for _, p := range known {
		value, given := values[p.name]
		switch {
		case !given, p.kind == kindPassword && value == "": // which leaves its default
		case p.kind == kindPassword:
			passwords[p.name] = value
		default:
			kept.Values[p.name] = value
		}
	}
	return kept, passwords, nil
}
