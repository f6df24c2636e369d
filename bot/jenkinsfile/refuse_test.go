package jenkinsfile_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"opsbot/bot/jenkinsfile"
)

// in puts the lines of a stage's steps into a pipeline; the first stands at 6:17.
func in(steps ...string) string {
	return "pipeline {\n    agent any\n    stages {\n        stage('S') {\n            steps {\n                " +
		strings.Join(steps, "\n                ") + "\n            }\n        }\n    }\n}\n"
}

// with puts sections into a pipeline that is fine otherwise; the first stands at 3:5.
func with(sections ...string) string {
	return "pipeline {\n    agent any\n    " + strings.Join(sections, "\n    ") +
		"\n    stages { stage('S') { steps { echo 's' } } }\n}\n"
}

// stage puts sections into a stage; the stage stands at 4:9, the first section at 5:13.
func stage(sections ...string) string {
	return "pipeline {\n    agent any\n    stages {\n        stage('S') {\n            " +
		strings.Join(sections, "\n            ") + "\n        }\n    }\n}\n"
}

// refusal is a source that Jenkins refuses, and at which places (line:column).
type refusal struct {
	src  string
	want []string
}

// refusedSteps are those of what stands in steps.
func refusedSteps() map[string]refusal {
	return map[string]refusal{
		"def in steps":               {in("def x = 1", "echo 'a'"), []string{"6:17"}},
		"if in steps":                {in("if (true) { echo 'a' }"), []string{"6:17"}},
		"assignment in steps":        {in("x = 'a'"), []string{"6:17"}},
		"env assignment in steps":    {in("echo 'a'", "env.X = 'a'"), []string{"7:17"}},
		"loop in steps":              {in("for (x in [1]) { echo 'a' }"), []string{"6:17"}},
		"literal in steps":           {in("'a'"), []string{"6:17"}},
		"call on an object in steps": {in("env.X.trim()"), []string{"6:17"}},
		"two steps on one line":      {in("echo 'a' echo 'b'"), []string{"6:17"}},
		"unknown parameter":          {in("sh(scrpt: 'a')"), []string{"6:20"}},
		"unknown parameter, command": {in("echo mesage: 'a'"), []string{"6:22"}},
		"two bare arguments":         {in("echo 'a', 'b'"), []string{"6:17"}},
		"mixed arguments":            {in("sh 'a', returnStatus: true"), []string{"6:17"}},
		"number for a script":        {in("sh 5"), []string{"6:20"}},
		"flag for a message":         {in("error true"), []string{"6:23"}},
		"missing text":               {in("writeFile file: 'a'"), []string{"6:17"}},
		"missing path":               {in("dir { echo 'a' }"), []string{"6:17"}},
		"argument where none goes":   {in("deleteDir 'x'"), []string{"6:17"}},
		"text for a list":            {in("withEnv('A=b') { echo 'a' }"), []string{"6:25"}},
		"wrong inside a block":       {in("dir('a') {", "    echo 5", "}"), []string{"7:26"}},
		"parallel beside a step":     {in("echo 'a'", "parallel(a: { echo 'b' })"), []string{"7:17"}},
		"script without a block":     {in("script 'a'"), []string{"6:17"}},
		"properties as a step":       {in("properties([])"), []string{"6:17"}},
		"closed twice":               {in("echo 'a'") + "}\n", []string{"11:1"}},
		"parenthesis left open":      {in("echo('a'"), []string{"7:13"}},
		"hash is no comment":         {in("# echo 'a'"), []string{"6:17"}},
	}
}

// refusedSections are those of the sections around.
func refusedSections() map[string]refusal {
	return map[string]refusal{
		"environment twice a name":   {with("environment {", "    A = 'a'", "    A = 'b'", "}"), []string{"5:9"}},
		"environment without =":      {with("environment { A 'a' }"), []string{"3:19", "3:5", "3:5"}},
		"environment property":       {with("environment { env.A = 'a' }"), []string{"3:19"}},
		"environment minus":          {with("environment { A = 'a' - 'b' }"), []string{"3:27", "3:5"}},
		"environment ternary":        {with("environment { A = true ? 'a' : 'b' }"), []string{"3:28", "3:5"}},
		"environment bare and plus":  {with("environment { A = 'a' + B }"), []string{"3:29"}},
		"environment constant":       {with("environment { 'A' = 'a' }"), []string{"3:23"}},
		"environment odd name":       {with("environment { ÄB = 'a' }"), []string{"3:19"}},
		"credentials of a variable":  {with("environment { A = credentials(ID) }"), []string{"3:23"}},
		"options bare":               {with("options { timestamps }"), []string{"3:15"}},
		"options with a block":       {with("options { timeout(1) { } }"), []string{"3:15"}},
		"option twice":               {with("options { timestamps(); timestamps() }"), []string{"3:5"}},
		"option without argument":    {with("options { retry() }"), []string{"3:15"}},
		"option of wrong type":       {with("options { timeout(time: 'a') }"), []string{"3:29"}},
		"option with wrong name":     {with("options { timeout(tim: 1) }"), []string{"3:23"}},
		"option with too many":       {with("options { retry(1, 2) }"), []string{"3:15"}},
		"option mixed":               {with("options { timeout(1, unit: 'HOURS') }"), []string{"3:15"}},
		"stage option of a pipeline": {stage("options { buildDiscarder(logRotator()) }", "steps { echo 'a' }"), []string{"5:23"}},
		"parameters empty":           {with("parameters { }"), []string{"3:5"}},
		"triggers unknown":           {with("triggers { moon('full') }"), []string{"3:16"}},
		"trigger twice":              {with("triggers { cron('H * * * *'); cron('H * * * *') }"), []string{"3:5"}},
		"tools empty":                {with("tools { }"), []string{"3:5"}},
		"tool that isn't there":      {with("tools { jdk 'nine' }"), []string{"3:17"}},
		"tool without a name":        {with("tools { jdk() }"), []string{"3:13", "3:5"}},
		"renamed section":            {with("properties { }"), []string{"3:5"}},
		"section without a call":     {with("here"), []string{"3:5"}},
		"post twice a condition":     {with("post {", "    always { echo 'a' }", "    always { echo 'b' }", "}"), []string{"3:5"}},
		"post with empty condition":  {with("post { always { } }"), []string{"3:19"}},
		"post without a block":       {with("post 'a'"), []string{"3:5", "3:5"}},

		"agent twice in a block":    {strings.Replace(with(), "agent any", "agent { label 'a'; label 'b' }", 1), []string{"2:5", "2:5"}},
		"agent empty":               {strings.Replace(with(), "agent any", "agent { }", 1), []string{"2:5", "2:5"}},
		"agent without argument":    {strings.Replace(with(), "agent any", "agent()", 1), []string{"2:5", "2:5"}},
		"agent node without label":  {strings.Replace(with(), "agent any", "agent { node { customWorkspace 'a' } }", 1), []string{"2:13"}},
		"agent with odd field":      {strings.Replace(with(), "agent any", "agent { node { label 'a'; color 'b' } }", 1), []string{"2:31"}},
		"agent of a missing plugin": {strings.Replace(with(), "agent any", "agent { docker 'a' }", 1), []string{"2:13"}},
		"agent chained":             {strings.Replace(with(), "agent any", "agent label 'a'", 1), []string{"2:5", "1:1"}},

		"stages empty":             {"pipeline {\n    agent any\n    stages { }\n}", []string{"3:5"}},
		"no stage in stages":       {"pipeline {\n    agent any\n    stages { echo 'a' }\n}", []string{"3:14", "3:5"}},
		"stage without a name":     {"pipeline {\n    agent any\n    stages { stage { steps { echo 'a' } } }\n}", []string{"3:20", "3:14", "3:14"}},
		"stage name put together":  {"pipeline {\n    agent any\n    stages { stage('a' + 'b') { steps { echo 'a' } } }\n}", []string{"3:20"}},
		"stage without a block":    {"pipeline {\n    agent any\n    stages { stage('a') }\n}", []string{"3:14", "3:5"}},
		"two stages on one line":   {"pipeline {\n    agent any\n    stages { stage('a') { steps { echo 'a' } } stage('b') { steps { echo 'b' } } }\n}", []string{"3:14", "3:5"}},
		"steps twice":              {stage("steps { echo 'a' }", "steps { echo 'b' }"), []string{"4:9"}},
		"steps and stages":         {stage("steps { echo 'a' }", "stages { stage('b') { steps { echo 'b' } } }"), []string{"4:9"}},
		"when and steps on a line": {stage("when { branch 'a' } steps { echo 'a' }"), []string{"5:13", "4:9", "4:9"}},
		"input without message":    {stage("input { ok 'a' }", "steps { echo 'a' }"), []string{"5:13"}},
		"input with odd field":     {stage("input { message 'a'; color 'b' }", "steps { echo 'a' }"), []string{"5:34"}},
		"input with empty list":    {stage("input { message 'a'; parameters { } }", "steps { echo 'a' }"), []string{"5:34"}},
		"when empty":               {stage("when { }", "steps { echo 'a' }"), []string{"5:13"}},
		"when not with two":        {stage("when { not { branch 'a'; branch 'b' } }", "steps { echo 'a' }"), []string{"5:20"}},
		"when allOf empty":         {stage("when { allOf { } }", "steps { echo 'a' }"), []string{"5:20"}},
		"when without argument":    {stage("when { branch() }", "steps { echo 'a' }"), []string{"5:20"}},
		"when beforeAgent odd":     {stage("when { beforeAgent 'a'; branch 'b' }", "steps { echo 'a' }"), []string{"5:20"}},
		"failFast odd":             {stage("failFast 'a'", "steps { echo 'a' }"), []string{"5:13"}},
		"parallel with an agent":   {stage("agent any", "parallel { stage('a') { steps { echo 'a' } } }"), []string{"5:13"}},
		"parallel empty":           {stage("parallel { }"), []string{"5:13"}},
		"matrix without axes":      {stage("matrix { stages { stage('a') { steps { echo 'a' } } } }"), []string{"5:13"}},

		"pipeline without a block":       {"pipeline 'a'\n", []string{"1:1"}},
		"stage name without parentheses": {"pipeline {\n    agent any\n    stages { stage 'a' { steps { echo 'a' } } }\n}", []string{"3:14", "3:5"}},
		"when not without braces":        {stage("when { not branch 'a' }", "steps { echo 'a' }"), []string{"5:13", "5:13"}},
		"pipeline inside node":           {"node {\n    pipeline {\n        agent any\n    }\n}\n", []string{"2:5"}},
		"parenthesis before brace":       {"pipeline {\n    agent any\n    stages { stage('a' { steps { echo 'a' } } }\n}", []string{"3:47"}},
		"post condition without braces":  {with("post { always echo 'a' }"), []string{"3:12", "3:5"}},
		"environment with plus":          {with("environment { PATH+X = 'a' }"), []string{"3:26"}},
		"unit in lower case":             {with("options { timeout(time: 1, unit: 'hours') }"), []string{"3:38"}},
		"dollar before a number":         {in("sh \"echo $5\""), []string{"6:17"}},
		"dollar in parentheses":          {in("sh(\"echo $(date)\")"), []string{"6:19"}},
		"dollar after a value":           {in("sh \"echo ${a} $\""), []string{"6:29"}},
		"comment left open":              {"/* pipeline", []string{"1:1"}},
		"text block left open":           {"echo '''a\nb", []string{"2:2"}},
		"byte order mark":                {"\ufeffpipeline { }", []string{"1:1"}},
		"wide letters count twice":       {"echo '𝄞' 5 6", []string{"1:11"}},
	}
}

// TestRefusedPlaces are more refusals than the corpus has, placed by the rules
// that it shows.
func TestRefusedPlaces(t *testing.T) {
	t.Parallel()
	all := refusedSections()
	maps.Copy(all, refusedSteps())
	for name, c := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, errs := jenkinsfile.Parse([]byte(c.src))
			var got []string
			for _, e := range errs {
				got = append(got, e.Pos.String())
				if e.Unsupported {
					t.Errorf("Jenkins refuses it too: %v", e)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("errors at %v, want %v: %v\n%s", got, c.want, errs, c.src)
			}
		})
	}
}
