package engine_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"opsbot/integrations/localci/engine"
)

func withSecrets() engine.Build {
	build := someBuild()
	build.Secrets = map[string]engine.Secret{
		"token": {Kind: engine.SecretText, Value: "t0ken-value"},
		"login": {Kind: engine.SecretLogin, User: "ada", Value: "l0gin-value"},
		"conf":  {Kind: engine.SecretFile, Value: "key: f1le-value\n", FileName: "app.yaml"},
	}
	return build
}

// envOf runs a pipeline and gives the environment of its last script, sorted, without
// what every script has.
func envOf(t *testing.T, h *fakeHost, src string) ([]string, engine.Outcome) {
	t.Helper()
	var env []string
	h.shell = func(_ context.Context, s engine.Script) (engine.Exit, error) {
		env = slices.DeleteFunc(slices.Clone(s.Env), func(e string) bool { return !strings.HasPrefix(e, "X") })
		return engine.Exit{}, nil
	}
	out := engine.Run(t.Context(), parse(t, src), withSecrets(), h, &stubClock{never: true})
	return env, out
}

// TestCredentialVariables: which variables a credential gives, by its kind.
func TestCredentialVariables(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ src, want string }{
		"text":           {pipeline("stage('S') { steps { sh 'x' } }", "environment { XT = credentials('token') }"), "[XT=t0ken-value]"},
		"file":           {pipeline("stage('S') { steps { sh 'x' } }", "environment { XF = credentials('conf') }"), "[XF=/secrets/app.yaml]"},
		"login of stage": {pipeline("stage('S') { environment { XL = credentials('login') }\nsteps { sh 'x' } }"), "[XL=ada:l0gin-value XL_PSW=l0gin-value XL_USR=ada]"},
		"used by others": {
			pipeline("stage('S') { steps { sh 'x' } }", "environment { XA = \"${XL_USR}@${env.XL_PSW}\"\nXL = credentials('login') }"),
			"[XA=ada@l0gin-value XL=ada:l0gin-value XL_PSW=l0gin-value XL_USR=ada]",
		},
		"id from a variable": {
			pipeline("stage('S') { steps { sh 'x' } }", "environment { XT = credentials(\"${'to' + 'ken'}\") }"), "[XT=t0ken-value]",
		},
		"bindings": {
			steps("withCredentials([string(credentialsId: 'token', variable: 'XT'), usernamePassword(credentialsId: 'login', usernameVariable: 'XU', passwordVariable: 'XP'), usernameColonPassword(credentialsId: 'login', variable: 'XB'), file(credentialsId: 'conf', variable: 'XF')]) { sh 'x' }"),
			"[XB=ada:l0gin-value XF=/secrets/app.yaml XP=l0gin-value XT=t0ken-value XU=ada]",
		},
		"by class":    {steps("withCredentials([[$class: 'UsernamePasswordMultiBinding', credentialsId: 'login', usernameVariable: 'XU', passwordVariable: 'XP']]) { sh 'x' }"), "[XP=l0gin-value XU=ada]"},
		"gone behind": {steps("withCredentials([string(credentialsId: 'token', variable: 'XT')]) { sh 'x' }", "sh 'y'"), "[]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := &fakeHost{}
			env, out := envOf(t, h, c.src)
			if got := fmt.Sprint(env); got != c.want || out.Result != "SUCCESS" {
				t.Errorf("environment %s, want %s (%+v)", got, c.want, out.Failure)
			}
		})
	}
}

// TestCredentialFileGoes: with its block.
func TestCredentialFileGoes(t *testing.T) {
	t.Parallel()
	h := &fakeHost{}
	during := 0
	h.shell = func(context.Context, engine.Script) (engine.Exit, error) {
		during = len(h.kept)
		return engine.Exit{Code: 1}, nil
	}
	src := steps("withCredentials([file(credentialsId: 'conf', variable: 'XF')]) { sh 'x' }")
	if out := engine.Run(t.Context(), parse(t, src), withSecrets(), h, &stubClock{}); out.Result != "FAILURE" || during != 1 || len(h.kept) != 0 {
		t.Errorf("%d files during the block, %d after; %+v", during, len(h.kept), out.Failure)
	}
}

// TestCredentialsThatFail name the id, and what is to be done.
func TestCredentialsThatFail(t *testing.T) {
	t.Parallel()
	const class = "org.jenkinsci.plugins.credentialsbinding.impl.CredentialNotFoundException"
	for name, c := range map[string]struct{ src, message, hint string }{
		"environment": {
			pipeline("stage('S') { steps { sh 'x' } }", "environment { A = credentials('nope') }"), "nope",
			"The project shop has no secret nope for builds; set it with: secret set shop nope",
		},
		"binding": {
			steps("withCredentials([string(credentialsId: 'nope', variable: 'A')]) { sh 'x' }"), "Could not find credentials entry with ID 'nope'",
			"The project shop has no secret nope for builds; set it with: secret set shop nope",
		},
		"of another kind": {
			steps("withCredentials([file(credentialsId: 'login', variable: 'A')]) { sh 'x' }"),
			"Credentials 'login' is of type 'Username with password' where 'Secret file' was expected", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := &fakeHost{}
			env, out := envOf(t, h, c.src)
			f := out.Failure
			if f == nil || f.Class != class || f.Message != c.message || f.Hint != c.hint || env != nil {
				t.Errorf("failure %+v", f)
			}
			if !slices.Contains(h.lines, "ERROR: "+c.message) || c.hint != "" && !slices.Contains(h.lines, "[localci: "+c.hint+"]") {
				t.Errorf("log %q", h.lines)
			}
		})
	}
}

// TestSecretsStayIn: what a build took is masked wherever it would come out.
func TestSecretsStayIn(t *testing.T) {
	t.Parallel()
	h := &fakeHost{ask: nil}
	src := pipeline("stage('S') { steps { script { currentBuild.description = \"d ${X}\"; currentBuild.displayName = X }\nslackSend message: \"m ${X}\", channel: '#a'\nerror \"e ${X}\" } }\n"+
		"stage('T') { steps { echo 't' } }",
		"environment { X = credentials('token') }", "post { always { error \"p ${X}\" } }")
	_, out := envOf(t, h, src)
	all := fmt.Sprint(h.lines, out.Failure, out.Description, out.DisplayName, h.messages, out.Stages[1].Error, out.Stages[2].Error)
	if strings.Contains(all, "t0ken") || out.Description != "d ****" || out.Stages[2].Error != "e ****" || h.messages[0].Text != "m ****" {
		t.Errorf("seen: %s", all)
	}
}

// TestPasswordParameter: a value given to one is masked.
func TestPasswordParameter(t *testing.T) {
	t.Parallel()
	h, build := &fakeHost{}, someBuild()
	build.Parameters = map[string]string{"PIN": "4711-0815"}
	src := pipeline("stage('S') { steps { echo \"is ${params.PIN}\" } }", "parameters { password(name: 'PIN') }")
	engine.Run(t.Context(), parse(t, src), build, h, &stubClock{})
	wantLines(t, h.lines, "is ****", "Finished: SUCCESS")
}
