package localci

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"opsbot/bot"
	"opsbot/bot/jenkinsfile"
	"opsbot/integrations/localci/engine"
)

// runPipeline reads the commit's Jenkinsfile and runs it.
func (s *Service) runPipeline(ctx context.Context, r *run) outcome {
	src, err := s.source(ctx, r.job.Name, r.job.Spec.Source)
	if err != nil {
		return r.cannot(ctx, err)
	}
	text, err := src.readJenkinsfile(r.build.Commit)
	if errors.Is(err, fs.ErrNotExist) {
		r.log.Line("There is no Jenkinsfile in this commit.")
		return outcome{Result: bot.ResultNotBuilt, Message: "There is no Jenkinsfile in this commit"}
	}
	if err != nil {
		return r.cannot(ctx, err)
	}
	file, errs := jenkinsfile.Parse(text)
	if len(errs) > 0 {
		return r.refuse(text, errs)
	}
	if err := s.adopt(ctx, r, file); err != nil {
		return r.cannot(ctx, err)
	}
	if r.hidden, err = s.secretsOf(ctx, r.build.ProjectID, text); err != nil {
		return r.cannot(ctx, err)
	}
	r.title = src.title(r.build.Commit)
	if r.shell, err = s.newShell(r.alive, "build "+buildKey(r.build.Ref), r.job.Name, src.path); err != nil { //nolint:contextcheck // post blocks outlive ctx, nothing outlives the service
		return r.cannot(ctx, err)
	}
	defer r.shell.close()
	defer r.dropStashes()
	defer r.dropSecrets()
	return r.interpret(ctx, src, file)
}

// interpret hands the pipeline to the engine.
func (r *run) interpret(ctx context.Context, src *source, file *jenkinsfile.File) outcome {
	if r.s.runner.Unsafe() {
		r.log.Line("[localci: this machine has no sandbox; the build runs without one]")
	}
	searchPath, err := r.shell.searchPath(ctx)
	if err != nil {
		return r.cannot(ctx, err)
	}
	h := &host{run: r, machine: r.shell.machine(searchPath)}
	ended := engine.Run(ctx, file, r.about(src, h.machine), h, r.s.env.Clock)
	o := outcome{Result: bot.Result(ended.Result), Stages: flatten(ended.Stages), Message: messageOf(ended)}
	if ended.Incomplete {
		return o
	}
	if r.s.runner.Unsafe() { // the card must say so, however the build ended
		o.Message = strings.TrimPrefix(o.Message+"; ran without a sandbox", "; ")
	}
	if err := r.gather(context.WithoutCancel(ctx), &o); err != nil {
		r.log.Line("ERROR: " + bot.MessageOf(err))
		r.s.env.Log.Error("keep results of build", "build", buildKey(r.build.Ref), "error", err)
		o.Result, o.Message = bot.ResultFailure, bot.MessageOf(err)
	}
	return o
}

// about is what the build is told about itself.
func (r *run) about(src *source, machine map[string]string) engine.Build {
	b := engine.Build{
		Job: r.job.Name, Branch: r.build.Ref.Branch, Number: r.build.Ref.Number,
		URL: r.s.baseURL(), Home: insideHomeDir, PrimaryBranch: r.build.Ref.Branch == r.job.Spec.Branch,
		Parameters: r.build.Parameters, Machine: machine, Secrets: r.hidden,
	}
	if p := r.previous; p.Finished > 0 {
		b.Previous = &engine.Previous{
			Number: p.Finished, Result: engine.Result(p.Result), Commit: p.Commit, SuccessfulCommit: p.Good,
		}
		b.Changes = src.changes(p.Commit, r.build.Commit)
	}
	return b
}

// cannot ends a build for a reason that isn't its own. A build that was stopped
// while its surroundings were made is an aborted one.
func (r *run) cannot(ctx context.Context, err error) outcome {
	if o, ok := stopped(ctx); ok {
		r.log.Line(o.Message)
		return o
	}
	if noSpace(err) {
		r.diskIsFull()
		return outcome{}
	}
	if r.alive.Err() != nil {
		return outcome{} // it is OpsBot that ends; the build begins again
	}
	r.s.env.Log.Error("run build", "build", buildKey(r.build.Ref), "error", err)
	r.log.Line("ERROR: " + bot.MessageOf(err))
	return outcome{Result: bot.ResultFailure, Message: bot.MessageOf(err)}
}

// refuse ends a build whose Jenkinsfile is not run: with all reasons and their
// places in the log, as Jenkins' compiler prints them, and the first on the card.
func (r *run) refuse(text []byte, errs []*jenkinsfile.Error) outcome {
	r.log.Line("The Jenkinsfile is refused; nothing of it was run:")
	for line := range strings.SplitSeq(strings.TrimRight(jenkinsfile.Format("Jenkinsfile", text, errs), "\n"), "\n") {
		r.log.Line(line)
	}
	message := fmt.Sprintf("Jenkinsfile:%d:%d: %s", errs[0].Line, errs[0].Column, errs[0].Message)
	if len(errs) > 1 {
		message += fmt.Sprintf(" (and %d more)", len(errs)-1)
	}
	return outcome{Result: bot.ResultFailure, Message: message}
}

// messageOf is one line on why the build isn't a success; "" if it is.
func messageOf(o engine.Outcome) string {
	f := o.Failure
	switch {
	case f == nil:
		return ""
	case f.Stopped != nil && f.Stopped.Timeout:
		return "Timeout has been exceeded"
	case f.Stopped != nil && f.Stopped.By != "":
		return "Aborted by " + f.Stopped.By
	case f.Stopped != nil && f.Stopped.RejectedBy != "":
		return "Rejected by " + f.Stopped.RejectedBy
	case f.Stopped != nil && f.Stopped.Superseded > 0:
		return fmt.Sprintf("Superseded by #%d", f.Stopped.Superseded)
	case f.Hint != "":
		return f.Hint
	case f.Message == "":
		return f.Class
	}
	first, _, _ := strings.Cut(f.Message, "\n")
	return first
}

// flatten lists stages as Jenkins' stage API does: a stage, its direct children,
// then what is inside those.
func flatten(stages []*engine.Stage) []bot.Stage {
	var list []bot.Stage
	for _, s := range stages {
		list = append(list, convertStage(s))
		list = append(list, flattenBelow(s)...)
	}
	return list
}

func flattenBelow(s *engine.Stage) []bot.Stage {
	var list []bot.Stage
	for _, c := range s.Children {
		list = append(list, convertStage(c))
	}
	for _, c := range s.Children {
		list = append(list, flattenBelow(c)...)
	}
	return list
}

func convertStage(s *engine.Stage) bot.Stage {
	out := bot.Stage{Name: s.Name, Status: string(s.Status), Error: s.Error}
	if n := len(s.Path); n > 1 {
		out.Parent = s.Path[n-2]
	}
	if !s.Ended.IsZero() && !s.Started.IsZero() {
		out.Duration = s.Ended.Sub(s.Started)
	}
	return out
}
