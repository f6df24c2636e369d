package localci

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"opsbot/bot"
)

// fakeSecrets opens the secrets of p1; everything else panics.
type fakeSecrets struct {
	bot.Secrets
	values []bot.SecretValue
	err    error
	opened []string
}

func (s *fakeSecrets) Open(_ context.Context, project, environment string) ([]bot.SecretValue, error) {
	s.opened = append(s.opened, project+"/"+environment)
	return s.values, s.err
}

func secret(key string, kind bot.SecretKind, user, value string) bot.SecretValue {
	return bot.SecretValue{ProjectSecret: bot.ProjectSecret{ProjectID: "p1", Key: key, Kind: kind}, User: user, Value: []byte(value)}
}

// secretBench has the secrets token, login and config.
func secretBench(t *testing.T, jenkinsfile string) (*bench, *fakeSecrets) {
	t.Helper()
	b := pipelineBench(t, jenkinsfile)
	file := secret("config", bot.SecretFile, "", "user = ada\npassword = c0nfig-v4lue\n")
	file.FileName = "app.ini"
	secrets := &fakeSecrets{values: []bot.SecretValue{
		secret("token", bot.SecretText, "", "t0ken v4lue'1"), secret("login", bot.SecretLogin, "ada", "l0gin-v4lue"), file,
	}}
	b.env.Secrets = secrets
	return b, secrets
}

// Secrets reach the scripts that ask for them, and nothing else.
func TestSecretsReachTheBuild(t *testing.T) {
	t.Parallel()
	b, secrets := secretBench(t, `pipeline {
    agent any
    environment { TOKEN = credentials('token'); LOGIN = credentials('login'); WHO = "${LOGIN_USR}" }
    stages {
        stage('Use') {
            environment { CONF = credentials('config') }
            steps {
                sh 'test "$LOGIN" = "ada:$LOGIN_PSW"; test "$LOGIN_PSW" = "l0gin-v4l""ue"; echo "$WHO $LOGIN_USR"'
                sh 'case "$CONF" in "$WORKSPACE"*) exit 1;; esac; stat -c "%a %n" "$CONF"; grep -q "c0nfig-v.l.e" "$CONF"; ! touch "$CONF.x"'
                sh 'set +x; printf %s "$LOGIN_PSW" | base64; printf %s "$LOGIN" | base64; cat "$CONF"; echo "$TOKEN"; printf "%s" "$TOKEN" | od -An -c | head -1 >/dev/null'
                sh 'cat /proc/[0-9]*/cmdline | tr "\\0" " " | grep -c "[v]4lue" || true'
                withCredentials([usernamePassword(credentialsId: 'login', usernameVariable: 'U', passwordVariable: 'P'), file(credentialsId: 'config', variable: 'F'), string(credentialsId: 'token', variable: 'T')]) {
                    sh 'test "$U:$P" = "$LOGIN"; cat "$F" | wc -l; echo "$F" > path; test "$T" = "$TOKEN"'
                }
                sh 'test ! -e "$(cat path)"; echo "[${U-unset}]"'
                sh "echo ${LOGIN_PSW} > kept.txt"
                sh 'echo "<testsuite name=\\"s\\"><testcase classname=\\"c\\" name=\\"of $LOGIN_PSW\\"><failure message=\\"$LOGIN_PSW\\">at $LOGIN_PSW</failure></testcase></testsuite>" > r.xml'
                junit 'r.xml'
                error "because of ${LOGIN_PSW}"
            }
        }
    }
    post { always { slackSend message: "token ${TOKEN}" } }
}`)
	serve(t, b.Service)
	build, text := b.finished(t, "main", 1), b.logOf(t, "main", 1)
	for _, want := range []string{
		"Masking supported pattern matches of $TOKEN or $LOGIN or $LOGIN_PSW\n", "ada ada\n", "600 /build/secrets/1/app.ini\n", "\n2\n", "\n0\n", "[unset]\n",
		"\n****\n****\n****\n****\n****\n", `Warning: A secret was passed to "sh" using Groovy String interpolation`, "ERROR: because of ****\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the log lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "v4lue") || build.Message != "because of ****" {
		t.Errorf("message %q, log\n%s", build.Message, text)
	}
	if build.Tests == nil || build.Tests.Failed != 1 || build.Tests.Failures[0] != "c.of ****" {
		t.Errorf("tests %+v", build.Tests)
	}
	b.keepsNot(t, "v4lue")
	if strings.Join(secrets.opened, " ") != "p1/" {
		t.Errorf("opened %q", secrets.opened)
	}
	if left, err := filepath.Glob(filepath.Join(b.env.Dir, "secrets", "*")); err != nil || len(left) > 0 {
		t.Errorf("left %q, %v", left, err)
	}
	b.repo.commit(t, "main", map[string]string{"Jenkinsfile": "pipeline {\n agent any\n stages { stage('S') { steps { sh 'env; ls -R /build/secrets || true' } } }\n}\n"})
	b.build(t, "main")
	b.finished(t, "main", 2)
	if text := b.logOf(t, "main", 2); strings.Contains(text, "v4lue") || strings.Contains(text, "app.ini") || len(secrets.opened) != 1 {
		t.Errorf("the next build sees\n%s", text)
	}
}

// A secret that isn't there is named, with what to do.
func TestSecretThatIsMissing(t *testing.T) {
	t.Parallel()
	b, _ := secretBench(t, "pipeline {\n agent any\n environment { A = credentials('nope') }\n stages { stage('S') { steps { echo 'never' } } }\n}\n")
	serve(t, b.Service)
	build, text := b.finished(t, "main", 1), b.logOf(t, "main", 1)
	if build.Result != bot.ResultFailure || !strings.Contains(build.Message, "nope") || !strings.Contains(build.Message, "secret set shop nope") {
		t.Errorf("build %s: %s", build.Result, build.Message)
	}
	if !strings.Contains(text, "secret set shop nope") || !strings.Contains(text, "ERROR: nope\n") || strings.Contains(text, "never") {
		t.Errorf("log\n%s", text)
	}
}

// Without its key nothing is opened, and the build says so.
func TestSecretsThatCanNotBeOpened(t *testing.T) {
	t.Parallel()
	b, secrets := secretBench(t, "pipeline {\n agent any\n environment { A = credentials('token') }\n stages { stage('S') { steps { echo 'never' } } }\n}\n")
	secrets.err = bot.Errorf(bot.CodeInternal, "The secret token can't be opened: the key file has changed.").Because(errors.New("cipher"))
	left := filepath.Join(b.env.Dir, "secrets", "build-1")
	if err := os.Mkdir(left, 0o700); err != nil { // of a process that was killed
		t.Fatal(err)
	}
	serve(t, b.Service)
	if build := b.finished(t, "main", 1); build.Result != bot.ResultFailure || !strings.Contains(build.Message, "the key file has changed") {
		t.Errorf("build %s: %s", build.Result, build.Message)
	}
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is left: %v", left, err)
	}
}
