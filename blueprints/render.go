package blueprints

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/template"

	"opsbot/bot"
)

// Render makes the project's files from a complete set of answers, as Resolve
// gives it; having gone through JSON does no harm. The same blueprint and answers give the same tree, byte for byte.
// RecordPath is one of its files. An error in a template is a *Finding with
// file and line; a context that ended, or the limit on time, gives ctx's error.
func (b *Blueprint) Render(ctx context.Context, answers Answers) (bot.Tree, error) {
	complete, err := b.Resolve(answers)
	if err != nil {
		return bot.Tree{}, err
	}
	if len(complete) != len(answers) {
		// What Resolve filled in may be random: rendering it would not repeat.
		return bot.Tree{}, incomplete(b)
	}
	ctx, cancel := context.WithTimeout(ctx, b.limits.Time)
	defer cancel()
	r := renderer{b: b, data: map[string]any(complete), budget: budget{limits: b.limits}, paths: newPathSet()}
	for _, f := range b.files {
		if err := r.render(ctx, f); err != nil {
			if ctx.Err() != nil {
				return bot.Tree{}, fmt.Errorf("render blueprint %s: %w", b.Name(), ctx.Err())
			}
			return bot.Tree{}, fmt.Errorf("render blueprint %s: %w", b.Name(), err)
		}
	}
	if err := r.add(RecordPath, RecordPath, false, b.record(complete)); err != nil {
		return bot.Tree{}, fmt.Errorf("render blueprint %s: %w", b.Name(), err)
	}
	slices.SortFunc(r.files, func(x, y bot.TreeFile) int { return strings.Compare(x.Path, y.Path) })
	return bot.Tree{Files: r.files}, nil
}

func incomplete(b *Blueprint) error {
	return bot.Errorf(bot.CodeInvalid, "Blueprint %s: the answers are not complete; resolve them first.", b.Name())
}

// renderer is one rendering under way.
type renderer struct {
	b      *Blueprint
	data   map[string]any
	budget budget
	paths  *pathSet
	files  []bot.TreeFile
}

func (r *renderer) render(ctx context.Context, f sourceFile) error {
	to, executable, err := r.apply(ctx, f.path)
	if err != nil || to == "" {
		return err
	}
	data := f.data
	if f.template != nil {
		var out bytes.Buffer
		w := &limitedWriter{w: &out, left: r.b.limits.FileBytes}
		if err := r.budget.execute(ctx, f.template, w, r.copyOfData()); err != nil {
			return templateFinding(f.source, err)
		}
		data = out.Bytes()
	}
	return r.add(f.source, to, executable, data)
}

// copyOfData keeps a template that calls sprig's "set" from changing what the
// next file sees.
func (r *renderer) copyOfData() map[string]any { return maps.Clone(r.data) }

// apply runs the file rules for p: the path it gets, "" if it is left out.
func (r *renderer) apply(ctx context.Context, p string) (to string, executable bool, err error) {
	to = p
	renamedBy := ""
	for _, rule := range r.b.rules {
		if !matches(rule.Match, p) {
			continue
		}
		holds, err := r.text(ctx, rule.when)
		if err != nil {
			return "", false, err
		}
		if holds != "true" {
			return "", false, nil
		}
		executable = executable || rule.Executable
		if rule.rename == nil {
			continue
		}
		if renamedBy != "" {
			return "", false, findingf(ManifestFile, 0, "%s is renamed by two rules, %s and %s", p, renamedBy, rule.Match)
		}
		renamedBy = rule.Match
		name, err := r.text(ctx, rule.rename)
		if err != nil {
			return "", false, err
		}
		to = renamed(rule.Match, p, name)
	}
	return to, executable, nil
}

func (r *renderer) text(ctx context.Context, t *template.Template) (string, error) {
	var out bytes.Buffer
	if err := r.budget.execute(ctx, t, &limitedWriter{w: &out, left: maxPath}, r.copyOfData()); err != nil {
		return "", templateFinding(t.Name(), err)
	}
	return out.String(), nil
}

// add puts a file into the tree; source is the file to blame.
func (r *renderer) add(source, p string, executable bool, data []byte) error {
	if len(r.files) == r.b.limits.Files {
		return findingf(source, 0, "the tree has more than %d files", r.b.limits.Files)
	}
	if len(data) > r.b.limits.FileBytes {
		return findingf(source, 0, "is larger than %d bytes", r.b.limits.FileBytes)
	}
	if err := errors.Join(r.paths.add(p), r.budget.take(len(data))); err != nil {
		return &Finding{File: source, Message: err.Error()}
	}
	r.files = append(r.files, bot.TreeFile{Path: p, Executable: executable, Data: bytes.Clone(data)})
	return nil
}
