package bot

import (
	"context"
	"fmt"
	"regexp"
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
	names := make([]string, 0, len(s.Environments))
	for _, e := range s.Environments {
		if strings.EqualFold(e.Name, name) {
			return e, nil
		}
		names = append(names, e.Name)
	}
	return Environment{}, Errorf(CodeNotFound, "There is no environment %q; there are: %s.", Shorten(name, 40), strings.Join(names, ", "))
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
