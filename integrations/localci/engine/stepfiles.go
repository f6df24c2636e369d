package engine

import (
	"context"
	"slices"
)

// checkoutStep is checkout scm.
func (f frame) checkoutStep(a arguments) (any, error) {
	scm, _ := a.value("scm", true)
	if g, ok := scm.(*global); !ok || g.name != "scm" {
		return nil, throwable(classUnsupported, "checkout of anything but scm runs on Jenkins only")
	}
	rev, err := f.checkout(f.node.dir)
	if err != nil {
		return nil, err
	}
	d := &dict{}
	for name, v := range f.run.build.checkoutEnvironment(rev) {
		d.put(name, v)
	}
	return d, nil
}

func (f frame) checkout(dir string) (Revision, error) {
	log := &lineWriter{console: f.run.console}
	var rev Revision
	err := f.outside(func(ctx context.Context) error {
		var err error
		rev, err = f.node.ws.Checkout(ctx, dir, log)
		return err
	})
	log.finish()
	return rev, err
}

func (f frame) buildFailed() bool { return f.run.outcome.Result.Worse(Unstable) }

func (f frame) junit(a arguments) (any, error) {
	step := TestStep{
		Dir: f.node.dir, Pattern: a.text("testResults", true), AllowEmpty: a.flag("allowEmptyResults", false),
		BuildFailed: f.buildFailed(), Mask: f.run.console.mask,
	}
	var found Totals
	err := f.outside(func(ctx context.Context) error {
		var err error
		found, err = f.node.ws.Tests(ctx, step, f.run.console.say)
		return err
	})
	if err != nil {
		return nil, err
	}
	f.run.addTests(found)
	if found.Failed > 0 {
		if !a.flag("skipMarkingBuildUnstable", false) {
			f.run.worsen(Unstable)
		}
		f.warn(StatusUnstable)
	}
	return &dict{
		keys: []any{"totalCount", "failCount", "skipCount", "passCount"},
		vals: []any{int64(found.Total), int64(found.Failed), int64(found.Skipped), int64(found.Passed)},
	}, nil
}

func (r *run) addTests(found Totals) {
	if found.Total == 0 {
		return
	}
	if r.outcome.Tests == nil {
		r.outcome.Tests = &Totals{}
	}
	t := r.outcome.Tests
	t.Total += found.Total
	t.Passed += found.Passed
	t.Failed += found.Failed
	t.Skipped += found.Skipped
}

func (f frame) archive(a arguments) (any, error) {
	step := ArchiveStep{
		Dir: f.node.dir, Artifacts: a.text("artifacts", true), Excludes: a.text("excludes", false),
		AllowEmpty: a.flag("allowEmptyArchive", false), Fingerprint: a.flag("fingerprint", false),
		OnlyIfSuccessful: a.flag("onlyIfSuccessful", false), NoDefaultExcludes: !a.flag("defaultExcludes", true),
		FoldCase: !a.flag("caseSensitive", true), BuildFailed: f.buildFailed(),
	}
	var kept []string
	err := f.outside(func(ctx context.Context) error {
		var err error
		kept, err = f.node.ws.Archive(ctx, step, f.run.console.say)
		return err
	})
	if err != nil {
		return nil, err
	}
	all := append(f.run.outcome.Artifacts, kept...)
	slices.Sort(all)
	f.run.outcome.Artifacts = slices.Compact(all)
	return nil, nil
}

// files are the workspace's, if it has them.
func (f frame) files() (Files, error) {
	if files, ok := f.node.ws.(Files); ok {
		return files, nil
	}
	return nil, throwable(classUnsupported, "this workspace has no steps for files")
}

func (f frame) fileExists(a arguments) (any, error) {
	files, err := f.files()
	if err != nil {
		return nil, err
	}
	exists := false
	err = f.outside(func(ctx context.Context) error {
		exists, err = files.Exists(ctx, f.absolute(a.text("file", true)))
		return err
	})
	return exists, err
}

func (f frame) readFile(a arguments) (any, error) {
	files, err := f.files()
	if err != nil {
		return nil, err
	}
	text := ""
	err = f.outside(func(ctx context.Context) error {
		text, err = files.ReadFile(ctx, f.absolute(a.text("file", true)))
		return err
	})
	return text, err
}

func (f frame) writeFile(a arguments) (any, error) {
	files, err := f.files()
	if err != nil {
		return nil, err
	}
	return nil, f.outside(func(ctx context.Context) error {
		return files.WriteFile(ctx, f.absolute(a.text("file", false)), a.text("text", false))
	})
}

func (f frame) deleteDir(arguments) (any, error) {
	files, err := f.files()
	if err != nil {
		return nil, err
	}
	return nil, f.outside(func(ctx context.Context) error { return files.Remove(ctx, f.node.dir) })
}

func (f frame) pwd(a arguments) (any, error) {
	if a.flag("tmp", false) {
		return f.node.dir + "@tmp", nil
	}
	return f.node.dir, nil
}
