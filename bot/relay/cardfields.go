package relay

import (
	"fmt"
	"strings"
	"time"

	"opsbot/bot"
)

// tone is how the change stands now: what runs first, then the worst that ended.
func tone(v *view) bot.Tone {
	var tones []bot.Tone
	if b := v.newest(); b != nil {
		tones = append(tones, buildTone(*b))
	}
	for _, g := range v.gates {
		tones = append(tones, g.Tone)
	}
	for _, d := range v.deployments {
		tones = append(tones, v.tone(d))
	}
	for _, want := range []bot.Tone{bot.ToneBusy, bot.ToneWaiting, bot.ToneBad, bot.ToneWarn, bot.ToneGood} {
		for _, t := range tones {
			if t == want {
				return t
			}
		}
	}
	return bot.ToneNeutral
}

func buildTone(b bot.Build) bot.Tone {
	if b.State != bot.BuildFinished {
		if len(b.Inputs) > 0 {
			return bot.ToneWaiting
		}
		return bot.ToneBusy
	}
	switch b.Result {
	case bot.ResultSuccess:
		return bot.ToneGood
	case bot.ResultFailure:
		return bot.ToneBad
	case bot.ResultUnstable, bot.ResultAborted:
		return bot.ToneWarn
	}
	return bot.ToneNeutral
}

// tone of a deployment is bad also after it succeeded, while its app is not healthy.
func (v *view) tone(d bot.Deployment) bot.Tone {
	if _, sick := v.sick[d.Environment]; sick {
		return bot.ToneBad
	}
	if _, left := v.left[d.Environment]; left {
		return bot.ToneWarn
	}
	return deploymentTone(d.State)
}

func deploymentTone(s bot.DeploymentState) bot.Tone {
	switch s {
	case bot.DeploymentSucceeded:
		return bot.ToneGood
	case bot.DeploymentFailed, bot.DeploymentRolledBack:
		return bot.ToneBad
	case bot.DeploymentUnknown:
		return bot.ToneWarn
	case bot.DeploymentWaiting, bot.DeploymentPlanned:
		return bot.ToneWaiting
	case bot.DeploymentApplying, bot.DeploymentWatching:
		return bot.ToneBusy
	}
	return bot.ToneNeutral
}

// buildField is "Build #1: started 13:52, in Test (stage 2 of 3)" or "Build #1:
// SUCCESS in 41 s (usually 38 s)".
func (c *ChangeCard) buildField(v *view, b bot.Build) bot.Field {
	f := bot.Field{Name: "Build", Tone: buildTone(b), URL: logURL(b)}
	if b.Ref.Number > 0 {
		f.Name = fmt.Sprintf("Build #%d", b.Ref.Number)
	}
	var text strings.Builder
	switch b.State {
	case bot.BuildQueued:
		text.WriteString("queued " + c.face.minute(b.QueuedAt))
	case bot.BuildRunning:
		text.WriteString("started " + c.face.minute(b.StartedAt) + v.running(b))
	default:
		text.WriteString(string(ended(b)))
		if v.usual > 0 && b.Result == bot.ResultSuccess {
			text.WriteString(" (usually " + bot.Span(v.usual) + ")")
		}
	}
	if b.Attempt > 1 {
		fmt.Fprintf(&text, ", attempt %d after an interruption", b.Attempt)
	}
	if reason := firstLine(b.Message); reason != "" && len(b.Inputs) == 0 && b.Result != bot.ResultSuccess && !repeats(b, reason) {
		text.WriteString(": " + string(foreign(reason, 200)))
	}
	f.Value = bot.Text(text.String())
	return f
}

// ended is "SUCCESS in 41 s" or "ABORTED by alice after 41 s".
func ended(b bot.Build) bot.Text {
	text, lasted := foreign(string(b.Result), 20), " in "
	if reason := firstLine(b.Message); repeats(b, reason) {
		text += " " + foreign(reason[len(b.Result)+1:], 200)
	}
	if b.Result == bot.ResultAborted {
		lasted = " after "
	}
	if !b.StartedAt.IsZero() && b.FinishedAt.After(b.StartedAt) {
		text += bot.Text(lasted + bot.Span(b.FinishedAt.Sub(b.StartedAt)))
	}
	return text
}

// repeats reports a reason that only says the result again, and who: "Aborted by
// alice".
func repeats(b bot.Build, reason string) bool {
	n := len(b.Result)
	return n > 0 && len(reason) > n && strings.EqualFold(reason[:n], string(b.Result)) && reason[n] == ' '
}

func logURL(b bot.Build) string {
	if u := link(b.LogURL); u != "" {
		return u
	}
	return link(b.URL)
}

// reportFields is what the newest build reported besides its result.
func reportFields(b bot.Build) []bot.Field {
	var fields []bot.Field
	if b.Tests != nil {
		fields = append(fields, testField(*b.Tests))
	}
	if f, ok := artifactField(b); ok {
		fields = append(fields, f)
	}
	// A build that ended well and still has something to say has a blemish, such as
	// having run without a sandbox.
	if note := firstLine(b.Message); note != "" && b.Result == bot.ResultSuccess {
		fields = append(fields, bot.Field{Name: "Warning", Value: foreign(note, 200), Tone: bot.ToneWarn})
	}
	return fields
}

const shownFailures = 3

func testField(t bot.TestTotals) bot.Field {
	f := bot.Field{Name: "Tests", Tone: bot.ToneGood}
	parts := []string{fmt.Sprintf("%d passed", max(t.Total-t.Failed-t.Skipped, 0))}
	if t.Failed > 0 {
		f.Tone = bot.ToneBad
		parts = append(parts, fmt.Sprintf("%d failed%s", t.Failed, failures(t)))
	}
	if t.Skipped > 0 {
		parts = append(parts, fmt.Sprintf("%d skipped", t.Skipped))
	}
	f.Value = bot.Text(strings.Join(parts, ", "))
	return f
}

func failures(t bot.TestTotals) string {
	var names []string
	for _, name := range t.Failures[:min(len(t.Failures), shownFailures)] {
		names = append(names, string(foreign(name, 80)))
	}
	if len(names) == 0 {
		return ""
	}
	if t.Failed > len(names) {
		names = append(names, "…")
	}
	return " (" + strings.Join(names, ", ") + ")"
}

// deploymentField is "staging: 0.1.0-1-g3f2c1ab succeeded at 13:53:10, ID 0435...".
func (c *ChangeCard) deploymentField(v *view, d bot.Deployment) bot.Field {
	text := c.deploymentState(v, d)
	if back, left := v.left[d.Environment]; left {
		text += ", rolled back to " + v.label(back.VersionID) + c.at(back.FinishedAt)
	}
	text += ", ID " + string(foreign(d.ID, 60))
	if reason := firstLine(d.Message); reason != "" && d.State != bot.DeploymentSucceeded {
		text += ": " + string(foreign(reason, 200))
	}
	if state, sick := v.sick[d.Environment]; sick {
		text += ", unhealthy since " + c.face.second(state.UpdatedAt)
	}
	return bot.Field{Name: d.Environment, Value: bot.Text(text), URL: link(d.URL), Tone: v.tone(d)}
}

func (v *view) label(versionID string) string {
	if label := v.labels[versionID]; label != "" {
		return string(foreign(label, 100))
	}
	return string(foreign(v.others[versionID], 100))
}

func (c *ChangeCard) at(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return " at " + c.face.second(t)
}

// deploymentState shows applying and watching as one: the step between them is
// not worth a message.
func (c *ChangeCard) deploymentState(v *view, d bot.Deployment) string {
	label := v.label(d.VersionID)
	if d.Verb == "rollback" {
		if d.State == bot.DeploymentSucceeded {
			return c.cameBack(v, d)
		}
		label = "rollback to " + label
	}
	switch d.State {
	case bot.DeploymentPlanned, bot.DeploymentWaiting:
		return label + " waiting"
	case bot.DeploymentApplying, bot.DeploymentWatching:
		if d.Verb == "rollback" {
			return "rolling back to " + v.label(d.VersionID) + " since " + c.face.minute(d.StartedAt)
		}
		return label + " " + doing(d.Verb) + " since " + c.face.minute(d.StartedAt)
	case bot.DeploymentSucceeded:
		return label + " succeeded" + c.at(d.FinishedAt)
	case bot.DeploymentFailed:
		return label + " failed" + c.at(d.FinishedAt)
	case bot.DeploymentRolledBack:
		return label + " rolled back" + c.at(d.FinishedAt)
	case bot.DeploymentSuperseded:
		return label + " superseded" + c.at(d.FinishedAt)
	}
	return label + " ended nobody knows how"
}

// cameBack tells of a version that a rollback brought back. Only as long as
// nothing has followed it does it run.
func (c *ChangeCard) cameBack(v *view, d bot.Deployment) string {
	text := v.label(d.VersionID) + " ran again" + c.at(d.FinishedAt)
	if v.runs[d.Environment] {
		text = v.label(d.VersionID) + " runs again since " + c.face.second(d.FinishedAt)
	}
	if from := v.label(d.PreviousID); from != "" {
		text += ", rolled back from " + from
	}
	return text
}

func doing(verb string) string {
	if verb == "restart" {
		return "restarting"
	}
	return "deploying"
}
