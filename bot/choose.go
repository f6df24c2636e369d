package bot

import (
	"maps"
	"slices"
	"strings"
)

// ForgeOf finds the forge for an owner, and the owner as the configuration writes
// it. forge "": the default one if it has the owner, else the only one that has;
// owner "": the default one's default, else the forge's first. What isn't listed is
// refused before any remote call.
func (s *Services) ForgeOf(forge, owner string) (instance, name string, err error) {
	d := s.Defaults
	if forge != "" {
		return s.ownerAt(forge, owner)
	}
	if owner == "" {
		return s.ownerAt(d.Forge, d.Owner)
	}
	if has(d.Owners, owner) != "" {
		return d.Forge, has(d.Owners, owner), nil
	}
	var forges []string
	for _, f := range slices.Sorted(maps.Keys(d.ForgeOwners)) {
		if has(d.ForgeOwners[f], owner) != "" {
			forges = append(forges, f)
		}
	}
	switch len(forges) {
	case 0:
		return "", "", Errorf(CodeInvalid, "There is no owner %q in the configuration%s", Shorten(owner, 40), Instead(owner, s.Owners()))
	case 1:
		return forges[0], has(d.ForgeOwners[forges[0]], owner), nil
	}
	return "", "", Errorf(CodeInvalid, "Several forges have an owner %s: %s. Say which with --forge.", owner, strings.Join(forges, ", "))
}

// ownerAt finds an owner at one forge; "" is its first.
func (s *Services) ownerAt(forge, owner string) (string, string, error) {
	owners, ok := s.Defaults.ForgeOwners[forge]
	if forge == s.Defaults.Forge {
		owners, ok = s.Defaults.Owners, true
	}
	if !ok {
		return "", "", Errorf(CodeInvalid, "There is no forge %q in the configuration%s", Shorten(forge, 40),
			Instead(forge, slices.Sorted(maps.Keys(s.Defaults.ForgeOwners))))
	}
	if owner == "" && len(owners) > 0 {
		owner = owners[0]
	}
	name := has(owners, owner)
	if name == "" {
		return "", "", Errorf(CodeInvalid, "%s has no owner %q in the configuration%s", NameOf(s.Integrations, forge), Shorten(owner, 40), Instead(owner, owners))
	}
	return forge, name, nil
}

func has(owners []string, owner string) string {
	for _, o := range owners {
		if strings.EqualFold(o, owner) {
			return o
		}
	}
	return ""
}

// Owners are the owners of all forges, those of the default one first, each once.
func (s *Services) Owners() []string {
	all := slices.Clone(s.Defaults.Owners)
	for _, f := range slices.Sorted(maps.Keys(s.Defaults.ForgeOwners)) {
		for _, o := range s.Defaults.ForgeOwners[f] {
			if has(all, o) == "" {
				all = append(all, o)
			}
		}
	}
	return all
}

// PipelineOf finds the pipeline of that name; "" is the default one.
func (s *Services) PipelineOf(name string) (string, error) {
	if name == "" {
		return s.Defaults.Pipeline, nil
	}
	var all []string
	for _, n := range s.Integrations.Names() {
		if _, ok := s.Integrations.Get(n).(Pipeline); ok {
			if n == name {
				return n, nil
			}
			all = append(all, n)
		}
	}
	return "", Errorf(CodeInvalid, "There is no pipeline %q in the configuration%s", Shorten(name, 40), Instead(name, all))
}

// TeamOf finds the team as the configuration writes it; "" is none.
func (s *Services) TeamOf(name string) (string, error) {
	team := has(s.Defaults.Teams, name)
	switch {
	case name == "" || team != "":
		return team, nil
	case len(s.Defaults.Teams) == 0:
		return "", Errorf(CodeInvalid, "There is no team in the configuration; `teams` lists them there.")
	}
	return "", Errorf(CodeInvalid, "There is no team %q in the configuration%s", Shorten(name, 40), Instead(name, s.Defaults.Teams))
}

// CardRoom is where a new project's cards go: the configured room, else the one in
// which it was asked for.
func (s *Services) CardRoom(req *Request) RoomRef {
	if s.Defaults.Room.ID != "" {
		return s.Defaults.Room
	}
	return req.Message.Room
}
