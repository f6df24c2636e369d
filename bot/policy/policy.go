// Package policy answers who may do what, and why, with Cedar policies.
package policy

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"

	"opsbot/bot"
)

// Default is the text of the default policy.
//
//go:embed default.cedar
var Default string

// Policy is a set of Cedar policies over the known verbs. Safe for concurrent use;
// it never changes.
type Policy struct {
	set   *cedar.PolicySet
	file  string // name of the file, and what it says
	text  string
	names map[cedar.PolicyID]string // by @id, else the file's position
	order map[cedar.PolicyID]int
	roles map[string]bot.Role // verb -> role
	// groups by account ("console:alice") or bare name ("alice").
	groups map[string][]string
}

var _ bot.Authorizer = (*Policy)(nil)

// extra are the actions that are no verbs.
func extra() []string { return []string{"yes", "approve", "react", "push"} }

// Load reads the policy file; path "" is the default policy. groups maps a group's
// name to its members: "instance:account-id", or a bare account id of the console.
func Load(path string, specs []bot.Spec, groups map[string][]string) (*Policy, error) {
	text, name := Default, "default.cedar"
	if path != "" {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("policy: read: %w", err)
		}
		text, name = string(data), path
	}
	return Parse(name, text, specs, groups)
}

// Parse makes a policy of a text; name is for messages.
func Parse(name, text string, specs []bot.Spec, groups map[string][]string) (*Policy, error) {
	list, err := cedar.NewPolicyListFromBytes(name, []byte(text))
	if err != nil {
		// The parser does not know the file's name.
		return nil, fmt.Errorf("policy: %s", strings.ReplaceAll(err.Error(), "<input>", name))
	}
	p := &Policy{
		set: cedar.NewPolicySet(), file: name, text: text, names: map[cedar.PolicyID]string{}, order: map[cedar.PolicyID]int{},
		roles: map[string]bot.Role{}, groups: map[string][]string{},
	}
	seen := map[string]bool{}
	for i, one := range list {
		id := string(one.Annotations()["id"])
		if id == "" {
			id = fmt.Sprintf("%s:%d", name, one.Position().Line)
		}
		if seen[id] {
			return nil, fmt.Errorf("policy: %s:%d: the id %q is there twice", name, one.Position().Line, id)
		}
		seen[id] = true
		key := cedar.PolicyID(id)
		p.names[key], p.order[key] = id, i
		p.set.Add(key, one)
	}
	for _, s := range specs {
		p.roles[s.Verb] = s.Role
	}
	for group, members := range groups {
		for _, m := range members {
			m = strings.ToLower(m)
			p.groups[m] = append(p.groups[m], group)
		}
	}
	return p, nil
}

// GroupsOf lists the policy groups of the account in use by the configuration alone,
// sorted. A member written as a bare name is a user of the built-in console, where
// the operator gives the names: in other chats people name themselves.
func (p *Policy) GroupsOf(u bot.User) []string {
	out := p.groupsOf(u.Account, bot.Facts{})
	slices.Sort(out)
	return slices.Compact(out)
}

// Authorize answers one question. What no policy permits is refused.
func (p *Policy) Authorize(_ context.Context, a bot.Access) (bot.Decision, error) {
	entities, req := p.request(a)
	decision, diag := cedar.Authorize(p.set, entities, req)
	if err := p.unsure(decision, diag); err != nil {
		return bot.Decision{}, err
	}
	d := bot.Decision{Allowed: decision == cedar.Allow}
	ids := make([]cedar.PolicyID, 0, len(diag.Reasons))
	for _, r := range diag.Reasons {
		ids = append(ids, r.PolicyID)
	}
	slices.SortFunc(ids, func(a, b cedar.PolicyID) int { return p.order[a] - p.order[b] })
	for _, id := range ids {
		d.Policies = append(d.Policies, p.names[id])
	}
	d.Reason = reason(d, a)
	return d, nil
}

// unsure reports a policy that could not be evaluated and might have refused, or
// permitted what nothing else does. Cedar itself leaves such policies out, also
// those that forbid.
func (p *Policy) unsure(decision cedar.Decision, diag cedar.Diagnostic) error {
	for _, e := range diag.Errors {
		forbids := p.set.Get(e.PolicyID).Effect() == cedar.Forbid
		if forbids && decision == cedar.Allow || decision == cedar.Deny && len(diag.Reasons) == 0 {
			return fmt.Errorf("policy %s: %s", e.PolicyID, e.Message)
		}
	}
	return nil
}

// reason words the decision, naming the policies.
func reason(d bot.Decision, a bot.Access) string {
	list := strings.Join(d.Policies, ", ")
	switch {
	case d.Allowed:
		return fmt.Sprintf("Allowed by %s.", list)
	case list != "":
		return fmt.Sprintf("Forbidden by the policy %s.", list)
	}
	return fmt.Sprintf("No policy allows %s to do that (groups: %s).", orNobody(a.User.Name), orNone(a.User.Groups))
}

func orNobody(name string) string {
	if name == "" {
		return "somebody unknown"
	}
	return name
}

func orNone(groups []string) string {
	if len(groups) == 0 {
		return "none"
	}
	return strings.Join(groups, ", ")
}

// request translates the question into Cedar's terms.
func (p *Policy) request(a bot.Access) (types.EntityMap, cedar.Request) {
	user := types.NewEntityUID("User", types.String(a.User.ID))
	action := types.NewEntityUID("Action", types.String(a.Verb))
	resource := types.NewEntityUID("Resource", types.String(strings.Trim(a.Project+"/"+a.Environment, "/")))
	var groups, actions []types.EntityUID
	for _, g := range a.User.Groups {
		groups = append(groups, types.NewEntityUID("Group", types.String(g)))
	}
	if role, ok := p.roles[a.Verb]; ok {
		actions = append(actions, types.NewEntityUID("Action", types.String(role)))
	}
	entities := types.EntityMap{
		user: {UID: user, Parents: types.NewEntityUIDSet(groups...), Attributes: types.NewRecord(types.RecordMap{
			"id": types.String(a.User.ID), "name": types.String(a.User.Name), "owner": types.Boolean(a.User.Owner),
			"instance": types.String(a.User.Account.Instance), "account": types.String(a.User.Account.String()),
			"guest": types.Boolean(a.User.Guest), "external": types.Boolean(a.User.External),
		})},
		action: {UID: action, Parents: types.NewEntityUIDSet(actions...)},
		resource: {UID: resource, Attributes: types.NewRecord(types.RecordMap{
			"project": types.String(a.Project), "team": types.String(a.Team), "environment": types.String(a.Environment),
			"blueprint": types.String(a.Blueprint), "owner": types.String(a.OwnerName),
		})},
	}
	return entities, cedar.Request{Principal: user, Action: action, Resource: resource, Context: types.NewRecord(types.RecordMap{
		"room": types.String(a.Room.String()), "requester": types.String(a.Requester),
	})}
}

// Row is one line of the table of rights.
type Row struct {
	Verb, Role, Environment string
	Allowed                 bool
	Policies                []string
}

// Table asks verb x role x environment, for documentation and its golden test. A
// role is a person in the groups that the default policy names.
func (p *Policy) Table(ctx context.Context, specs []bot.Spec, environments []string) ([]Row, error) {
	people := []bot.User{
		{ID: "u1", Name: "guest", Groups: []string{"guests"}},
		{ID: "u2", Name: "developer"},
		{ID: "u3", Name: "operator", Groups: []string{"operators"}},
		{ID: "u4", Name: "admin", Groups: []string{"admins"}},
	}
	verbs := make([]string, 0, len(specs)+3)
	for _, s := range specs {
		verbs = append(verbs, s.Verb)
	}
	var rows []Row
	for _, verb := range append(verbs, extra()...) {
		for _, u := range people {
			for _, env := range environments {
				d, err := p.Authorize(ctx, bot.Access{User: u, Verb: verb, Environment: env, Requester: "u0"})
				if err != nil {
					return nil, err
				}
				rows = append(rows, Row{verb, u.Name, env, d.Allowed, d.Policies})
			}
		}
	}
	return rows, nil
}
