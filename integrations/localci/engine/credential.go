package engine

import (
	"context"
	"slices"
	"strings"

	"opsbot/bot/jenkinsfile"
)

// SecretKind is how a secret is handed over.
type SecretKind string

// The kinds of secrets.
const (
	SecretText  SecretKind = "text"
	SecretFile  SecretKind = "file"
	SecretLogin SecretKind = "login"
)

// Secret is what a Jenkinsfile gets by an id.
type Secret struct {
	Kind SecretKind
	// User is a login's; Value the text, the password, or the file's content.
	User, Value string
	// FileName is a file's base name.
	FileName string
}

// Keeper is what a Host may do besides: keep files that hold secrets, where scripts
// can read them and nothing else finds them.
type Keeper interface {
	// KeepSecret stores a file, readable for the build only, and returns its path as
	// scripts see it. What remove doesn't remove goes with the build.
	KeepSecret(ctx context.Context, name, content string) (path string, remove func(), err error)
}

// What a login adds to the name of its variable.
const (
	userSuffix     = "_USR"
	passwordSuffix = "_PSW"
)

// shown is what Jenkins calls the kind of a credential.
func (k SecretKind) shown() string {
	switch k {
	case SecretFile:
		return "Secret file"
	case SecretLogin:
		return "Username with password"
	}
	return "Secret text"
}

// secret finds a secret and masks it from now on. missing is how Jenkins puts it that
// there is none, which differs from place to place.
func (f frame) secret(id, missing string) (Secret, error) {
	s, ok := f.run.build.Secrets[id]
	if !ok {
		project := f.run.build.Job[strings.LastIndex(f.run.build.Job, "/")+1:]
		hint := "The project " + project + " has no secret " + id + " for builds; set it with: secret set " + project + " " + id
		f.run.console.say("[localci: " + hint + "]")
		return s, &Failure{Class: classNoCredentials, Message: missing, Hint: hint}
	}
	f.run.console.hide(s.Value)
	if s.Kind == SecretLogin {
		f.run.console.hide(s.User + ":" + s.Value)
	}
	return s, nil
}

// plain is the one value of a secret: of a login, user and password; of a file, its
// path.
func (f frame) plain(s Secret, id string) (value string, remove func(), err error) {
	switch s.Kind {
	case SecretLogin:
		return s.User + ":" + s.Value, func() {}, nil
	case SecretFile:
		return f.keep(s, id)
	}
	return s.Value, func() {}, nil
}

func (f frame) keep(s Secret, id string) (file string, remove func(), err error) {
	keeper, ok := f.run.host.(Keeper)
	if !ok {
		return "", nil, throwable(classUnsupported, "this host keeps no files with secrets")
	}
	name := s.FileName
	if name == "" {
		name = id
	}
	err = f.outside(func(ctx context.Context) error {
		file, remove, err = keeper.KeepSecret(ctx, name, s.Value)
		return err
	})
	return file, remove, err
}

// credentialCall is credentials('id') inside of a value of an environment section.
func (f frame) credentialCall(call *jenkinsfile.Call) (any, error) {
	s, id, err := f.credential(call)
	if err != nil {
		return nil, err
	}
	value, _, err := f.plain(s, id)
	return value, err
}

func (f frame) credential(call *jenkinsfile.Call) (s Secret, id string, err error) {
	a, err := f.evalArgs(call)
	if err != nil {
		return s, "", err
	}
	id = a.text("credentialsId", true)
	s, err = f.secret(id, id)
	return s, id, err
}

// credential is NAME = credentials('id').
func (s *environmentSection) credential(f frame, name string, call *jenkinsfile.Call) error {
	secret, id, err := f.credential(call)
	if err != nil {
		return err
	}
	value, _, err := f.plain(secret, id)
	if err != nil {
		return err
	}
	s.done[name], s.secret = value, append(s.secret, name)
	if secret.Kind == SecretLogin {
		s.done[name+userSuffix], s.done[name+passwordSuffix] = secret.User, secret.Value
		s.secret = append(s.secret, name+passwordSuffix)
	}
	return nil
}

// announceSecrets says of which variables the values are masked, as Jenkins does.
func (f frame) announceSecrets(names []string) {
	if len(names) > 0 {
		f.run.console.say("Masking supported pattern matches of $" + strings.Join(names, " or $"))
	}
}

// withCredentials runs its block with the variables of its bindings.
func (f frame) withCredentials(a arguments) (any, error) {
	v, _ := a.value("bindings", true)
	layer := map[string]string{}
	var secret []string
	for _, item := range iterable(v) {
		remove, names, err := f.bind(item, layer)
		if err != nil {
			return nil, err
		}
		defer remove()
		secret = append(secret, names...)
	}
	f.announceSecrets(secret)
	f.env = f.env.with(layer)
	return f.block(a.block)
}

// bind puts the variables of one binding into layer; names are those that hold what
// is secret.
func (f frame) bind(item any, layer map[string]string) (remove func(), names []string, err error) {
	d, ok := item.(*dict)
	if !ok {
		return nil, nil, throwable(classArgument, "a binding is %s", toString(item))
	}
	b := arguments{named: d}
	kind := b.symbol()
	id := b.text("credentialsId", false)
	s, err := f.secret(id, "Could not find credentials entry with ID '"+id+"'")
	if err != nil {
		return nil, nil, err
	}
	if want := bindingKind(kind); s.Kind != want {
		return nil, nil, throwable(classNoCredentials, "Credentials '%s' is of type '%s' where '%s' was expected", id, s.Kind.shown(), want.shown())
	}
	variables := []string{"variable"}
	if kind == "usernamePassword" {
		variables = []string{"usernameVariable", "passwordVariable"}
	}
	for i, name := range variables {
		if variables[i] = b.text(name, false); variables[i] == "" {
			return nil, nil, throwable(classArgument, "%s of %s is missing", name, kind)
		}
	}
	if kind == "usernamePassword" {
		layer[variables[0]], layer[variables[1]] = s.User, s.Value
		return func() {}, variables[1:], nil
	}
	value, remove, err := f.plain(s, id)
	layer[variables[0]] = value
	return remove, variables, err
}

func bindingKind(name string) SecretKind {
	switch name {
	case "file":
		return SecretFile
	case "usernamePassword", "usernameColonPassword":
		return SecretLogin
	}
	return SecretText
}

// symbolKey is the key of a map that holds the name of the object that it stands for.
const symbolKey = "$symbol"

// symbol is the name of the object that the arguments make, also if they name its class.
func (a arguments) symbol() string {
	if name := a.text(symbolKey, false); name != "" {
		return name
	}
	return jenkinsfile.SymbolOf(a.text("$class", false))
}

// symbol makes string(name: 'A') and the like in the argument of a step a map.
func (f frame) symbol(name string, call *jenkinsfile.Call) (any, bool, error) {
	if call.Object != nil || !slices.Contains(f.symbols, name) {
		return nil, false, nil
	}
	f.symbols = nil
	a, err := f.evalArgs(call)
	if err != nil {
		return nil, true, err
	}
	a.named.put(symbolKey, name)
	return a.named, true, nil
}
