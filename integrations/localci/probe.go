package localci

import (
	"context"

	"opsbot/bot"
	"opsbot/bot/sandbox"
)

// Probe tells whether builds could run here.
func (s *Service) Probe(ctx context.Context) []bot.Finding {
	findings := []bot.Finding{{OK: true, Subject: "sandbox", Text: "builds run in bubblewrap"}}
	if err := s.runner.Available(); err != nil {
		findings[0] = bot.Finding{OK: s.runner.Unsafe(), Subject: "sandbox", Text: err.Error()}
		if s.runner.Unsafe() {
			findings[0].Text = "builds run without a sandbox (unsafe_local): " + err.Error()
		}
	}
	said := &tail{}
	result, err := s.runner.Run(ctx, sandbox.Spec{Name: "probe git", Args: []string{"git", "--version"}, Stdout: said, Stderr: said})
	switch {
	case err != nil:
		findings = append(findings, bot.Finding{Subject: "git", Text: "git cannot be started; install it: " + err.Error()})
	case result.ExitCode != 0:
		findings = append(findings, bot.Finding{Subject: "git", Text: "git does not work: " + said.String()})
	default:
		findings = append(findings, bot.Finding{OK: true, Subject: "git", Text: said.String()})
	}
	return findings
}
