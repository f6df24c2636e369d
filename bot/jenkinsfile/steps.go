package jenkinsfile

// Param types of steps, as the validator names them.
const (
	typeString = "class java.lang.String"
	typeInt    = "int"
	typeBool   = "boolean"
	typeUnit   = "class java.util.concurrent.TimeUnit"
	typeList   = "interface java.util.List"
	typeAny    = ""
)

// paramSpec is one parameter of a step or option.
type paramSpec struct {
	name     string
	typ      string
	required bool
}

// stepSpec is what the validator knows of a step, option or when condition. A
// step that isn't known is not checked.
type stepSpec struct {
	params []paramSpec
	block  bool // takes a block
	// here says that the engine runs it; why not, if it doesn't, is its message.
	here bool
}

// sole is the only required parameter, which may stand without its name.
func (s stepSpec) sole() (paramSpec, bool) {
	var found paramSpec
	n := 0
	for _, p := range s.params {
		if p.required {
			found = p
			n++
		}
	}
	return found, n == 1
}

func (s stepSpec) param(name string) (paramSpec, bool) {
	for _, p := range s.params {
		if p.name == name {
			return p, true
		}
	}
	return paramSpec{}, false
}

func req(name, typ string) paramSpec { return paramSpec{name: name, typ: typ, required: true} }

func opt(typ string, names ...string) []paramSpec {
	list := make([]paramSpec, len(names))
	for i, n := range names {
		list[i] = paramSpec{name: n, typ: typ}
	}
	return list
}

func params(first []paramSpec, more ...[]paramSpec) []paramSpec {
	for _, m := range more {
		first = append(first, m...)
	}
	return first
}

func one(p paramSpec) []paramSpec { return []paramSpec{p} }

// stepSpecOf knows the steps of a Jenkins with the usual plugins, and the two
// chat steps that OpsBot takes over.
func stepSpecOf(name string) (stepSpec, bool) {
	if s, ok := basicStep(name); ok {
		return s, true
	}
	if s, ok := publishStep(name); ok {
		return s, true
	}
	if s, ok := personalStep(name); ok {
		return s, true
	}
	return foreignStep(name)
}

func basicStep(name string) (stepSpec, bool) {
	switch name {
	case "echo", "error", "unstable":
		return stepSpec{params: one(req("message", typeString)), here: true}, true
	case "sh":
		return stepSpec{params: params(one(req("script", typeString)), opt(typeString, "encoding", "label"),
			opt(typeBool, "returnStdout", "returnStatus")), here: true}, true
	case "sleep":
		return stepSpec{params: []paramSpec{req("time", typeInt), {name: "unit", typ: typeUnit}}, here: true}, true
	case "timeout":
		return stepSpec{params: params([]paramSpec{req("time", typeInt), {name: "unit", typ: typeUnit}},
			opt(typeBool, "activity")), block: true, here: true}, true
	case "retry":
		return stepSpec{params: params(one(req("count", typeInt)), opt(typeAny, "conditions")), block: true, here: true}, true
	case "dir":
		return stepSpec{params: one(req("path", typeString)), block: true, here: true}, true
	case "withEnv":
		return stepSpec{params: one(req("overrides", typeList)), block: true, here: true}, true
	case "catchError":
		return stepSpec{params: params(opt(typeString, "buildResult", "stageResult", "message"),
			opt(typeBool, "catchInterruptions")), block: true, here: true}, true
	case "warnError":
		return stepSpec{
			params: params(one(req("message", typeString)), opt(typeBool, "catchInterruptions")),
			block:  true, here: true,
		}, true
	case "fileExists", "readFile":
		return stepSpec{params: params(one(req("file", typeString)), opt(typeString, "encoding")), here: true}, true
	case "writeFile":
		return stepSpec{params: params([]paramSpec{req("file", typeString), req("text", typeString)},
			opt(typeString, "encoding")), here: true}, true
	case "pwd":
		return stepSpec{params: opt(typeBool, "tmp"), here: true}, true
	case "deleteDir", "isUnix":
		return stepSpec{here: true}, true
	case "checkout":
		return stepSpec{params: params(one(req("scm", typeAny)), opt(typeBool, "poll", "changelog")), here: true}, true
	case "script":
		return stepSpec{block: true, here: true}, true
	}
	return stepSpec{}, false
}

func publishStep(name string) (stepSpec, bool) {
	switch name {
	case "junit":
		return stepSpec{
			params: params(one(req("testResults", typeString)),
				opt(typeBool, "allowEmptyResults", "keepLongStdio", "skipMarkingBuildUnstable", "skipPublishingChecks",
					"keepProperties", "keepTestNames", "skipOldReports"),
				opt(typeString, "checksName", "stdioRetention"), opt(typeAny, "healthScaleFactor", "testDataPublishers")),
			here: true,
		}, true
	case "archiveArtifacts":
		return stepSpec{params: params(one(req("artifacts", typeString)), opt(typeString, "excludes"),
			opt(typeBool, "allowEmptyArchive", "caseSensitive", "defaultExcludes", "fingerprint", "followSymlinks",
				"onlyIfSuccessful")), here: true}, true
	case "slackSend", "mattermostSend":
		return stepSpec{params: params(opt(typeString, "message", "channel", "color", "text", "icon", "endpoint",
			"baseUrl", "teamDomain", "token", "tokenCredentialId", "iconEmoji", "username", "timestamp"),
			opt(typeBool, "botUser", "failOnError", "notifyCommitters", "replyBroadcast", "sendAsText"),
			opt(typeAny, "attachments", "blocks")), here: true}, true
	case "stash":
		return stepSpec{params: params(one(req("name", typeString)), opt(typeString, "includes", "excludes"),
			opt(typeBool, "useDefaultExcludes", "allowEmpty")), here: true}, true
	case "unstash":
		return stepSpec{params: one(req("name", typeString)), here: true}, true
	case "fingerprint":
		return stepSpec{params: params(one(req("targets", typeString)), opt(typeString, "excludes"),
			opt(typeBool, "caseSensitive", "defaultExcludes"))}, true
	}
	return stepSpec{}, false
}

// foreignStep knows steps that only Jenkins runs.
func foreignStep(name string) (stepSpec, bool) {
	switch name {
	case "bat", "powershell", "pwsh":
		return stepSpec{params: params(one(req("script", typeString)), opt(typeString, "encoding", "label"),
			opt(typeBool, "returnStdout", "returnStatus"))}, true
	case "git":
		return stepSpec{params: params(one(req("url", typeString)), opt(typeString, "branch", "credentialsId"),
			opt(typeBool, "changelog", "poll"))}, true
	case "build":
		return stepSpec{params: params(one(req("job", typeString)), opt(typeBool, "propagate", "wait", "waitForStart"),
			opt(typeAny, "parameters", "quietPeriod"))}, true
	case "waitUntil":
		return stepSpec{params: opt(typeAny, "initialRecurrencePeriod", "quiet"), block: true}, true
	case "node":
		return stepSpec{params: opt(typeString, "label"), block: true}, true
	case "ws":
		return stepSpec{params: one(req("dir", typeString)), block: true}, true
	case "stage":
		return stepSpec{params: one(req("name", typeString)), block: true}, true
	case "timestamps":
		return stepSpec{block: true}, true
	case "load":
		return stepSpec{params: one(req("path", typeString))}, true
	case "readTrusted":
		return stepSpec{params: one(req("path", typeString))}, true
	case "milestone":
		return stepSpec{params: params(opt(typeAny, "ordinal"), opt(typeString, "label"))}, true
	case "mail":
		return stepSpec{params: params([]paramSpec{req("subject", typeString), req("body", typeString)},
			opt(typeString, "to", "cc", "bcc", "from", "replyTo", "charset", "mimeType"))}, true
	case "tool":
		return stepSpec{params: params(one(req("name", typeString)), opt(typeString, "type"))}, true
	case "library":
		return stepSpec{params: params(one(req("identifier", typeString)), opt(typeAny, "retriever", "changelog"))}, true
	}
	return stepSpec{}, false
}

// conditionSpec knows the when conditions with arguments; children is how many
// conditions it takes inside, -1 for any number.
func conditionSpec(name string) (spec stepSpec, children int, ok bool) {
	comparator := opt(typeString, "comparator")
	switch name {
	case "allOf", "anyOf":
		return stepSpec{here: true}, -1, true
	case "not":
		return stepSpec{here: true}, 1, true
	case "branch":
		return stepSpec{params: params(one(req("pattern", typeString)), comparator), here: true}, 0, true
	case "environment":
		return stepSpec{params: params([]paramSpec{req("name", typeString), req("value", typeString)},
			opt(typeBool, "ignoreCase")), here: true}, 0, true
	case "equals":
		return stepSpec{params: []paramSpec{req("expected", typeAny), req("actual", typeAny)}, here: true}, 0, true
	case "tag":
		return stepSpec{params: params(one(req("pattern", typeString)), comparator), here: true}, 0, true
	case "buildingTag", "isRestartedRun":
		return stepSpec{here: true}, 0, true
	case "changeRequest":
		return stepSpec{params: params(opt(typeString, "id", "target", "branch", "fork", "url", "title", "author",
			"authorDisplayName", "authorEmail"), comparator), here: true}, 0, true
	case "changeset":
		return stepSpec{params: params(one(req("pattern", typeString)), comparator,
			opt(typeBool, "caseSensitive", "shouldMatchAll")), here: true}, 0, true
	case "changelog":
		return stepSpec{params: params(one(req("pattern", typeString))), here: true}, 0, true
	case "triggeredBy":
		return stepSpec{params: params(one(req("cause", typeString)), opt(typeString, "detail"))}, 0, true
	}
	return stepSpec{}, 0, false
}

// optionSpec knows the options; stage says that a stage may have it.
func optionSpec(name string) (spec stepSpec, stage, ok bool) {
	switch name {
	case "timeout", "retry", "catchError", "warnError", "withEnv", "withCredentials", "waitUntil", "ws":
		spec, _ = stepSpecOf(name)
		spec.here = name == "timeout" || name == "retry"
		return spec, true, true
	case "timestamps":
		return stepSpec{here: true}, true, true
	case "script", "withChecks", "withContext", "wrap":
		return stepSpec{}, true, true
	case "skipDefaultCheckout":
		return stepSpec{params: opt(typeBool, "skipDefaultCheckout"), here: true}, true, true
	case "checkoutToSubdirectory":
		return stepSpec{params: one(req("subdirectory", typeString)), here: true}, false, true
	case "skipStagesAfterUnstable", "parallelsAlwaysFailFast", "disableResume", "disableConcurrentBuilds",
		"disableRestartFromStage", "durabilityHint", "buildDiscarder", "overrideIndexTriggers", "preserveStashes",
		"quietPeriod", "rateLimitBuilds", "githubProjectProperty", "authorizationMatrix":
		return stepSpec{params: acceptedOptionParams(name), here: name != "authorizationMatrix" && name != "rateLimitBuilds"},
			false, true
	}
	return stepSpec{}, false, false
}

func acceptedOptionParams(name string) []paramSpec {
	switch name {
	case "durabilityHint":
		return one(req("hint", typeString))
	case "buildDiscarder":
		return one(req("strategy", typeAny))
	case "overrideIndexTriggers":
		return one(req("enableTriggers", typeBool))
	case "disableConcurrentBuilds":
		return opt(typeBool, "abortPrevious")
	case "preserveStashes":
		return opt(typeInt, "buildCount")
	case "quietPeriod":
		return one(req("quietPeriod", typeAny))
	case "rateLimitBuilds":
		return one(req("throttle", typeAny))
	}
	return nil
}
