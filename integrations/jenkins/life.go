package jenkins

import (
	"context"
	"strconv"
	"strings"
	"time"

	"opsbot/bot"
)

// A branch that is deleted, pruned and made again numbers its builds from 1 on again.
// So that none of them is taken for the one of that number before, branches have
// lives, and the builds of a later one name it behind their job's id. Which life it is
// Jenkins does not tell: it shows by the numbers.

// branchDoc is what was seen of the numbers of a branch's builds.
type branchDoc struct {
	Life int `json:"life"`
	// Next is the highest next number, Number the highest of a build; Queue is its id.
	Next   int       `json:"next"`
	Number int       `json:"number"`
	Queue  int64     `json:"queue"`
	At     time.Time `json:"at"`
}

// inLife is the id of a job for the builds of a branch's life.
func inLife(id string, life int) string {
	if life == 0 {
		return id
	}
	if !strings.Contains(id, "#") {
		id += "#"
	}
	return id + "~" + strconv.Itoa(life)
}

// cutLife takes the life off a job's id; 0 if there is none.
func cutLife(id string) (base string, life int) {
	name, rest, _ := strings.Cut(id, "#")
	mark, number, ok := strings.Cut(rest, "~")
	life, err := strconv.Atoi(number)
	switch {
	case !ok || err != nil || life <= 0:
		return id, 0
	case mark == "":
		return name, life
	}
	return name + "#" + mark, life
}

func branchKey(job, branch string) string { return esc(job) + "/" + esc(branch) }

// life tells which life a branch is in.
func (s *Service) life(ctx context.Context, job, branch string) (int, error) {
	d, _, err := read[branchDoc](ctx, s, kindBranch, branchKey(job, branch))
	return d.Life, err
}

// numbers compares the numbers of a branch, as Jenkins gave them when asked, with
// those seen before, and tells which life they are of. An answer that is older than
// what was seen decides nothing.
func (s *Service) numbers(ctx context.Context, job, branch string, next int, builds []buildJSON, asked time.Time) (life int, err error) {
	d, known, err := read[branchDoc](ctx, s, kindBranch, branchKey(job, branch))
	if err != nil || next <= 0 {
		return d.Life, err
	}
	now := branchDoc{Life: d.Life, Next: next}
	again := next < d.Next
	for _, b := range builds {
		if b.Number > now.Number {
			now.Number, now.Queue = b.Number, b.QueueID
		}
		again = again || b.Number == d.Number && d.Queue > 0 && b.QueueID > 0 && b.QueueID != d.Queue
	}
	switch {
	case known && !d.At.Before(asked):
		return d.Life, nil
	case again:
		now.Life++
	case next == d.Next && now.Number <= d.Number:
		return d.Life, nil
	case now.Number < d.Number: // its builds are discarded
		now.Number, now.Queue = d.Number, d.Queue
	}
	err = change(ctx, s, kindBranch, branchKey(job, branch), func(body *branchDoc, _ bool) error {
		if body.Life != d.Life || !body.At.Equal(d.At) {
			now = *body // somebody else was faster
			return nil
		}
		now.At = s.env.Clock.Now()
		*body = now
		return nil
	})
	if bot.CodeOf(err) == bot.CodeStale {
		return s.life(ctx, job, branch)
	}
	return now.Life, err
}

// enter gives a build by its job's name, which all calls below take, and the job's id.
// CodeNotFound for one of a job or a life of its branch that is no more.
func (s *Service) enter(ctx context.Context, ref bot.BuildRef) (byName bot.BuildRef, id string, err error) {
	id, life := cutLife(ref.Job)
	if ref.Job, err = s.resolve(ctx, id); err != nil {
		return ref, id, err
	}
	now, err := s.life(ctx, ref.Job, ref.Branch)
	// What OpsBot knew of a build before has a queue id; a person's has a number alone.
	if err == nil && now != life && (life > 0 || ref.Queue != "") {
		err = bot.Errorf(bot.CodeNotFound, "The branch %s of %s was made anew in Jenkins; what there was before is gone.", bot.Shorten(ref.Branch, 60), ref.Job)
	}
	return ref, inLife(id, now), err
}

// meet looks at the numbers of a branch that somebody tells of.
func (s *Service) meet(ctx context.Context, job, branch string) error {
	asked := s.env.Clock.Now()
	b, err := s.readBranch(ctx, job, s.nameOf(job, branch))
	if bot.CodeOf(err) == bot.CodeNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = s.numbers(ctx, job, branch, b.NextBuildNumber, b.last(), asked)
	return err
}
