package jenkins

import (
	"fmt"
	"maps"
	"net/http"
	"path"
	"slices"
	"time"
)

func millis(t time.Time) int64 { return t.UnixMilli() }

// view answers v as narrowed by tree=.
func (s *Server) view(w http.ResponseWriter, r *request, v object) {
	tree := r.URL.Query().Get("tree")
	if tree == "" {
		answer(w, shallow(v))
		return
	}
	fields, err := parseTree(tree)
	if err != nil {
		jetty(w, r.Request, http.StatusBadRequest, err.Error())
		return
	}
	answer(w, project(v, fields))
}

func (s *Server) rootView() object {
	return object{
		"_class": string(kindRoot), "mode": "NORMAL", "nodeDescription": "the Jenkins controller's built-in node", "numExecutors": 2,
		"jobs": s.root.childViews(), "quietingDown": s.quieting, "quietDownReason": nil, "url": s.URL + "/", "useCrumbs": true, "useSecurity": true,
	}
}

func (s *Server) pluginsView() object {
	var all []any
	for _, name := range []string{"git", "github-branch-source", "gitea", "gitlab-branch-source", "junit", "cloudbees-folder", "pipeline-stage-view", "pipeline-rest-api", "workflow-multibranch", "workflow-job"} {
		if !s.lacks(name) {
			all = append(all, object{"shortName": name, "version": "1.0", "active": true, "enabled": true})
		}
	}
	return object{"_class": "hudson.LocalPluginManager", "plugins": all}
}

func (s *Server) lacks(plugin string) bool {
	for _, m := range s.cfg.missing {
		if m == plugin {
			return true
		}
	}
	return false
}

func (i *item) childViews() []any {
	all := []any{}
	for _, c := range i.children {
		all = append(all, c.view())
	}
	return all
}

func (i *item) view() object {
	class, _ := i.class()
	v := object{
		"_class": class, "name": i.name, "displayName": i.name, "fullName": i.fullName(), "url": i.server.URL + i.path(), "description": nil,
	}
	switch i.kind {
	case kindFolder, kindMultibranch:
		v["jobs"], v["description"] = i.childViews(), i.settings.Description
		if i.settings.DisplayName != "" {
			v["displayName"] = i.settings.DisplayName
		}
		if i.kind == kindMultibranch {
			sources := []any{}
			for range i.settings.Sources {
				sources = append(sources, object{})
			}
			v["sources"] = sources
		}
	case kindBranch, kindPipeline:
		i.jobView(v)
	}
	return v
}

func (i *item) jobView(v object) {
	v["fullDisplayName"] = v["displayName"]
	v["buildable"] = !i.dead && (i.kind == kindBranch || !i.disabled()) // a disabled parent does not show
	v["color"] = i.color()
	v["nextBuildNumber"] = i.last + 1
	v["inQueue"], v["queueItem"] = false, nil
	if i.display != "" {
		v["displayName"] = i.display
		v["fullDisplayName"] = fmt.Sprintf("%s » %s", i.parent.name, i.display)
	}
	for _, q := range i.server.queue {
		if q.job == i && !q.left() {
			v["inQueue"], v["queueItem"] = true, i.server.queuedView(q)
		}
	}
	builds := []any{}
	for n := len(i.builds) - 1; n >= 0; n-- {
		builds = append(builds, i.builds[n].view())
	}
	v["builds"], v["lastBuild"] = builds, nil
	if len(builds) > 0 {
		v["lastBuild"] = builds[0]
	}
	property := []any{object{"_class": "org.jenkinsci.plugins.workflow.multibranch.BranchJobProperty", "branch": object{}}}
	if len(i.params) > 0 {
		property = append(property, object{"_class": "hudson.model.ParametersDefinitionProperty", "parameterDefinitions": definitions(i.params)})
	}
	v["property"] = property
}

func (i *item) color() string {
	switch {
	case !i.dead && !(i.kind == kindPipeline && i.disabled()):
	default:
		return "disabled"
	}
	color := "notbuilt"
	for _, b := range i.builds {
		if b.running() {
			return color + "_anime"
		}
		color = map[string]string{"SUCCESS": "blue", "UNSTABLE": "yellow", "FAILURE": "red", "ABORTED": "aborted"}[b.result]
	}
	return color
}

func definitions(params []Parameter) []any {
	var all []any
	for _, p := range params {
		v, _ := p.value("", false)
		d := object{"name": p.Name, "description": p.Description, "type": p.class() + "ParameterDefinition", "defaultParameterValue": v}
		if len(p.Choices) > 0 {
			choices := []any{}
			for _, c := range p.Choices {
				choices = append(choices, c)
			}
			d["choices"] = choices
		}
		d["_class"] = "hudson.model." + fmt.Sprint(d["type"])
		all = append(all, d)
	}
	return all
}

func (s *Server) queueView() object {
	items := []any{}
	for _, q := range s.queue {
		if !q.left() {
			items = append(items, s.queuedView(q))
		}
	}
	return object{"_class": "hudson.model.Queue", "discoverableItems": []any{}, "items": items}
}

func (s *Server) queuedView(q *queued) object {
	task, run := q.job.class()
	v := object{
		"_class": "hudson.model.Queue$WaitingItem", "actions": q.actions(), "blocked": false, "buildable": false, "id": q.id,
		"inQueueSince": millis(q.since), "stuck": false, "url": fmt.Sprintf("queue/item/%d/", q.id), "why": s.why(q),
		"task": object{"_class": task, "name": q.job.name, "url": s.URL + q.job.path(), "color": q.job.color()},
	}
	if !s.clock.Now().Before(q.due) {
		v["_class"], v["blocked"] = "hudson.model.Queue$BlockedItem", true
	}
	if q.left() {
		v["_class"], v["blocked"], v["why"], v["cancelled"], v["executable"] = "hudson.model.Queue$LeftItem", false, nil, q.cancelled, nil
		if q.build != nil {
			v["executable"] = object{"_class": run, "number": q.build.number, "url": s.URL + q.build.path()}
		}
	}
	return v
}

func (q *queued) actions() []any {
	var all []any
	if q.params != nil {
		params := []any{}
		for _, p := range q.params {
			params = append(params, p)
		}
		all = append(all, object{"_class": "hudson.model.ParametersAction", "parameters": params})
	}
	causes := []any{}
	for _, c := range q.causes {
		causes = append(causes, c)
	}
	return append(all, object{"_class": "hudson.model.CauseAction", "causes": causes})
}

func (b *build) view() object {
	_, class := b.job.class()
	actions := append(b.item.actions(), object{"_class": "jenkins.scm.api.SCMRevisionAction"}, object{})
	if b.commit != "" && !b.program.Broken {
		branch := []any{object{"SHA1": b.commit, "name": b.job.display}}
		actions = append(actions, object{
			"_class": "hudson.plugins.git.util.BuildData", "scmName": "", "remoteUrls": []any{b.job.parent.settings.Sources[0].url()},
			"lastBuiltRevision": object{"SHA1": b.commit, "branch": branch},
		})
	}
	if t := b.program.Tests; t != nil && !b.running() {
		actions = append(actions, object{
			"_class": "hudson.tasks.junit.TestResultAction", "failCount": len(t.Failed), "skipCount": len(t.Skipped),
			"totalCount": len(t.Passed) + len(t.Failed) + len(t.Skipped), "urlName": "testReport",
		})
	}
	if b.inputs > 0 {
		actions = append(actions, object{"_class": "org.jenkinsci.plugins.workflow.support.steps.input.InputAction"})
	}
	v := object{
		"_class": class, "actions": actions, "artifacts": []any{}, "building": b.running(), "description": nil,
		"displayName": fmt.Sprintf("#%d", b.number), "duration": 0, "estimatedDuration": -1, "fullDisplayName": fmt.Sprintf("%s » %s #%d", b.job.parent.name, b.job.display, b.number),
		"id": fmt.Sprint(b.number), "keepLog": false, "number": b.number, "queueId": b.item.id, "result": nil, "timestamp": millis(b.started),
		"url": b.job.server.URL + b.path(), "changeSets": []any{}, "culprits": []any{}, "inProgress": b.running(),
	}
	if !b.running() {
		v["result"], v["duration"] = b.result, b.ended.Sub(b.started).Milliseconds()
		artifacts := []any{}
		for _, a := range append(slices.Clone(b.program.Artifacts), slices.Sorted(maps.Keys(b.program.Files))...) {
			artifacts = append(artifacts, object{"displayPath": a, "fileName": path.Base(a), "relativePath": a})
		}
		v["artifacts"] = artifacts
	}
	return v
}
