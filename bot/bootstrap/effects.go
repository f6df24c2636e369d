package bootstrap

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"opsbot/bot"
)

// Effects implements bot.Bootstraps.
func (s *Service) Effects(ctx context.Context, b bot.Bootstrap) ([]bot.Text, error) {
	var list []string
	p, forge, pipeline := b.Project, s.name(b.Project.Forge), s.name(b.Project.Pipeline)
	if b.Adopt != nil {
		more, err := s.adopting(ctx, b)
		if err != nil {
			return nil, err
		}
		list = append(list, more...)
	} else {
		tree, err := s.s.Blueprints.Render(ctx, b.Render)
		if err != nil {
			return nil, err
		}
		visibility := "public"
		if p.Private {
			visibility = "private"
		}
		list = append(list,
			fmt.Sprintf("%s: make the %s repository %s/%s.", forge, visibility, p.Owner, p.Slug),
			fmt.Sprintf("%s: push one commit with %d files from %s %s to %s.", forge, len(tree.Files), p.Blueprint, p.BlueprintVer, p.DefaultBranch))
		if _, guards := s.s.Integrations.Get(p.Forge).(bot.Protector); guards {
			list = append(list, fmt.Sprintf("%s: guard the branch %s, if the configuration asks for it.", forge, p.DefaultBranch))
		}
	}
	list = append(list,
		fmt.Sprintf("%s: install one webhook to %s/hooks/%s.", forge, s.s.Defaults.PublicURL, p.Forge),
		fmt.Sprintf("%s: make the multibranch job %s, which builds every branch with a Jenkinsfile.", pipeline, p.Slug))
	for _, name := range s.s.Defaults.Provision {
		if service, ok := s.s.Integrations.Get(name).(bot.Provisioner); ok {
			list = append(list, fmt.Sprintf("%s: make the %s %s.", s.name(name), service.ProvisionTitle(), p.Slug))
		}
	}
	list = append(list, "Environments: "+s.environments()+".")
	lines := make([]bot.Text, len(list))
	for i, l := range list {
		lines[i] = bot.Escape(fmt.Sprintf("%d. %s", i+1, l))
	}
	return lines, nil
}

// adopting looks at the repository and says what becomes of it.
func (s *Service) adopting(ctx context.Context, b bot.Bootstrap) ([]string, error) {
	forge, repo := s.name(b.Project.Forge), *b.Adopt
	list := []string{fmt.Sprintf("%s: take over %s as it is; nothing is committed, renamed or protected.", forge, repo.URL)}
	has, err := s.HasPipeline(ctx, b.Project, repo)
	switch {
	case err != nil:
		return nil, err
	case b.Render.Blueprint != "" && has:
		return nil, bot.Errorf(bot.CodeConflict, "%s has a Jenkinsfile on %s already; leave --propose out.", repo.URL, repo.DefaultBranch)
	case b.Render.Blueprint != "":
		tree, err := s.proposal(ctx, b.Render)
		if err != nil {
			return nil, err
		}
		names := make([]string, len(tree.Files))
		for i, f := range tree.Files {
			names[i] = f.Path
		}
		list = append(list, fmt.Sprintf("%s: open a pull request into %s that adds %s from %s %s.",
			forge, repo.DefaultBranch, strings.Join(names, " and "), b.Render.Blueprint, b.Render.Version))
	case !has:
		list = append(list, fmt.Sprintf("Nothing is built until there is a Jenkinsfile: %s has none on %s. With --propose=BLUEPRINT a pull request that adds one is opened.",
			repo.URL, repo.DefaultBranch))
	}
	return list, nil
}

// HasPipeline reports whether the newest commit of the repository's default branch
// holds a Jenkinsfile. An empty repository can't be built around.
func (s *Service) HasPipeline(ctx context.Context, p bot.Project, repo bot.Repository) (bool, error) {
	reader, err := bot.Find[bot.CommitReader](s.s.Integrations, p.Forge, "commit history")
	if err != nil {
		return false, err
	}
	heads, err := reader.Branches(ctx, repo)
	if err != nil {
		return false, err
	}
	head, ok := heads[repo.DefaultBranch]
	if !ok {
		return false, bot.Errorf(bot.CodeConflict, "%s has no commit on %s yet. Push one first, or have the project made by new-project.", repo.URL, repo.DefaultBranch)
	}
	_, err = reader.ReadFile(ctx, repo, head, pipelineFile)
	if bot.CodeOf(err) == bot.CodeNotFound {
		return false, nil
	}
	return err == nil, err
}

const (
	pipelineFile = "Jenkinsfile"
	runFile      = ".opsbot/project.yaml"
)

// proposal is what of a blueprint makes a repository build and run: no source code.
func (s *Service) proposal(ctx context.Context, render bot.RenderRequest) (bot.Tree, error) {
	tree, err := s.s.Blueprints.Render(ctx, render)
	if err != nil {
		return bot.Tree{}, err
	}
	tree.Files = slices.DeleteFunc(tree.Files, func(f bot.TreeFile) bool { return f.Path != pipelineFile && f.Path != runFile })
	if len(tree.Files) == 0 {
		return bot.Tree{}, bot.Errorf(bot.CodeInvalid, "The blueprint %s has no Jenkinsfile to propose.", render.Blueprint)
	}
	return tree, nil
}
