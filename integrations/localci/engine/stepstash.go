package engine

import (
	"context"
	"fmt"
	"strings"
)

// stash keeps files of the workspace for the rest of the build.
func (f frame) stash(a arguments) (any, error) {
	step := StashStep{
		Dir: f.node.dir, Name: a.text("name", true), Includes: a.text("includes", false), Excludes: a.text("excludes", false),
		AllowEmpty: a.flag("allowEmpty", false), NoDefaultExcludes: !a.flag("useDefaultExcludes", true),
	}
	stasher, err := f.stasher(step.Name)
	if err != nil {
		return nil, err
	}
	files, replaced := 0, false
	err = f.outside(func(ctx context.Context) error {
		var err error
		files, replaced, err = stasher.Stash(ctx, step)
		return err
	})
	if err != nil {
		return nil, err
	}
	if replaced {
		f.run.console.say(fmt.Sprintf("Warning: overwriting stash ‘%s’", step.Name))
	}
	if files == 0 && !step.AllowEmpty {
		return nil, abort("No files included in stash ‘%s’", step.Name)
	}
	f.run.console.say(fmt.Sprintf("Stashed %d file(s)", files))
	return nil, nil
}

// unstash lays out what was stashed.
func (f frame) unstash(a arguments) (any, error) {
	name := a.text("name", true)
	stasher, err := f.stasher(name)
	if err != nil {
		return nil, err
	}
	found := false
	err = f.outside(func(ctx context.Context) error {
		var err error
		found, err = stasher.Unstash(ctx, name, f.node.dir)
		return err
	})
	if err == nil && !found {
		err = abort("No such saved stash ‘%s’", name)
	}
	return nil, err
}

// stasher is the workspace's, for names that Jenkins allows.
func (f frame) stasher(name string) (Stasher, error) {
	const classFailure = "hudson.model.Failure"
	if strings.TrimSpace(name) == "" {
		return nil, throwable(classFailure, "No name is specified")
	}
	if i := strings.IndexAny(name, `?*/\%!@#$^&|<>[]:;`); i >= 0 {
		return nil, throwable(classFailure, "‘%c’ is an unsafe character", name[i])
	}
	if s, ok := f.node.ws.(Stasher); ok {
		return s, nil
	}
	return nil, throwable(classUnsupported, "this workspace keeps no stashes")
}
