package slack_test

import (
	"fmt"
	"strings"
	"testing"
)

// blocks that Slack refuses, with what it says.
func badBlocks() map[string]struct{ blocks, complaint string } {
	x := func(n int) string { return strings.Repeat("x", n) }
	plain := func(n int) string { return `{"type":"plain_text","text":"` + x(n) + `"}` }
	section := func(rest string) string { return `[{"type":"section",` + rest + `}]` }
	actions := func(e string) string { return `[{"type":"actions","elements":[` + e + `]}]` }
	press := func(id, rest string) string {
		return `{"type":"button","action_id":"` + id + `","text":` + plain(1) + rest + `}`
	}
	choice := func(n, v int) string { return `{"text":` + plain(n) + `,"value":"` + x(v) + `"}` }
	repeat := func(s string, n int) string { return strings.TrimSuffix(strings.Repeat(s+",", n), ",") }
	many := make([]string, 26)
	for i := range many {
		many[i] = press(fmt.Sprint("a", i), "")
	}
	cell := `{"type":"raw_text","text":"x"}`
	table := func(rows string) string { return `{"type":"table","rows":[` + rows + `]}` }
	return map[string]struct{ blocks, complaint string }{
		"51 blocks":          {"[" + repeat(`{"type":"divider"}`, 51) + "]", "no more than 50 items allowed [json-pointer:/blocks]"},
		"unknown type":       {`[{"type":"marquee"}]`, "unsupported type: marquee [json-pointer:/blocks/0/type]"},
		"unknown key":        {`[{"type":"divider","color":"red"}]`, "invalid additional property: color"},
		"long section":       {section(`"text":{"type":"mrkdwn","text":"` + x(3001) + `"}`), "must be less than 3001 characters [json-pointer:/blocks/0/text/text]"},
		"empty text":         {section(`"text":{"type":"mrkdwn","text":""}`), "must be more than 0 characters"},
		"emoji in mrkdwn":    {section(`"text":{"type":"mrkdwn","text":"x","emoji":true}`), "invalid additional property: emoji"},
		"no text":            {section(`"block_id":"x"`), "must provide text or fields"},
		"11 fields":          {section(`"fields":[` + repeat(plain(1), 11) + `]`), "no more than 10 items allowed"},
		"long field":         {section(`"fields":[` + plain(2001) + `]`), "must be less than 2001 characters"},
		"long header":        {`[{"type":"header","text":` + plain(151) + `}]`, "must be less than 151 characters"},
		"mrkdwn header":      {`[{"type":"header","text":{"type":"mrkdwn","text":"x"}}]`, "unsupported type: mrkdwn"},
		"11 in context":      {`[{"type":"context","elements":[` + repeat(plain(1), 11) + `]}]`, "no more than 10 items allowed"},
		"26 buttons":         {actions(strings.Join(many, ",")), "no more than 25 items allowed [json-pointer:/blocks/0/elements]"},
		"long label":         {actions(`{"type":"button","text":` + plain(76) + `}`), "must be less than 76 characters"},
		"long value":         {actions(press("a", `,"value":"`+x(2001)+`"`)), "must be less than 2001 characters"},
		"empty value":        {actions(press("a", `,"value":""`)), "must be more than 0 characters"},
		"long url":           {actions(press("a", `,"url":"https://a/`+x(3000)+`"`)), "must be less than 3001 characters"},
		"bad url":            {actions(press("a", `,"url":"nowhere"`)), "must be a valid URL"},
		"bad style":          {actions(press("a", `,"style":"default"`)), "must be one of primary, danger"},
		"long action":        {actions(press(x(256), "")), "must be less than 256 characters"},
		"twice an action":    {actions(press("a", "") + "," + press("a", "")), `"a" already exists`},
		"twice a block id":   {`[{"type":"divider","block_id":"b"},{"type":"divider","block_id":"b"}]`, `"b" already exists`},
		"long option":        {actions(`{"type":"static_select","options":[` + choice(76, 1) + `]}`), "must be less than 76 characters"},
		"101 options":        {actions(`{"type":"static_select","options":[` + repeat(choice(1, 1), 101) + `]}`), "no more than 100 items allowed"},
		"select of nothing":  {actions(`{"type":"static_select"}`), "must provide options or option_groups"},
		"6 in a menu":        {actions(`{"type":"overflow","options":[` + repeat(choice(1, 1), 6) + `]}`), "no more than 5 items allowed"},
		"101 rows":           {"[" + table(repeat("["+cell+"]", 101)) + "]", "no more than 100 items allowed"},
		"21 columns":         {"[" + table("["+repeat(cell, 21)+"]") + "]", "no more than 20 items allowed"},
		"empty cell":         {"[" + table(`[{"type":"raw_text","text":""}]`) + "]", "must be more than 0 characters"},
		"two tables":         {"[" + table("["+cell+"]") + "," + table("["+cell+"]") + "]", "only_one_table_allowed"},
		"much in a table":    {"[" + table("["+repeat(`{"type":"raw_text","text":"`+x(1000)+`"}`, 11)+"]") + "]", "less than 10001 characters"},
		"input out of place": {`[{"type":"input","label":` + plain(1) + `,"element":` + press("a", "") + `}]`, "unsupported type: button"},
		"long markdown":      {`[{"type":"markdown","text":"` + x(12001) + `"}]`, "must be less than 12001 characters"},
		"bad rich text":      {`[{"type":"rich_text","elements":[{"type":"text","text":"x"}]}]`, "unsupported type: text"},
		"no object":          {`["x"]`, "must be an object"},
	}
}

func TestBadBlocksAreRefusedAndFailTheTest(t *testing.T) {
	t.Parallel()
	for name, c := range badBlocks() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := setup(t, quiet())
			got := r.ask(t, "chat.postMessage", "channel", r.dev, "text", "x", "blocks", c.blocks)
			meta, _ := got["response_metadata"].(map[string]any)
			if got["ok"] != false || !strings.Contains(fmt.Sprint(meta["messages"]), c.complaint) {
				t.Errorf("%v, want %q", got, c.complaint)
			}
			r.complained(t, "chat.postMessage: invalid_")
			if len(r.FromBot(r.dev)) != 0 {
				t.Error("it was posted all the same")
			}
		})
	}
}

func TestGoodBlocksAreShown(t *testing.T) {
	t.Parallel()
	r := setup(t)
	blocks := `[
		{"type":"header","text":{"type":"plain_text","text":"Deploy &amp; <@U1>"}},
		{"type":"section","text":{"type":"mrkdwn","text":"*bold* <@` + r.alice + `> <!here> <https://a.example.com|a> &lt;b&gt; x<y"},
			"fields":[{"type":"mrkdwn","text":"one"},{"type":"plain_text","text":"two"}],
			"accessory":{"type":"overflow","action_id":"m","options":[{"text":{"type":"plain_text","text":"Log"},"value":"l"}]}},
		{"type":"context","elements":[{"type":"mrkdwn","text":"by"},{"type":"plain_text","text":"bob"}]},
		{"type":"divider"},
		{"type":"rich_text","elements":[
			{"type":"rich_text_section","elements":[{"type":"text","text":"see ","style":{"bold":true}},{"type":"link","url":"https://b.example.com","text":"b"}]},
			{"type":"rich_text_preformatted","border":0,"elements":[{"type":"text","text":"code"}]},
			{"type":"rich_text_list","style":"bullet","indent":0,"border":0,"offset":0,"elements":[{"type":"rich_text_section","elements":[{"type":"user","user_id":"` + r.bob + `"}]}]}]},
		{"type":"table","rows":[[{"type":"raw_text","text":"a"},{"type":"raw_text","text":"b"}]],"column_settings":[{"align":"left","is_wrapped":true}]},
		{"type":"actions","elements":[
			{"type":"button","action_id":"go","style":"primary","value":"v","text":{"type":"plain_text","text":"Go"}},
			{"type":"button","action_id":"out","url":"https://c.example.com","text":{"type":"plain_text","text":"Open"}},
			{"type":"static_select","action_id":"s","placeholder":{"type":"plain_text","text":"Which"},"options":[{"text":{"type":"plain_text","text":"One"},"value":"1"}]}]}]`
	ts := r.accepted(t, "chat.postMessage", "channel", r.dev, "text", "Deploy", "blocks", blocks)["ts"].(string)
	m, _ := r.Message(r.dev, ts)
	want := strings.Join([]string{
		"Deploy & <@U1>", "*bold* @alice @here a (https://a.example.com) <b> x<y", "one", "two", "by bob", "---",
		"see b (https://b.example.com)", "code", "- @bob", "a | b",
	}, "\n")
	if m.Text() != want {
		t.Errorf("text:\n%s\nwant:\n%s", m.Text(), want)
	}
	if got := fmt.Sprint(m.Mentions); got != fmt.Sprint([]string{r.alice, "here", r.bob}) {
		t.Errorf("notified %s", got)
	}
	if got := fmt.Sprint(m.Links); got != "[{https://a.example.com a} {https://b.example.com b}]" {
		t.Errorf("links %s", got)
	}
	var labels []string
	for _, c := range m.Controls {
		labels = append(labels, c.Kind+":"+c.Label+":"+c.ActionID)
	}
	if got := strings.Join(labels, " "); got != "overflow::m button:Go:go button:Open:out static_select:Which:s" {
		t.Errorf("controls %s", got)
	}
}
