package jobxml

import (
	"fmt"
	"slices"
	"strings"
)

// Meaning is what a configuration says, a line for each fact, sorted: without what
// Jenkins adds by itself when it saves (versions of plugins, views, icons, what is
// as it would be without being written) and without the order of elements. Two
// configurations with the same meaning make the same job.
func (n *Node) Meaning() []string {
	var facts []string
	n.facts("", false, &facts)
	slices.Sort(facts)
	return facts
}

// Equal reports whether two configurations mean the same.
func Equal(a, b *Node) bool { return slices.Equal(a.Meaning(), b.Meaning()) }

// Difference lists facts of a that b lacks with "-", and those of b that a lacks
// with "+".
func Difference(a, b *Node) []string {
	var out []string
	left, right := a.Meaning(), b.Meaning()
	for _, f := range left {
		if !slices.Contains(right, f) {
			out = append(out, "- "+f)
		}
	}
	for _, f := range right {
		if !slices.Contains(left, f) {
			out = append(out, "+ "+f)
		}
	}
	return out
}

// noise are elements that Jenkins writes for its own sake.
func noise(path string) bool {
	switch path {
	case "/folderViews", "/icon", "/healthMetrics", "/actions", "/sources/owner", "/factory/owner":
		return true
	}
	return false
}

// silent are values that mean the same as leaving the element out.
func silent(path, value string) bool {
	switch path {
	case "/disabled", "/orphanedItemStrategy/abortBuilds":
		return value == "false"
	case "/factory/scriptPath":
		return value == "Jenkinsfile"
	case "/sources/data/jenkins.branch.BranchSource/source/apiUri":
		return value == "https://api.github.com"
	case "/sources/data/jenkins.branch.BranchSource/source/configuredByUrl":
		return true
	}
	return false
}

// facts collects what is below n. Within traits an element without content is a
// fact; elsewhere it is none.
func (n *Node) facts(path string, traits bool, out *[]string) {
	if noise(path) {
		return
	}
	label := path
	if class := n.Class(); class != "" && class != "empty-list" {
		label += "(" + class + ")"
		*out = append(*out, label)
	}
	text := strings.TrimSpace(n.Text)
	if text != "" && !silent(path, text) {
		*out = append(*out, fmt.Sprintf("%s = %s", path, text))
	}
	if n.Name == "traits" || traits && len(n.Children) == 0 && text == "" {
		*out = append(*out, path)
	}
	if path == "" {
		*out = append(*out, n.Name)
	}
	for _, c := range n.Children {
		c.facts(path+"/"+strings.ReplaceAll(c.Name, "github_branch_source", "github__branch__source"), n.Name == "traits", out)
	}
}
