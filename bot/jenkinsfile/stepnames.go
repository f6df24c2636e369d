package jenkinsfile

import (
	"slices"
	"strings"
)

// personalStep knows the steps that need a person, a secret or SonarQube.
func personalStep(name string) (stepSpec, bool) {
	switch name {
	case "input":
		return stepSpec{params: params(one(req("message", typeString)),
			opt(typeString, "id", "ok", "submitter", "submitterParameter", "cancel"), opt(typeAny, "parameters")), here: true}, true
	case "withCredentials":
		return stepSpec{params: one(req("bindings", typeAny)), block: true, here: true}, true
	case "withSonarQubeEnv":
		return stepSpec{
			params: params(opt(typeString, "installationName", "credentialsId"), opt(typeBool, "envOnly")),
			block:  true, here: true,
		}, true
	case "waitForQualityGate":
		return stepSpec{
			params: params(opt(typeBool, "abortPipeline"), opt(typeString, "credentialsId", "webhookSecretId")),
			here:   true,
		}, true
	}
	return stepSpec{}, false
}

// StepNames are the steps that OpsBot runs, in order.
func StepNames() []string {
	return []string{
		"archiveArtifacts", "catchError", "checkout", "deleteDir", "dir", "echo", "error", "fileExists", "input", "isUnix",
		"junit", "mattermostSend", "node", "parallel", "print", "println", "pwd", "readFile", "retry", "script", "sh",
		"slackSend", "sleep", "stage", "stash", "timeout", "timestamps", "unstable", "unstash", "waitForQualityGate", "warnError",
		"withCredentials", "withEnv", "withSonarQubeEnv", "writeFile",
	}
}

// Symbols are the names of the objects that the argument of a step lists, such as
// string(credentialsId: 'a', variable: 'B'), by the step and the argument; nil for all
// other arguments.
func Symbols(step, argument string) []string {
	switch step + " " + argument {
	case "withCredentials bindings":
		return []string{"string", "usernamePassword", "usernameColonPassword", "file"}
	case "input parameters":
		return parameterTypes()
	}
	return nil
}

// SymbolOf is the name of an object by its class, as [$class: 'StringBinding'] has it;
// "" for one that OpsBot doesn't know.
func SymbolOf(class string) string {
	switch class[strings.LastIndex(class, ".")+1:] {
	case "StringBinding", "StringParameterDefinition":
		return "string"
	case "UsernamePasswordMultiBinding":
		return "usernamePassword"
	case "UsernamePasswordBinding":
		return "usernameColonPassword"
	case "FileBinding":
		return "file"
	case "TextParameterDefinition":
		return "text"
	case "BooleanParameterDefinition":
		return "booleanParam"
	case "ChoiceParameterDefinition":
		return "choice"
	case "PasswordParameterDefinition":
		return "password"
	}
	return ""
}

// classOf is the constant $class of a map, "" without it.
func classOf(m *Map) string {
	for _, e := range m.Entries {
		if keyText(e.Key) == "$class" {
			c, _ := e.Value.(*Const)
			text, _ := c.text()
			return text
		}
	}
	return ""
}

// parameterTypes are the types of parameters that OpsBot knows.
func parameterTypes() []string {
	return []string{"string", "text", "booleanParam", "choice", "password"}
}

// symbols checks an argument that lists objects.
func (s *support) symbols(step string, x Expr) {
	argument := map[string]string{"withCredentials": "bindings", "input": "parameters"}[step]
	list, ok := x.(*List)
	if !ok {
		s.refuse(x.At(), "anything but a list as "+argument+" of "+step)
		return
	}
	for _, item := range list.Items {
		call, ok := item.Value.(*Call)
		if m, isMap := item.Value.(*Map); isMap && slices.Contains(Symbols(step, argument), SymbolOf(classOf(m))) {
			s.args(m.Entries)
			continue
		}
		switch {
		case !ok:
			s.refuse(item.Value.At(), "this form of "+argument+" of "+step)
		case call.Object != nil || !slices.Contains(Symbols(step, argument), call.Method()):
			s.refuse(call.Pos, call.Method()+" as one of the "+argument+" of "+step)
		default:
			s.args(call.Args)
		}
	}
}

// stepObjects is the argument of the call that lists objects, nil without it.
func stepObjects(c *Call) Expr {
	switch {
	case c.Named("withCredentials"):
		return c.Argument("bindings", true)
	case c.Named("input"):
		return c.Argument("parameters", false)
	}
	return nil
}
