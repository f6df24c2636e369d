package sonarqube

import (
	"errors"
	"strconv"
	"strings"

	"opsbot/bot"
	"opsbot/bot/rest"
)

// mostNamed is how many conditions that fail are named.
const mostNamed = 3

// condition is one of a quality gate's.
type condition struct {
	metric, operator, value, threshold, status string
}

func (f *fields) conditions(gate rest.Object) (out []condition) {
	var list []rest.Object
	f.read(gate, "conditions", &list)
	if len(list) > maxConditions && f.err == nil {
		f.err = errors.New("it has too many conditions")
	}
	for _, o := range list[:min(len(list), maxConditions)] {
		out = append(out, condition{
			metric: f.text(o, "metric", 100), operator: f.text(o, "operator", 40), value: f.text(o, "value", 100),
			threshold: f.text(o, "errorThreshold", 100), status: f.text(o, "status", 40),
		})
	}
	return out
}

// verdict says in one line how the gate stands: "OK", "ERROR: coverage 61 % < 80 %".
func (r report) verdict() (string, bot.Tone) {
	switch {
	case r.gate == "" && r.task == "CANCELLED":
		return "not computed: the analysis was cancelled", bot.ToneWarn
	case r.gate == "" && r.task != "SUCCESS":
		return "not computed: the analysis failed", bot.ToneBad
	case r.gate == "":
		return "not computed", bot.ToneNeutral
	}
	text := bot.OneLine(r.gate)
	if r.pullRequest != "" {
		text += " for pull request " + bot.OneLine(bot.Shorten(r.pullRequest, 60))
	}
	switch r.gate {
	case "OK":
		return text, bot.ToneGood
	case "WARN":
		return text + r.failing(), bot.ToneWarn
	case "ERROR":
		return text + r.failing(), bot.ToneBad
	}
	return text, bot.ToneNeutral
}

// failing names the conditions that fail, not more than a line holds.
func (r report) failing() string {
	var named []string
	left := 0
	for _, c := range r.conditions {
		switch {
		case c.status == "OK" || c.status == "NO_VALUE":
		case len(named) == mostNamed:
			left++
		default:
			named = append(named, c.String())
		}
	}
	if len(named) == 0 {
		return ""
	}
	text := ": " + strings.Join(named, ", ")
	if left > 0 {
		text += " and " + strconv.Itoa(left) + " more"
	}
	return text
}

// String is "coverage on new code 61 % < 80 %".
func (c condition) String() string {
	name, recent := strings.CutPrefix(c.metric, "new_")
	words := strings.ReplaceAll(name, "_", " ")
	if recent {
		words += " on new code"
	}
	sign := map[string]string{"LESS_THAN": "<", "LT": "<", "GREATER_THAN": ">", "GT": ">", "EQUALS": "=", "NOT_EQUALS": "≠"}[c.operator]
	if sign == "" || c.value == "" {
		return bot.OneLine(words)
	}
	return bot.OneLine(words + " " + quantity(name, c.value) + " " + sign + " " + quantity(name, c.threshold))
}

// quantity writes a metric's value as people read it: ratings as letters, shares with
// their sign, and no more decimals than one.
func quantity(metric, text string) string {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return text
	}
	if strings.HasSuffix(metric, "_rating") && v >= 1 && v <= 5 {
		return string("ABCDE"[int(v)-1])
	}
	out := strconv.FormatFloat(v, 'f', 1, 64)
	out = strings.TrimSuffix(out, ".0")
	if share(metric) {
		out += " %"
	}
	return out
}

func share(metric string) bool {
	for _, part := range []string{"coverage", "density", "ratio", "hotspots_reviewed"} {
		if strings.HasSuffix(metric, part) {
			return true
		}
	}
	return false
}
