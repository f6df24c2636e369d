package engine

import (
	"maps"
	"slices"
	"strings"

	"opsbot/bot/jenkinsfile"
)

// frame is where a statement runs. It is passed by value: an inner block changes
// its own copy.
type frame struct {
	run   *run
	vars  *vars
	env   *envLayer
	node  *node
	stage *Stage
	stops *scopeOfStop
	// post says that this is a post block, where the result is never null.
	post bool
	// stageResult is what a stage has come to, as its post sees it: the build's
	// result follows only when the stage has ended, for it may be retried.
	stageResult Result
	// section resolves the variables of an environment section while it is read.
	section *environmentSection
	// symbols are the names of objects that the argument being read may list.
	symbols []string
	depth   int
}

// node is the workspace that steps run in.
type node struct {
	ws  Workspace
	dir string // absolute, as scripts see it
}

// lookupEnv is env.NAME.
func (f frame) lookupEnv(name string) (string, bool) {
	if f.section != nil {
		if v, ok, mine := f.section.resolve(name); mine {
			return v, ok
		}
	}
	for e := f.env; e != nil; e = e.parent {
		if v, ok := e.vars[name]; ok {
			return v, v != ""
		}
	}
	if v, ok := f.run.env[name]; ok {
		return v, v != ""
	}
	if v, ok := f.run.base[name]; ok {
		return v, v != ""
	}
	if f.node != nil {
		v := f.run.build.Machine[name]
		return v, v != ""
	}
	return "", false
}

// environ is the environment of a process.
func (f frame) environ() []string {
	all := maps.Clone(f.run.build.Machine)
	if all == nil {
		all = map[string]string{}
	}
	(&envLayer{vars: f.run.base}).merge(all)
	(&envLayer{vars: f.run.env}).merge(all)
	f.env.merge(all)
	list := make([]string, 0, len(all))
	for name, v := range all {
		list = append(list, name+"="+v)
	}
	slices.Sort(list)
	return list
}

// inNode is f in a workspace.
func (f frame) inNode(ws Workspace) frame {
	labels := strings.Join(f.run.build.labels(), " ")
	name := "built-in"
	if len(f.run.build.labels()) > 0 {
		name = f.run.build.labels()[0]
	}
	f.node = &node{ws: ws, dir: ws.Path()}
	f.env = f.env.with(map[string]string{
		"WORKSPACE": ws.Path(), "WORKSPACE_TMP": ws.Path() + "@tmp", "NODE_NAME": name, "NODE_LABELS": labels,
		"EXECUTOR_NUMBER": "0",
	})
	return f
}

// environmentSection evaluates the values of an environment section, whose order
// doesn't matter: a value may use one that is declared below it.
type environmentSection struct {
	frame frame // outside of the section
	vars  []jenkinsfile.EnvVar
	done  map[string]string
	busy  map[string]bool
	// secret are the variables that hold what is secret, in order.
	secret []string
	err    error
}

// withEnvironment is f with a section's variables.
func (f frame) withEnvironment(env *jenkinsfile.Environment) (frame, error) {
	if env == nil {
		return f, nil
	}
	s := &environmentSection{frame: f, vars: env.Vars, done: map[string]string{}, busy: map[string]bool{}}
	for _, v := range env.Vars {
		s.resolve(v.Name)
		if s.err != nil {
			return f, s.err
		}
	}
	f.announceSecrets(s.secret)
	f.env = f.env.with(s.done)
	return f, nil
}

// resolve evaluates a variable of the section; mine is false for all others, and
// for one that is just being evaluated: PATH = "x:${PATH}" means the outer one.
func (s *environmentSection) resolve(name string) (value string, ok, mine bool) {
	if v, known := s.done[name]; known {
		return v, v != "", true
	}
	i := slices.IndexFunc(s.vars, func(v jenkinsfile.EnvVar) bool { return v.Name == name })
	if i < 0 && s.err == nil {
		return s.part(name)
	}
	if i < 0 || s.busy[name] || s.err != nil {
		return "", false, false
	}
	s.busy[name] = true
	defer delete(s.busy, name)
	f := s.frame
	f.section = s
	if err := s.evaluate(f, s.vars[i]); err != nil {
		if s.err == nil {
			s.err = err
		}
		return "", false, true
	}
	return s.done[name], s.done[name] != "", true
}

// evaluate settles one variable; a login's also sets NAME_USR and NAME_PSW.
func (s *environmentSection) evaluate(f frame, v jenkinsfile.EnvVar) error {
	if call, ok := v.Value.(*jenkinsfile.Call); ok && call.Named("credentials") {
		return s.credential(f, v.Name, call)
	}
	value, err := f.eval(v.Value)
	if err == nil {
		s.done[v.Name] = toString(value)
	}
	return err
}

// part resolves what a credential of the section sets besides its own name.
func (s *environmentSection) part(name string) (value string, ok, mine bool) {
	base, isUser := strings.CutSuffix(name, userSuffix)
	if !isUser {
		base, ok = strings.CutSuffix(name, passwordSuffix)
		if !ok {
			return "", false, false
		}
	}
	i := slices.IndexFunc(s.vars, func(v jenkinsfile.EnvVar) bool { return v.Name == base })
	if i < 0 {
		return "", false, false
	}
	if call, isCall := s.vars[i].Value.(*jenkinsfile.Call); !isCall || !call.Named("credentials") {
		return "", false, false
	}
	s.resolve(base)
	v, known := s.done[name]
	return v, v != "", known
}
