package jenkinsfile_test

import (
	"strings"
	"testing"

	"opsbot/bot/jenkinsfile"
)

// TestUnsupported: what Jenkins would run and OpsBot doesn't is refused with its
// place and the words that say so, all of it at once.
func TestUnsupported(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		src  string
		want string
	}{
		"unknown step":          {in("kubernetesDeploy configs: 'a'"), "6:17 the step kubernetesDeploy"},
		"step of a plugin":      {in("bat 'dir'"), "6:17 the step bat"},
		"step inside a block":   {in("dir('a') {", "    fingerprint 'b'", "}"), "7:21 the step fingerprint"},
		"two of them":           {in("bat 'a'", "node { }"), "6:17 the step bat"},
		"in an argument":        {in("echo \"${tool('x')}\""), "6:25 the step tool"},
		"another checkout":      {in("checkout([$class: 'GitSCM'])"), "6:17 checkout of anything but scm"},
		"activity timeout":      {in("timeout(time: 1, activity: true) { echo 'a' }"), "6:34 the parameter activity"},
		"class":                 {in("script { println Math.max(1, 2) }"), "6:34 Math"},
		"docker":                {in("script { docker.build('a') }"), "6:26 docker"},
		"unknown method":        {in("echo \"${env.A.center(5)}\""), "6:31 the method center"},
		"new object":            {in("script { def d = new Date() }"), "6:34 new Date"},
		"instanceof":            {in("script { if (a instanceof B) { echo 'a' } }"), "6:32 the operator instanceof"},
		"build property":        {in("echo \"${currentBuild.rawBuild}\""), "6:38 currentBuild.rawBuild"},
		"library":               {"@Library('a') _\n" + in("echo 'a'"), "1:1 Groovy’s annotation"},
		"import":                {"import a.B\n" + in("echo 'a'"), "1:1 Groovy’s import"},
		"second pipeline":       {in("echo 'a'") + in("echo 'b'"), "11:1 a second pipeline block"},
		"ssh key":               {in("withCredentials([sshUserPrivateKey(credentialsId: 'a', keyFileVariable: 'B')]) { echo 'a' }"), "6:34 sshUserPrivateKey as one of the bindings"},
		"binding by class":      {in("withCredentials([[$class: 'CertificateMultiBinding']]) { echo 'a' }"), "6:34 this form of bindings"},
		"bindings in a name":    {in("script { def b = []; withCredentials(b) { echo 'a' } }"), "6:54 anything but a list"},
		"file to ask for":       {in("input message: 'a', parameters: [file(name: 'b')]"), "6:50 file as one of the parameters"},
		"file in input":         {stage("input { message 'a'; parameters { file(name: 'b') } }", "steps { echo 'a' }"), "5:47 parameter type file"},
		"when triggered":        {stage("when { triggeredBy 'a' }", "steps { echo 'a' }"), "5:20 when triggeredBy"},
		"when not triggered":    {stage("when { not { triggeredBy 'a' } }", "steps { echo 'a' }"), "5:26 when triggeredBy"},
		"all of a change":       {stage("when { changeset pattern: 'a', shouldMatchAll: true }", "steps { echo 'a' }"), "5:44 the parameter shouldMatchAll"},
		"option":                {with("options { withCredentials([]) }"), "3:15 option withCredentials"},
		"environment call":      {with("environment { A = lookup('x') }"), "3:23 the step lookup"},
		"schedule":              {with("triggers { cron('now and then') }"), "3:21 the invalid schedule"},
		"schedule out of range": {with("triggers { cron('99 * * * *') }"), "3:21 the invalid schedule"},
		"parameter":             {with("parameters { string(defaultValue: 'a') }"), "3:18 a parameter without a name"},
		"file parameter":        {with("parameters { file(name: 'a') }"), "3:18 parameter type file"},
		"in post":               {with("post { always { cleanWs() } }"), "3:21 the step cleanWs"},
		"in a method":           {"def f() { mail subject: 'a', body: 'b' }\n" + in("f()"), "1:11 the step mail"},
		"in catch":              {in("script { try { echo 'a' } catch (e) { bat 'b' } }"), "6:55 the step bat"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, errs := jenkinsfile.Parse([]byte(c.src))
			if len(errs) == 0 || !errs[0].Unsupported || !strings.Contains(errs[0].Message, "runs on Jenkins only") ||
				!strings.HasPrefix(errs[0].Pos.String()+" "+errs[0].Message, c.want) {
				t.Errorf("got %v, want %s\n%s", errs, c.want, c.src)
			}
		})
	}
}

// TestAccepted: forms that must not be refused.
func TestAccepted(t *testing.T) {
	t.Parallel()
	for name, src := range map[string]string{
		"empty":                  "",
		"only a comment":         "// nothing\n",
		"brace on the next line": "pipeline\n{\n    agent any\n    stages\n    {\n        stage('S')\n        {\n            steps\n            {\n                echo 'a'\n            }\n        }\n    }\n}\n",
		"semicolons":             "pipeline { agent any; stages { stage('S') { steps { echo 'a'; echo 'b'; } } }; }",
		"comments anywhere":      in("echo /* here */ 'a' // there", "/* and", "here */ echo 'b'"),
		"trailing comma":         in("sh(script: 'a',)"),
		"call over lines":        in("sh(", "    script: 'a',", "    label: 'b'", ")"),
		"dot on the next line":   in("script {", "    def a = 'x'", "        .trim()", "        .toUpperCase()", "}"),
		"tabs":                   strings.ReplaceAll(in("echo 'a'"), "    ", "\t"),
		"typographic quotes":     in("echo ‘a’"),
		"carriage returns":       strings.ReplaceAll(in("echo 'a'"), "\n", "\r\n"),
		"numbers in environment": with("environment {", "    A = 5", "    B = true", "    C = -1", "    D = 1.5", "}"),
		"call in environment":    with("environment { A = 'x'.toUpperCase() }"),
		"credentials":            with("environment { A = credentials('id') }"),
		"quoted agent":           strings.Replace(with(), "agent any", "agent 'any'", 1),
		"label in node":          strings.Replace(with(), "agent any", "agent { node { label 'a' } }", 1),
		"schedules":              with("triggers { cron('H H(0-7) * * 1-5'); pollSCM('@hourly') }"),
		"own method":             "def greet(name) { echo \"hello ${name}\" }\n" + in("greet('x')"),
		"closure variable":       in("script {", "    def f = { it * 2 }", "    echo \"${f(2)}\"", "}"),
		"git's default tool":     with("tools { git 'Default' }"),
		"both chats":             in("slackSend channel: '#a', color: 'good', message: 'b'", "mattermostSend message: 'b'"),
		"changes":                stage("when { changeset 'a/**'; changeset pattern: 'a', comparator: 'REGEXP', caseSensitive: true; changelog 'b' }", "steps { echo 'a' }"),
		"stashes":                in("stash 'a'", "stash name: 'b', includes: '*', excludes: 'c', useDefaultExcludes: false, allowEmpty: true", "unstash 'a'"),
		"map argument":           in("echo([message: 'a'])"),
		"parallel step":          in("parallel(a: { echo 'a' }, b: { echo 'b' }, failFast: true)"),
		"input":                  in("input 'Go on?'", "input message: 'a', id: 'b', ok: 'c', submitter: 'd,e', submitterParameter: 'F', parameters: [string(name: 'G', defaultValue: 'h'), booleanParam(name: 'I'), choice(name: 'J', choices: ['k'])]"),
		"input section":          stage("input {", "    message 'a'", "    ok 'b'", "    submitter \"${env.C}\"", "    parameters { string(name: 'D', defaultValue: 'e', description: 'f'); password(name: 'G') }", "}", "steps { echo 'a' }"),
		"bindings":               in("withCredentials([string(credentialsId: 'a', variable: 'B'), usernamePassword(credentialsId: 'c', usernameVariable: 'D', passwordVariable: 'E'), file(credentialsId: \"${env.F}\", variable: 'G')]) { echo 'a' }"),
		"by class":               in("script { input message: 'a', parameters: [[$class: 'hudson.model.StringParameterDefinition', name: 'B']] }", "withCredentials([[$class: 'StringBinding', credentialsId: 'a', variable: 'B']]) { echo 'a' }"),
		"quality gate":           in("withSonarQubeEnv('sonar') { sh 'a' }", "timeout(time: 1, unit: 'HOURS') { waitForQualityGate abortPipeline: true }", "script { def gate = waitForQualityGate() }"),
		"matrix":                 stage("matrix {", "    axes { axis { name 'A'; values 'a', 'b' } }", "    stages { stage('x') { steps { echo 'a' } } }", "}"),
		"slashes in strings":     in("echo 'http://example.com'", "sh 'grep \"\\\\d\" // x'"),
		"dollar slashy":          in("script { def p = $/a\\b/$ }", "script { def q = /x\\d+/ }"),
		"section order":          "pipeline {\n    post { always { echo 'a' } }\n    stages { stage('S') { steps { echo 's' } } }\n    agent any\n}\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, errs := jenkinsfile.Parse([]byte(src)); len(errs) > 0 {
				t.Errorf("refused: %v\n%s", errs, src)
			}
		})
	}
}

// TestFormat quotes the source as Jenkins' console does.
func TestFormat(t *testing.T) {
	t.Parallel()
	src := []byte("pipeline {\n    agent all\n    stages { stage('S') { steps { echo 's' } } }\n}\n")
	_, errs := jenkinsfile.Parse(src)
	got := jenkinsfile.Format("Jenkinsfile", src, errs)
	for _, line := range []string{
		`Jenkinsfile: 2: Only "agent none", "agent any" or "agent {...}" are allowed. @ line 2, column 5.`,
		"       agent all\n       ^\n", "\n2 errors\n",
	} {
		if !strings.Contains(got, line) {
			t.Errorf("no %q in:\n%s", line, got)
		}
	}
}

// TestLongLine cuts a long line around the caret.
func TestLongLine(t *testing.T) {
	t.Parallel()
	src := []byte(strings.Repeat("a(); ", 40) + "'open\n")
	_, errs := jenkinsfile.Parse(src)
	got := jenkinsfile.Format("Jenkinsfile", src, errs)
	lines := strings.Split(got, "\n")
	if len(lines) < 3 || len(lines[1]) > 60 || strings.Index(lines[2], "^") != len(lines[1]) {
		t.Errorf("the caret is not behind the string:\n%s", got)
	}
}

// TestBounds: a file of any size or depth ends with an error, not with the process.
func TestBounds(t *testing.T) {
	t.Parallel()
	for name, src := range map[string]string{
		"large":      strings.Repeat("a\n", 1<<20),
		"parens":     strings.Repeat("(", 100_000),
		"blocks":     strings.Repeat("a { ", 100_000),
		"strings":    strings.Repeat(`"${`, 100_000),
		"operators":  strings.Repeat("!", 100_000) + "a",
		"assignment": strings.Repeat("a = ", 100_000) + "b",
		"ternaries":  strings.Repeat("a ?: ", 100_000) + "b",
		"path":       "a" + strings.Repeat(".b", 100_000),
		"stages":     "pipeline {" + strings.Repeat("stages { stage('a') {", 1000),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, errs := jenkinsfile.Parse([]byte(src)); len(errs) == 0 {
				t.Error("not refused")
			}
		})
	}
}
