package jenkinsfile

import (
	"slices"
	"strings"
)

func conditionNames() string { return "[" + strings.Join(PostConditions(), ", ") + "]" }

// validate checks the meaning of the model, in the order of Jenkins' passes.
func (b *builder) validate(p *Pipeline) {
	if p.Stages == nil {
		b.errorf(p.Pos, "Missing required section \"stages\"")
	}
	if p.Agent == nil {
		b.errorf(p.Pos, "Missing required section \"agent\"")
	}
	if p.Stages != nil {
		b.checkStages(p.Stages, false)
	}
	b.checkPost(p.Post)
	b.checkEnvironment(p.Environment)
	b.checkAgent(p.Agent)
	b.checkTools(p.Tools)
	b.checkOptions(p.Options, false)
	b.checkParameters(p.Parameters)
	b.checkTriggers(p.Triggers)
}

func (b *builder) checkStages(list *Stages, inParallel bool) {
	if len(list.Stages) == 0 {
		b.errorf(list.Pos, "No stages specified")
	}
	var names []string
	for _, s := range list.Stages {
		names = append(names, s.Name)
	}
	for _, name := range repeated(names) {
		b.errorf(list.Pos, "Duplicate stage name: \""+name+"\"")
	}
	for _, s := range list.Stages {
		b.checkStage(s, inParallel)
	}
}

// repeated lists what occurs more than once, in order.
func repeated(names []string) []string {
	var twice []string
	for i, name := range names {
		if slices.Contains(names[:i], name) && !slices.Contains(twice, name) {
			twice = append(twice, name)
		}
	}
	return twice
}

func (b *builder) checkStage(s *Stage, inParallel bool) {
	b.checkCommon(s)
	b.checkStageContent(s, inParallel)
	switch {
	case s.Steps == nil:
	case len(s.Steps.Branches) > 0:
		for _, branch := range s.Steps.Branches {
			b.checkSteps(&Steps{Pos: branch.Pos, Body: branch.Body})
		}
	default:
		b.checkSteps(s.Steps)
	}
	if s.Parallel != nil {
		b.checkStages(s.Parallel, true)
	}
	if s.Matrix != nil {
		b.checkMatrix(s.Matrix)
	}
	if s.Stages != nil {
		b.checkStages(s.Stages, inParallel)
	}
}

func (b *builder) checkCommon(s *Stage) {
	b.checkAgent(s.Agent)
	b.checkWhen(s.When)
	b.checkPost(s.Post)
	b.checkTools(s.Tools)
	b.checkEnvironment(s.Environment)
	b.checkOptions(s.Options, true)
	b.checkInput(s.Input)
}

// checkStageContent: a stage has exactly one of steps, stages, parallel, matrix.
func (b *builder) checkStageContent(s *Stage, inParallel bool) {
	kinds := 0
	for _, has := range []bool{s.Steps != nil, s.Stages != nil, s.Parallel != nil, s.Matrix != nil} {
		if has {
			kinds++
		}
	}
	branched := s.Steps != nil && len(s.Steps.Branches) > 1
	switch {
	case inParallel && (branched || s.Parallel != nil || s.Matrix != nil):
		b.errorf(nestedPos(s), "\"matrix\" or \"parallel\" cannot be nested inside another \"matrix\" or \"parallel\".")
	case kinds > 1:
		b.errorf(s.Pos, "Only one of \"matrix\", \"parallel\", \"stages\", or \"steps\" allowed for stage \""+s.Name+"\"")
	case kinds == 0:
		b.errorf(s.Pos, "Expected one of \"steps\", \"stages\", or \"parallel\" for stage \""+s.Name+"\"")
	case s.Parallel != nil || s.Matrix != nil:
		if s.Agent != nil {
			b.errorf(s.Agent.Pos, "\"agent\" is not allowed in stage \""+s.Name+"\" as it contains parallel stages")
		}
		if s.Tools != nil {
			b.errorf(s.Tools.Pos, "\"tools\" is not allowed in stage \""+s.Name+"\" as it contains parallel stages")
		}
	}
}

func nestedPos(s *Stage) Pos {
	switch {
	case s.Matrix != nil:
		return s.Matrix.Pos
	case s.Parallel != nil:
		return s.Parallel.Pos
	}
	return s.Steps.Pos
}

func (b *builder) checkMatrix(m *Matrix) {
	if m.Axes == nil {
		b.errorf(m.Pos, "Missing required section \"axes\"")
	}
	if m.Cell.Stages == nil {
		b.errorf(m.Pos, "Missing required section \"stages\"")
	}
	b.checkCommon(m.Cell)
	for _, a := range m.Axes {
		if a.Name == "" {
			b.errorf(a.Pos, "Missing required section \"name\"")
		}
		if len(a.Values) == 0 {
			b.errorf(a.Pos, "Missing required section \"values\"")
		}
	}
	if m.Cell.Stages != nil {
		b.checkStages(m.Cell.Stages, true)
	}
}

func (b *builder) checkPost(p *Post) {
	if p == nil {
		return
	}
	if len(p.Blocks) == 0 {
		b.errorf(p.Pos, "post can not be empty")
	}
	var names []string
	for _, block := range p.Blocks {
		names = append(names, block.Condition)
	}
	for _, name := range repeated(names) {
		b.errorf(p.Pos, "Duplicate build condition name: \""+name+"\"")
	}
	for _, block := range p.Blocks {
		if !slices.Contains(PostConditions(), block.Condition) {
			b.errorf(block.Pos, "Invalid condition \""+block.Condition+"\" - valid conditions are "+conditionNames())
		}
		b.checkSteps(block.Steps)
	}
}

func (b *builder) checkEnvironment(env *Environment) {
	if env == nil {
		return
	}
	if len(env.Vars) == 0 {
		b.errorf(env.Pos, "No variables specified for environment")
	}
	for _, v := range env.Vars {
		if !isEnvName(v.Name) {
			b.errorf(v.Pos, "\""+v.Name+"\" is not a valid identifier and cannot be used for an environment variable. "+
				"Identifiers must start with a letter or underscore and can contain only letters, numbers or underscores.")
		}
	}
}

func isEnvName(name string) bool {
	for i := range len(name) {
		c := name[i]
		letter := c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}

func (b *builder) checkAgent(a *Agent) {
	if a == nil {
		return
	}
	names := "[any, label, none]"
	switch a.Type {
	case "":
		b.errorf(a.Pos, "No agent type specified. Must be one of "+names)
	case "any", "none":
	case "label":
	case "node":
		if a.Fields != nil && a.Field("label") == nil {
			b.errorf(a.TypePos, "Missing required parameter for agent type \"node\": label")
		}
		for _, f := range a.Fields {
			if f.Name != "label" && f.Name != "customWorkspace" {
				b.errorf(f.Pos, "Invalid config option \""+f.Name+"\" for agent type \"node\". Valid config options are [label, customWorkspace]")
			}
		}
	case "docker", "dockerfile", "kubernetes", "dockerContainer":
		// A Jenkins without that plugin refuses it too.
		b.errorf(a.TypePos, "Invalid agent type \""+a.Type+"\" specified. Must be one of "+names+"; agent "+a.Type+" runs on Jenkins only")
	default:
		b.errorf(a.TypePos, "Invalid agent type \""+a.Type+"\" specified. Must be one of "+names)
	}
}

func (b *builder) checkTools(t *Tools) {
	if t == nil {
		return
	}
	if len(t.Tools) == 0 {
		b.errorf(t.Pos, "No tools specified")
	}
	for _, tool := range t.Tools {
		switch tool.Type {
		case "git", "jdk", "maven", "jgit", "jgitapache":
			b.checkInstallation(tool)
		default:
			b.errorf(tool.Pos, "Invalid tool type \""+tool.Type+"\". Valid tool types: [git, jdk, jgit, jgitapache, maven]")
		}
	}
}

// checkInstallation: no tools are configured here, but for git's default.
func (b *builder) checkInstallation(t Tool) {
	c, literal := t.Value.(*Const)
	switch {
	case !literal:
		b.unsupported(t.Pos, "tool "+t.Type)
	case t.Type != "git" || c.Value != "Default":
		b.errorf(t.Value.At(), "Tool type \""+t.Type+"\" does not have an install of \""+textOf(c.Value)+
			"\" configured; tools are for Jenkins, it runs on Jenkins only")
	}
}
