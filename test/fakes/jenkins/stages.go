package jenkins

import (
	"fmt"
	"net/http"
	"strings"
)

// serveStages answers the stage view's API, where its plugin is, and input steps.
func (s *Server) serveStages(w http.ResponseWriter, r *request, b *build) bool {
	if (s.lacks("pipeline-stage-view") || s.lacks("pipeline-rest-api") || b.freestyle()) && r.rest[0] == "wfapi" {
		notFound(w)
		return true
	}
	switch {
	case r.is("GET", "wfapi", "describe"):
		answer(w, b.describe())
	case r.is("GET", "wfapi", "pendingInputActions"):
		answer(w, b.pendingInputs())
	case r.is("POST", "wfapi", "inputSubmit"):
		s.submit(w, r, b, r.URL.Query().Get("inputId"), true)
	case r.is("POST", "input", "*", "proceed"), r.is("POST", "input", "*", "proceedEmpty"):
		s.submit(w, r, b, r.rest[1], true)
	case r.is("POST", "input", "*", "abort"):
		s.submit(w, r, b, r.rest[1], false)
	default:
		return false
	}
	return true
}

func (b *build) status() string {
	switch {
	case b.input != "":
		return "PAUSED_PENDING_INPUT"
	case b.running():
		return "IN_PROGRESS"
	case b.program.Broken:
		return "NOT_EXECUTED"
	default:
		return strings.Replace(b.result, "FAILURE", "FAILED", 1)
	}
}

func (b *build) describe() object {
	end := b.ended
	if b.running() {
		end = b.job.server.clock.Now()
	}
	stages := []any{}
	for n, name := range b.program.stages() {
		v := object{"id": fmt.Sprint(6 + n), "name": name, "execNode": "", "status": "SUCCESS", "startTimeMillis": millis(b.started), "durationMillis": end.Sub(b.started).Milliseconds(), "pauseDurationMillis": 0}
		stages = append(stages, v)
		if b.running() || b.stopped {
			v["status"] = b.status()
			break
		}
		if name == b.program.FailsIn {
			v["status"], v["error"] = "FAILED", object{"message": b.program.Error, "type": "hudson.AbortException"}
			break
		}
	}
	return object{
		"_links": object{"self": object{"href": b.path() + "wfapi/describe"}}, "id": fmt.Sprint(b.number), "name": fmt.Sprintf("#%d", b.number),
		"status": b.status(), "startTimeMillis": millis(b.started), "endTimeMillis": millis(end), "durationMillis": end.Sub(b.started).Milliseconds(), "stages": stages,
	}
}

func (b *build) testsView() object {
	cases := []any{}
	add := func(names []string, status string) {
		for _, n := range names {
			at := strings.LastIndex(n, ".")
			cases = append(cases, object{"className": n[:max(at, 0)], "name": n[at+1:], "status": status, "duration": 0.01, "errorDetails": nil, "age": 0})
		}
	}
	t := b.program.Tests
	add(t.Passed, "PASSED")
	add(t.Failed, "FAILED")
	add(t.Skipped, "SKIPPED")
	return object{
		"_class": "hudson.tasks.junit.TestResult", "duration": 0.02, "empty": false, "failCount": len(t.Failed), "passCount": len(t.Passed), "skipCount": len(t.Skipped),
		"suites": []any{object{"name": "suite", "cases": cases}},
	}
}
