package kill_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"
)

// line is what is said: when what was said before has ended, and it has ended when
// nothing is open and the goal is reached.
type line struct {
	text string
	goal string // a query of a number above 0
	of   string // "" or a query of the one text that stands for %s in text
}

// scene is what is played and in which surroundings.
type scene struct {
	said []line
	// open makes the surroundings of a trial, and gives the configuration's rest.
	open func(t *testing.T, r *trial) string
	// patience bounds all of it, lives and pauses included.
	patience time.Duration
	// omit are the beginnings of facts that may differ after a kill, with good reason.
	omit []string
}

func (s scene) omits(fact string) bool {
	return slices.ContainsFunc(s.omit, func(begin string) bool { return strings.HasPrefix(fact, begin) })
}

const (
	deployedTo = "SELECT count(*) FROM deployments WHERE state = 'succeeded' AND environment = "
	finished   = "FROM builds WHERE state = 'finished'"
)

// embedded is everything on this machine, up to production.
func embedded() scene {
	return scene{
		patience: patience,
		said: []line{
			{text: "@opsbot new-project hello-world", goal: deployedTo + "'staging'"},
			{text: "@opsbot buildNow hello-world", goal: "SELECT count(*) - 1 FROM deployments WHERE environment = 'staging' AND state = 'succeeded'"},
			{text: "@opsbot deploy hello-world to production --yes", goal: deployedTo + "'production'"},
		},
		open: func(_ *testing.T, r *trial) string {
			r.outside = func(ctx context.Context) ([]string, error) {
				out, err := r.git(ctx)
				if err != nil {
					return nil, err
				}
				answers, err := r.answers(ctx)
				return append(out, answers...), err
			}
			return `
integrations:
  console: { type: console }
  localgit: { type: localgit }
  localci: { type: localci, attempts: 100 }
  localrun: { type: localrun, watch: 200ms, drain: 200ms, start_timeout: 30s }
defaults: { forge: localgit, pipeline: localci, room: "console:general", blueprint: static-site }
environments:
  - { name: staging, deployer: localrun, auto: main }
  - { name: production, deployer: localrun, after: staging }
`
		},
	}
}
