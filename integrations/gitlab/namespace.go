package gitlab

import (
	"context"
	"net/url"
	"strings"

	gl "gitlab.com/gitlab-org/api/client-go"

	"opsbot/bot"
)

// namespace is where projects lie: a group, or a user's own.
type namespace struct {
	id    int64
	group bool
}

// namespaceOf finds an owner's namespace, which never changes its id. GitLab shows
// groups to their members alone; a public one that we are no member of can be told
// from one that is not there.
func (f *Forge) namespaceOf(ctx context.Context, owner string) (*namespace, error) {
	f.mu.Lock()
	known := f.spaces[strings.ToLower(owner)]
	f.mu.Unlock()
	if known != nil {
		return known, nil
	}
	n, _, err := f.api.Namespaces.GetNamespace(owner, gl.WithContext(ctx))
	err = f.explain(ctx, err, "show the owner "+owner)
	switch {
	case bot.CodeOf(err) == bot.CodeNotFound:
		return nil, f.noNamespace(ctx, owner, err)
	case err != nil:
		return nil, err
	case n.ID == 0 || !strings.EqualFold(n.FullPath, owner):
		return nil, f.odd("the namespace " + owner)
	}
	found := &namespace{id: n.ID, group: n.Kind == "group"}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.spaces[strings.ToLower(owner)] = found
	return found, nil
}

func (f *Forge) noNamespace(ctx context.Context, owner string, cause error) error {
	_, err := f.group(ctx, owner)
	switch {
	case err == nil:
		return bot.Errorf(bot.CodeForbidden, "OpsBot's account is not a member of the group %s. An owner of the group can invite it, with the role Maintainer: %s",
			owner, f.webURL(owner)+"/-/group_members").Because(cause)
	case bot.CodeOf(err) == bot.CodeNotFound:
		return bot.Errorf(bot.CodeNotFound, "GitLab has no group or user %s that OpsBot's account may see.", owner).Because(cause)
	}
	return err
}

func (f *Forge) group(ctx context.Context, path string) (*gl.Group, error) {
	g, _, err := f.api.Groups.GetGroup(path, &gl.GetGroupOptions{
		WithProjects: gl.Ptr(false), //nolint:staticcheck // without it, GitLab sends all projects along
	}, gl.WithContext(ctx))
	return g, f.explain(ctx, err, "show the group "+path)
}

// webURL is where people see a project or group.
func (f *Forge) webURL(path string) string {
	return f.base.String() + "/" + (&url.URL{Path: path}).EscapedPath()
}
