package engine

import (
	"fmt"
	"maps"
	"regexp"
	"strconv"
	"strings"
)

// Build is what a run is told about itself.
type Build struct {
	// Job is the project's name, Branch the branch's as git has it.
	Job, Branch string
	// Number is from 1.
	Number int
	// URL is Jenkins' root as builds see it, with a slash at its end; Home its home
	// folder.
	URL, Home string
	// PrimaryBranch says that the branch is the default one.
	PrimaryBranch bool
	// Previous is the last build of the branch that has ended, nil in the first.
	Previous *Previous
	// Parameters are the values given to this build.
	Parameters map[string]string
	// Machine is the environment of the node: PATH, HOME and what else scripts get.
	Machine map[string]string
	// Labels are those of the node; nil is "built-in".
	Labels []string
	// Changes are the commits since Previous, the newest first.
	Changes []Change
	// Secrets are what credentials() and withCredentials find by id. What a build has
	// taken is masked in its log.
	Secrets map[string]Secret
}

// Change is one commit.
type Change struct {
	// Message is the whole message, Paths what the commit added, changed or removed.
	Message string
	Paths   []string
}

// Previous is what a build knows of the one before.
type Previous struct {
	Number int
	Result Result
	// Commit is what it built, SuccessfulCommit what the last successful one built;
	// "" if there is none.
	Commit, SuccessfulCommit string
}

// Encode writes a branch as Jenkins writes it in a job's name: what a job's name
// may not have stands as %XX.
func Encode(branch string) string {
	if branch == "." || branch == ".." {
		return strings.ReplaceAll(branch, ".", "%2E")
	}
	var b strings.Builder
	for _, r := range branch {
		if r < ' ' || r == 0x7f || strings.ContainsRune(`?*/\%!@#$^&|<>[]:;`, r) {
			fmt.Fprintf(&b, "%%%02X", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// oddRun is what a workspace's folder shows as one underscore.
func oddRun() *regexp.Regexp { return regexp.MustCompile(`(%[0-9A-F]{2}|[^a-zA-Z0-9\-_.])+`) }

// maxFolder is how long a workspace's folder may be.
const maxFolder = 32

// Folder is the name of the workspace's folder of a branch: project and branch,
// odd characters as underscores, the last 32 of them.
func Folder(job, branch string) string {
	name := oddRun().ReplaceAllString(job+"/"+Encode(branch), "_")
	name = name[max(0, len(name)-maxFolder):]
	if rest, dash := strings.CutPrefix(name, "-"); dash {
		name = "_" + rest // or it would look like a flag
	}
	return name
}

func (b Build) jobURL() string {
	return b.URL + "job/" + pathEscape(b.Job) + "/job/" + pathEscape(Encode(b.Branch)) + "/"
}

// pathEscape escapes a segment as Jenkins does, which leaves less as it is than
// net/url.
func pathEscape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte("!$&'()*+,-.=@_", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}

// environment are the variables that every build has.
func (b Build) environment() map[string]string {
	number, base := strconv.Itoa(b.Number), Encode(b.Branch)
	env := map[string]string{
		"CI": "true", "JENKINS_HOME": b.Home, "JENKINS_URL": b.URL, "HUDSON_URL": b.URL, "HUDSON_HOME": b.Home,
		"JOB_NAME": b.Job + "/" + base, "JOB_BASE_NAME": base, "BRANCH_NAME": b.Branch,
		"BUILD_NUMBER": number, "BUILD_ID": number, "BUILD_DISPLAY_NAME": "#" + number,
		"BUILD_TAG": "jenkins-" + b.Job + "-" + base + "-" + number,
		"JOB_URL":   b.jobURL(), "BUILD_URL": b.jobURL() + number + "/",
		"RUN_DISPLAY_URL":           b.jobURL() + number + "/display/redirect",
		"RUN_ARTIFACTS_DISPLAY_URL": b.jobURL() + number + "/display/redirect?page=artifacts",
		"RUN_CHANGES_DISPLAY_URL":   b.jobURL() + number + "/display/redirect?page=changes",
		"RUN_TESTS_DISPLAY_URL":     b.jobURL() + number + "/display/redirect?page=tests",
		"JOB_DISPLAY_URL":           b.jobURL() + "display/redirect",
	}
	if b.PrimaryBranch {
		env["BRANCH_IS_PRIMARY"] = "true"
	}
	maps.Copy(env, b.Parameters)
	return env
}

// checkoutEnvironment are the variables of the default checkout.
func (b Build) checkoutEnvironment(rev Revision) map[string]string {
	env := map[string]string{"GIT_COMMIT": rev.Commit, "GIT_BRANCH": b.Branch, "GIT_URL": rev.URL}
	if p := b.Previous; p != nil {
		env["GIT_PREVIOUS_COMMIT"] = p.Commit
		env["GIT_PREVIOUS_SUCCESSFUL_COMMIT"] = p.SuccessfulCommit
	}
	return env
}

func (b Build) labels() []string {
	if b.Labels == nil {
		return []string{"built-in"}
	}
	return b.Labels
}

// hasLabel evaluates a label expression: names, !, &&, || and parentheses-free
// nesting as Jenkins' precedence has it.
func (b Build) hasLabel(expression string) bool {
	if strings.TrimSpace(expression) == "" {
		return true
	}
	for alternative := range strings.SplitSeq(expression, "||") {
		all := true
		for part := range strings.SplitSeq(alternative, "&&") {
			name := strings.TrimSpace(part)
			inverted := strings.HasPrefix(name, "!")
			all = all && b.isLabelled(strings.Trim(name, "!()\" ")) != inverted
		}
		if all {
			return true
		}
	}
	return false
}

func (b Build) isLabelled(name string) bool {
	for _, l := range b.labels() {
		if l == name {
			return true
		}
	}
	return false
}
