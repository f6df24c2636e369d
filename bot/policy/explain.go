package policy

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/cedar-policy/cedar-go"

	"opsbot/bot"
)

// Clause is one policy as it stands in its file.
type Clause struct {
	ID       string
	Position string // "policy.cedar:21:1"
	Forbids  bool
	Text     string // as written, with its annotations
}

// Clause returns the policy with an id that a Decision names.
func (p *Policy) Clause(id string) Clause {
	one := p.set.Get(cedar.PolicyID(id))
	if one == nil {
		return Clause{ID: id}
	}
	at := one.Position()
	return Clause{
		ID: id, Position: fmt.Sprintf("%s:%d:%d", p.file, at.Line, at.Column),
		Forbids: one.Effect() == cedar.Forbid, Text: statement(p.text[min(max(at.Offset, 0), len(p.text)):]),
	}
}

var outsideCode = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|//[^\n]*`)

// statement cuts a text behind its first semicolon that is neither in a string nor
// in a comment.
func statement(text string) string {
	blank := outsideCode.ReplaceAllStringFunc(text, func(s string) string { return strings.Repeat(" ", len(s)) })
	if end := strings.IndexByte(blank, ';'); end >= 0 {
		return text[:end+1]
	}
	return strings.TrimSpace(text)
}

var groupName = regexp.MustCompile(`Group::"([^"\\]+)"`)

// AllowedTo lists the groups whose members would be allowed what is asked, of those
// that the policy or the configuration names.
func (p *Policy) AllowedTo(ctx context.Context, a bot.Access) ([]string, error) {
	var all, out []string
	for _, found := range groupName.FindAllStringSubmatch(p.text, -1) {
		all = append(all, found[1])
	}
	for _, groups := range p.groups {
		all = append(all, groups...)
	}
	slices.Sort(all)
	for _, g := range slices.Compact(all) {
		a.User.Groups = []string{g}
		d, err := p.Authorize(ctx, a)
		if err != nil {
			return nil, err
		}
		if d.Allowed {
			out = append(out, g)
		}
	}
	return out, nil
}
