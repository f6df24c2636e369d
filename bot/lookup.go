package bot

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// ResourceOf returns the project's active resource of a kind; CodeNotFound with a
// sentence for the person if it has none.
func (s *Services) ResourceOf(ctx context.Context, p Project, kind ResourceKind) (Resource, error) {
	var found *Resource
	err := s.Work.Read(ctx, func(ctx context.Context, tx *Tx) error {
		all, err := tx.Resources.Of(ctx, p.ID)
		for i := range all {
			if all[i].Kind == kind {
				found = &all[i]
			}
		}
		return err
	})
	if err != nil {
		return Resource{}, err
	}
	if found == nil {
		return Resource{}, Errorf(CodeNotFound, "The project %s has no %s.", p.Slug, kind)
	}
	return *found, nil
}

// JobOf returns the project's job and the pipeline that has it.
func (s *Services) JobOf(ctx context.Context, p Project) (Job, Pipeline, error) {
	r, err := s.ResourceOf(ctx, p, ResourceJob)
	if err != nil {
		return Job{}, nil, err
	}
	pipeline, err := Find[Pipeline](s.Integrations, r.Instance, "builds")
	return Job{ExternalID: r.ExternalID, URL: r.URL}, pipeline, err
}

// Environment finds a configured environment by name, without regard to case.
func (s *Services) Environment(name string) (Environment, error) {
	return FindEnvironment(s.Environments, name)
}

// FindEnvironment finds one of all by name, without regard to case; CodeNotFound
// with a sentence that lists them.
func FindEnvironment(all []Environment, name string) (Environment, error) {
	names := make([]string, 0, len(all))
	for _, e := range all {
		if strings.EqualFold(e.Name, name) {
			return e, nil
		}
		names = append(names, e.Name)
	}
	return Environment{}, Errorf(CodeNotFound, "There is no environment %q%s", Shorten(name, 40), Instead(name, names))
}

// CheckBranch refuses a branch that the project's repository has not, with a
// sentence that lists those it has. Where the forge can't be asked, whoever wants
// to use the branch finds out.
func (s *Services) CheckBranch(ctx context.Context, p Project, branch string) error {
	forge, err := Find[CommitReader](s.Integrations, p.Forge, "commit history")
	if err != nil {
		return nil //nolint:nilerr // a forge without that ability is no fault
	}
	r, err := s.ResourceOf(ctx, p, ResourceRepository)
	if err != nil {
		return err
	}
	heads, err := forge.Branches(ctx, r.Repository(p.DefaultBranch))
	if err != nil {
		return err
	}
	if _, ok := heads[branch]; ok {
		return nil
	}
	return Errorf(CodeNotFound, "%s has no branch %s%s", p.Slug, Shorten(branch, 60), Instead(branch, slices.Sorted(maps.Keys(heads))))
}

// NoBuild is the refusal of a build that is not there: number 0 is any of the
// branch, branch "" any at all. It says what there is.
func (s *Services) NoBuild(ctx context.Context, p Project, branch string, number int) error {
	var numbers, branches []string
	err := s.Work.Read(ctx, func(ctx context.Context, tx *Tx) error {
		all, err := tx.Builds.Recent(ctx, p.ID, "", 500)
		for _, b := range all {
			if branch == "" || b.Ref.Branch == branch {
				numbers = append(numbers, fmt.Sprintf("#%d", b.Ref.Number))
			}
			if !slices.Contains(branches, b.Ref.Branch) {
				branches = append(branches, b.Ref.Branch)
			}
		}
		return err
	})
	of := p.Slug
	if branch != "" {
		of += "/" + Shorten(branch, 60)
	}
	switch {
	case err != nil:
		return err
	case len(branches) == 0:
		return Errorf(CodeNotFound, "There is no build of %s yet; `buildNow %s` starts one.", p.Slug, p.Slug)
	case len(numbers) == 0:
		return Errorf(CodeNotFound, "%s has built no branch %s%s", p.Slug, Shorten(branch, 60), Instead(branch, branches))
	}
	return Errorf(CodeNotFound, "There is no build #%d of %s%s", number, of, Instead("", numbers))
}

// DisplayName is an optional ability of an integration: what people call it.
type DisplayName interface {
	DisplayName() string // "GitHub"
}

// NameOf is what people call an instance: its DisplayName, else its name.
func NameOf(all Integrations, instance string) string {
	if n, ok := all.Get(instance).(DisplayName); ok {
		return n.DisplayName()
	}
	return instance
}

// NameRules is an optional ability of every integration: what a project may be
// called there. The name is valid on all services of a plan before anything is made.
type NameRules interface {
	// CheckName returns an Error with CodeInvalid that says what is wrong.
	CheckName(name string) error
}

var slugForm = regexp.MustCompile(`^[a-z][a-z0-9-]{0,38}[a-z0-9]$`)

// reserved are names that paths, hosts, the grammar, Go's tools or file systems use.
const reserved = " admin all api apps assets aux builds com1 com2 com3 com4 com5 com6 com7 com8 com9 con console env git help hooks in " +
	"internal localhost login lpt1 lpt2 lpt3 lpt4 lpt5 lpt6 lpt7 lpt8 lpt9 new none nul opsbot prn projects rooms static system testdata to vendor www "

// CheckSlug checks a project's name by OpsBot's own rule; the error says what is
// allowed and, where it is obvious, what was meant.
func CheckSlug(name string) error {
	const rule = "A name has 2 to 40 characters: lower-case letters, digits and dashes, a letter first and no dash last."
	switch {
	case strings.TrimSpace(name) == "":
		return Errorf(CodeInvalid, "The name is empty. %s", rule)
	case strings.Contains(reserved, " "+strings.ToLower(name)+" "):
		return Errorf(CodeInvalid, "The name %q is reserved. Choose another one.", name)
	case slugForm.MatchString(name) && !strings.Contains(name, "--"):
		return nil
	}
	better := ""
	if s := suggestSlug(name); s != name && slugForm.MatchString(s) && !strings.Contains(reserved, " "+s+" ") {
		better = fmt.Sprintf(" Did you mean %s?", s)
	}
	return Errorf(CodeInvalid, "%q can't be a project's name. %s%s", Shorten(name, 50), rule, better)
}

var notSlug = regexp.MustCompile(`[^a-z0-9]+`)

// suggestSlug is "" where letters would be lost: "h-llo" is not what "héllo" meant.
func suggestSlug(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return r > 0x7f && unicode.IsLetter(r) }) {
		return ""
	}
	s := strings.Trim(notSlug.ReplaceAllString(strings.ToLower(name), "-"), "-")
	if len(s) > 40 {
		return ""
	}
	return s
}

// PlanHere finds the open plan that a message answers without naming it: that of its
// thread or, where nothing can be answered in threads (a conversation with the bot
// alone, a slash command), the only one that its author has open in the room. nil:
// none, or not one alone.
func PlanHere(ctx context.Context, tx *Tx, req *Request) (*Plan, error) {
	m := req.Message
	if m.Thread != "" {
		plan, err := tx.Plans.InThread(ctx, m.Room, m.Thread)
		if err == nil || CodeOf(err) != CodeNotFound {
			return plan, err
		}
	}
	if !m.Direct && !m.Loose {
		return nil, nil
	}
	open, err := tx.Plans.Open(ctx, req.User.ID)
	if err != nil {
		return nil, err
	}
	open = slices.DeleteFunc(open, func(p *Plan) bool { return p.Message.Room != m.Room || req.Now.After(p.ExpiresAt) })
	if len(open) != 1 {
		return nil, nil
	}
	return open[0], nil
}
