// Package jobxml is the configuration of Jenkins' multibranch projects and folders
// as typed values: marshalled by encoding/xml, compared by what they mean, and
// merged into a configuration that Jenkins or its admin has changed meanwhile.
package jobxml

import (
	"encoding/xml"
	"fmt"
)

// The classes of Jenkins' items.
const (
	MultibranchClass = "org.jenkinsci.plugins.workflow.multibranch.WorkflowMultiBranchProject"
	FolderClass      = "com.cloudbees.hudson.plugins.folder.Folder"
)

// Project is a multibranch project.
type Project struct {
	Description string
	DisplayName string // "" = its name
	// Source is what is built: one of GitSource, GitHubSource, GiteaSource, GitLabSource.
	Source Source
	// ScriptPath is the Jenkinsfile's path; "" = "Jenkinsfile".
	ScriptPath string
	Orphans    Orphans
	// Rescan is how often the branches are looked for if nothing else says so; the
	// zero one never.
	Rescan Rescan
}

// Source is a branch source.
type Source interface {
	// Plugin is what must be installed for Jenkins to understand the source.
	Plugin() string
	// element is the <source> element.
	element() any
}

// Orphans says what becomes of branches that are no longer there.
type Orphans struct {
	// Keep keeps the jobs of all.
	Keep bool
	// Days and Number bound how long and how many are kept; a bound of -1 is none, and
	// without any they are removed at once.
	Days, Number int
}

// Rescan is a periodic trigger, as Jenkins keeps it: a cron line and milliseconds.
type Rescan struct {
	Spec   string
	Millis int64
}

type projectXML struct {
	XMLName       xml.Name    `xml:"org.jenkinsci.plugins.workflow.multibranch.WorkflowMultiBranchProject"`
	Actions       struct{}    `xml:"actions"`
	Description   string      `xml:"description"`
	DisplayName   string      `xml:"displayName,omitempty"`
	Properties    struct{}    `xml:"properties"`
	HealthMetrics struct{}    `xml:"healthMetrics"`
	Orphans       orphansXML  `xml:"orphanedItemStrategy"`
	Triggers      triggersXML `xml:"triggers"`
	Disabled      bool        `xml:"disabled"`
	Sources       sourcesXML  `xml:"sources"`
	Factory       factoryXML  `xml:"factory"`
}

type orphansXML struct {
	Class  string `xml:"class,attr"`
	Prune  bool   `xml:"pruneDeadBranches"`
	Days   int    `xml:"daysToKeep"`
	Number int    `xml:"numToKeep"`
}

type triggersXML struct {
	Periodic *rescanXML `xml:"com.cloudbees.hudson.plugins.folder.computed.PeriodicFolderTrigger"`
}

type rescanXML struct {
	Spec   string `xml:"spec"`
	Millis int64  `xml:"interval"`
}

type sourcesXML struct {
	Class  string    `xml:"class,attr"`
	Branch branchXML `xml:"data>jenkins.branch.BranchSource"`
	Owner  ownerXML  `xml:"owner"`
}

type branchXML struct {
	Source   any         `xml:"source"`
	Strategy strategyXML `xml:"strategy"`
}

type strategyXML struct {
	Class      string `xml:"class,attr"`
	Properties struct {
		Class string `xml:"class,attr"`
	} `xml:"properties"`
}

type ownerXML struct {
	Class     string `xml:"class,attr"`
	Reference string `xml:"reference,attr"`
}

type factoryXML struct {
	Class  string   `xml:"class,attr"`
	Owner  ownerXML `xml:"owner"`
	Script string   `xml:"scriptPath"`
}

func (p Project) element() projectXML {
	owner := ownerXML{Class: MultibranchClass, Reference: "../.."}
	x := projectXML{
		Description: p.Description, DisplayName: p.DisplayName,
		Orphans: orphansXML{
			Class: "com.cloudbees.hudson.plugins.folder.computed.DefaultOrphanedItemStrategy",
			Prune: !p.Orphans.Keep, Days: p.Orphans.Days, Number: p.Orphans.Number,
		},
		Sources: sourcesXML{Class: "jenkins.branch.MultiBranchProject$BranchSourceList", Owner: owner},
		Factory: factoryXML{
			Class: "org.jenkinsci.plugins.workflow.multibranch.WorkflowBranchProjectFactory",
			Owner: owner, Script: p.ScriptPath,
		},
	}
	if p.ScriptPath == "" {
		x.Factory.Script = "Jenkinsfile"
	}
	if p.Rescan.Spec != "" {
		x.Triggers.Periodic = &rescanXML{Spec: p.Rescan.Spec, Millis: p.Rescan.Millis}
	}
	x.Sources.Branch.Source = p.Source.element()
	x.Sources.Branch.Strategy.Class = "jenkins.branch.DefaultBranchPropertyStrategy"
	x.Sources.Branch.Strategy.Properties.Class = "empty-list"
	return x
}

// Marshal gives the config.xml of a new project.
func (p Project) Marshal() (string, error) { return marshal(p.element()) }

// Folder is a folder for projects.
type Folder struct{ Description string }

// Marshal gives the config.xml of a new folder.
func (f Folder) Marshal() (string, error) {
	return marshal(struct {
		XMLName     xml.Name `xml:"com.cloudbees.hudson.plugins.folder.Folder"`
		Description string   `xml:"description"`
		Properties  struct{} `xml:"properties"`
	}{Description: f.Description})
}

func marshal(v any) (string, error) {
	body, err := xml.MarshalIndent(v, "", "  ")
	if err != nil {
		return "", fmt.Errorf("jenkins: marshal config.xml: %w", err)
	}
	return prolog + string(body) + "\n", nil
}

const prolog = "<?xml version='1.1' encoding='UTF-8'?>\n"
