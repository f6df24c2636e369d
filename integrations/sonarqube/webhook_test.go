package sonarqube

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"opsbot/bot"
	fake "opsbot/test/fakes/sonarqube"
)

func received() time.Time { return time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC) }

func parseBody(tb testing.TB, body []byte) ([]bot.Event, error) {
	tb.Helper()
	return (&Service{}).Parse(tb.Context(), bot.Delivery{Instance: "sonarqube", ID: "d1", Body: body, ReceivedAt: received()})
}

func analysis() fake.Analysis {
	return fake.Analysis{
		Key: key, Branch: "trunk", Revision: "c739069ec7105e01303e8b3065a81141aad9f129", Gate: "ERROR",
		Metric: "new_coverage", Operator: "LESS_THAN", Value: "61.04", Threshold: "80",
	}
}

// TestDelivery goes the whole way: project, webhook, analysis, verified and understood.
func TestDelivery(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.ensure(spec(nil))
	edge := &edge{t: t, s: w.s}
	if _, err := w.hub.Analyse(t.Context(), edge, "shop", analysis()); err != nil {
		t.Fatal(err)
	}
	if len(edge.events) != 1 || edge.url != hookURL {
		t.Fatalf("%d events, at %s", len(edge.events), edge.url)
	}
	e := edge.events[0]
	want := bot.Event{
		ID: e.ID, Source: "sonarqube", Type: bot.EventGateReported, Kind: bot.ResourceQuality, ExternalID: key,
		OccurredAt: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), ReceivedAt: received(), Branch: "trunk", Commit: analysis().Revision,
		Text: "ERROR: coverage on new code 61 % < 80 %", Tone: bot.ToneBad, URL: w.hub.URL + "/dashboard?id=foo-org_shop",
	}
	if !reflect.DeepEqual(e, want) || len(e.ID) != 32 {
		t.Errorf("got  %+v\nwant %+v", e, want)
	}
	// Analysed, it is still found to be ours, without the name that the build has changed.
	if got, _, err := w.s.FindProvision(t.Context(), spec(nil)); err != nil || got != bot.PresenceOurs {
		t.Errorf("found %s, %v", got, err)
	}
}

// edge is where webhooks arrive.
type edge struct {
	t      *testing.T
	s      *Service
	url    string
	events []bot.Event
}

// RoundTrip implements http.RoundTripper.
func (e *edge) RoundTrip(r *http.Request) (*http.Response, error) {
	var body strings.Builder
	if err := r.Write(&body); err != nil {
		return nil, err
	}
	_, content, _ := strings.Cut(body.String(), "\r\n\r\n")
	d := bot.Delivery{Instance: "sonarqube", Header: r.Header, Body: []byte(content), ReceivedAt: received()}
	id, scope, err := e.s.Verify(d)
	if err != nil || scope != (bot.Scope{}) {
		e.t.Errorf("verify: %v", err)
	}
	d.ID, e.url = id, r.URL.String()
	if e.events, err = e.s.Parse(r.Context(), d); err != nil {
		e.t.Errorf("parse: %v", err)
	}
	return &http.Response{StatusCode: http.StatusAccepted, Body: http.NoBody}, nil
}

func TestVerifyRefuses(t *testing.T) {
	t.Parallel()
	w := setup(t)
	body := w.hub.Body(analysis())
	for name, header := range map[string]http.Header{
		"unsigned":  {},
		"by others": {"X-Sonar-Webhook-Hmac-Sha256": {fake.Sign("another secret", body)}},
		"of others": {"X-Sonar-Webhook-Hmac-Sha256": {fake.Sign(hookSecret, append(body, ' '))}},
	} {
		if _, _, err := w.s.Verify(bot.Delivery{Header: header, Body: body}); bot.CodeOf(err) != bot.CodeUnauthenticated {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.cfg.WebhookSecret = secret(t, "")
	w.restart()
	if _, _, err := w.s.Verify(bot.Delivery{Header: http.Header{}, Body: body}); err == nil {
		t.Error("verified without a secret")
	}
}

// TestParseVariants changes one thing at a time.
func TestParseVariants(t *testing.T) {
	t.Parallel()
	type object = map[string]any
	const refusal, nothing = "refused", "nothing"
	gate := func(status string, conditions ...object) func(object) {
		return func(p object) { p["qualityGate"] = object{"status": status, "conditions": conditions} }
	}
	failing := func(metric, operator, value, threshold string) object {
		return object{"metric": metric, "operator": operator, "value": value, "errorThreshold": threshold, "status": "ERROR"}
	}
	five := func(metrics ...string) (out []object) {
		for _, m := range metrics {
			out = append(out, failing(m, "GT", "1", "0"))
		}
		return out
	}
	for name, c := range map[string]struct {
		change func(p object)
		want   string
	}{
		"ok":                  {gate("OK", object{"metric": "x", "status": "NO_VALUE"}), "OK"},
		"ok with a condition": {gate("OK", failing("coverage", "LESS_THAN", "1", "2")), "OK"},
		"rating":              {gate("ERROR", failing("reliability_rating", "GREATER_THAN", "3", "1")), "ERROR: reliability rating C > A"},
		"number":              {gate("ERROR", failing("new_violations", "GT", "1200.0", "0")), "ERROR: violations on new code 1200 > 0"},
		"two words":           {gate("ERROR", failing("alert_status", "IS", "x", "y")), "ERROR: alert status"},
		"no conditions":       {gate("ERROR"), "ERROR"},
		"five conditions":     {gate("ERROR", five("a", "b", "c", "d", "e")...), "ERROR: a 1 > 0, b 1 > 0, c 1 > 0 and 2 more"},
		"old warning":         {gate("WARN", object{"metric": "bugs", "operator": "GREATER_THAN", "value": "2", "errorThreshold": "1", "status": "WARN"}), "WARN: bugs 2 > 1"},
		"odd gate":            {gate("NONE"), "NONE"},
		"hostile":             {gate("ERROR", failing("a\u202e\nb", "GT", "@all\n", "<x>")), "ERROR: a b @all  > <x>"},
		"failed task":         {func(p object) { delete(p, "qualityGate"); p["status"] = "FAILED" }, "not computed: the analysis failed"},
		"cancelled":           {func(p object) { delete(p, "qualityGate"); p["status"] = "CANCELLED" }, "not computed: the analysis was cancelled"},
		"no gate":             {func(p object) { delete(p, "qualityGate") }, "not computed"},
		"pull request": {
			func(p object) { p["branch"] = object{"name": "7", "type": "PULL_REQUEST"} },
			"ERROR for pull request 7: coverage on new code 61 % < 80 %",
		},
		"no revision":       {func(p object) { delete(p, "revision") }, nothing},
		"odd revision":      {func(p object) { p["revision"] = "r4711" }, nothing},
		"no project":        {func(p object) { delete(p, "project") }, refusal},
		"odd project":       {func(p object) { p["project"] = object{"key": "a b"} }, refusal},
		"no status":         {func(p object) { delete(p, "status") }, refusal},
		"project is text":   {func(p object) { p["project"] = "x" }, refusal},
		"gate is a list":    {func(p object) { p["qualityGate"] = []string{} }, refusal},
		"status is a list":  {func(p object) { p["qualityGate"] = object{"status": []string{}} }, refusal},
		"conditions: text":  {func(p object) { p["qualityGate"] = object{"status": "OK", "conditions": "x"} }, refusal},
		"many conditions":   {func(p object) { p["qualityGate"] = object{"conditions": make([]object, maxConditions+1)} }, refusal},
		"dangerous address": {func(p object) { p["branch"] = object{"url": "javascript:alert(1)"} }, "ERROR: coverage on new code 61 % < 80 %"},
	} {
		p := object{}
		w := setup(t)
		if err := json.Unmarshal(w.hub.Body(analysis()), &p); err != nil {
			t.Fatal(err)
		}
		c.change(p)
		body, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		events, err := parseBody(t, body)
		got := nothing
		switch {
		case bot.CodeOf(err) == bot.CodeInvalid:
			got = refusal
		case err != nil:
			t.Errorf("%s: %v", name, err)
		case len(events) == 1:
			got = events[0].Text
			if strings.HasPrefix(events[0].URL, "javascript") || (name == "pull request") != (events[0].Branch == "" && name != "dangerous address") {
				t.Errorf("%s: address %q, branch %q", name, events[0].URL, events[0].Branch)
			}
		}
		if got != c.want {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, c.want)
		}
	}
}

// samples are SonarQube's own payloads, which lie outside of the repository.
func samples(tb testing.TB) string {
	tb.Helper()
	dir, ok := os.LookupEnv("OPSBOT_PAYLOADS")
	if !ok {
		dir = "../../../shared/payloads"
	}
	dir = filepath.Join(dir, "sonarqube")
	if _, err := os.Stat(dir); err != nil {
		tb.Logf("the payloads of SonarQube are not at %s (OPSBOT_PAYLOADS): %v", dir, err)
		return ""
	}
	return dir
}

// TestSamples understands what SonarQube really sends, and its own signature.
func TestSamples(t *testing.T) {
	t.Parallel()
	dir := samples(t)
	if dir == "" {
		return
	}
	read := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	for name, want := range map[string]string{
		"docs.sonarqube-cloud.gate-ok.json":   "myProject c739069ec7105e01303e8b3065a81141aad9f129 OK",
		"readme.condition-error.gate-ok.json": "myproject c739069ec7105e01303e8b3065a81141aad9f129 OK",
		"recorded.2017.clirr.gate-ok.json":    "", // names no commit
		"signed.pull-request.gate-ok.json":    "", // its revision is made up
	} {
		events, err := parseBody(t, read(name))
		got := ""
		if len(events) == 1 {
			got = events[0].ExternalID + " " + events[0].Commit + " " + events[0].Text
		}
		if err != nil || got != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	var vector struct{ Body_file, Secret, Header, Value string }
	if err := json.Unmarshal(read("signed.vector.json"), &vector); err != nil {
		t.Fatal(err)
	}
	w := setup(t)
	w.cfg.WebhookSecret = secret(t, vector.Secret)
	w.restart()
	header := http.Header{}
	header.Set(vector.Header, vector.Value)
	if _, _, err := w.s.Verify(bot.Delivery{Header: header, Body: read(vector.Body_file)}); err != nil {
		t.Error(err)
	}
}

// FuzzParse: no body breaks the parser, and what it makes of one can be shown.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"status":"SUCCESS","revision":"c739069","project":{"key":"a"},"qualityGate":{"status":"ERROR","conditions":[{"metric":"new_x","value":"1","operator":"GT","status":"ERROR"}]}}`))
	f.Add([]byte(`{"status":"FAILED","revision":"c739069","project":{"key":"a"},"branch":{"type":"PULL_REQUEST","name":"\u202e"}}`))
	if dir := samples(f); dir != "" {
		files, _ := filepath.Glob(filepath.Join(dir, "*.json"))
		for _, name := range files {
			if data, err := os.ReadFile(name); err == nil {
				f.Add(data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		events, err := parseBody(t, body)
		if err != nil && bot.CodeOf(err) != bot.CodeInvalid {
			t.Fatal(err)
		}
		for _, e := range events {
			if e.Commit == "" || e.ExternalID == "" || e.Text != bot.OneLine(e.Text) || len(e.Text) > 4<<10 {
				t.Fatalf("%+v", e)
			}
		}
	})
}
