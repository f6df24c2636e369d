package block

import (
	"encoding/json"
	"strings"
	"testing"

	"opsbot/bot"
)

// TestSecretFields: Slack can't hide them, and is told nothing of what was there before.
func TestSecretFields(t *testing.T) {
	t.Parallel()
	view, err := Form(bot.Form{ID: "f", Title: "t", Fields: []bot.FormField{
		{Name: "value", Label: "Value", Kind: bot.FieldSecret, Required: true, Value: "from before", Hint: "of the database."},
		{Name: "file", Label: "File", Kind: bot.FieldSecret, Lines: true, Max: 99},
	}}, "state")
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(view.Blocks)
	if err != nil {
		t.Fatal(err)
	}
	var blocks []struct {
		Hint    struct{ Text string }
		Element struct {
			Type         string
			Multiline    bool
			InitialValue *string `json:"initial_value"`
			MaxLength    int     `json:"max_length"`
		}
	}
	if err := json.Unmarshal(body, &blocks); err != nil || len(blocks) != 2 {
		t.Fatalf("%s: %v", body, err)
	}
	one, file := blocks[0], blocks[1]
	if one.Element.Type != "plain_text_input" || one.Element.Multiline || one.Element.InitialValue != nil || one.Element.MaxLength != 3000 {
		t.Errorf("one line: %s", body)
	}
	if !strings.HasPrefix(one.Hint.Text, "of the database. Slack shows this while you type it") {
		t.Errorf("the hint is %q", one.Hint.Text)
	}
	if !file.Element.Multiline || file.Element.MaxLength != 99 || !strings.HasPrefix(file.Hint.Text, "Slack shows this") {
		t.Errorf("several lines: %s", body)
	}
}
