package mattermost

import (
	"encoding/json"
	"slices"
)

// Attachment is one card of a post as a person sees it.
type Attachment struct {
	Fallback, Color, Pretext, AuthorName, Title, TitleLink, Text, Footer, ImageURL string
	Fields                                                                         []Field
	Actions                                                                        []Action
}

// Field is a title with a value, as text.
type Field struct {
	Title, Value string
	Short        bool
}

// Action is a button or a select.
type Action struct {
	ID, Type, Name, Style, DataSource string
	Disabled                          bool
	Options                           []Choice
}

// Choice is an option of a select.
type Choice struct{ Text, Value string }

// attachment is the model's, with the fields in the recorded order.
type attachment struct {
	ID         int64              `json:"id"`
	Fallback   string             `json:"fallback"`
	Color      string             `json:"color"`
	Pretext    string             `json:"pretext"`
	AuthorName string             `json:"author_name"`
	AuthorLink string             `json:"author_link"`
	AuthorIcon string             `json:"author_icon"`
	Title      string             `json:"title"`
	TitleLink  string             `json:"title_link"`
	Text       string             `json:"text"`
	Fields     []*attachmentField `json:"fields"`
	ImageURL   string             `json:"image_url"`
	ThumbURL   string             `json:"thumb_url"`
	Footer     string             `json:"footer"`
	FooterIcon string             `json:"footer_icon"`
	Timestamp  any                `json:"ts"`
	Actions    []*action          `json:"actions,omitempty"`
}

type attachmentField struct {
	Title string `json:"title"`
	Value any    `json:"value"`
	Short bool   `json:"short"`
}

type action struct {
	ID            string       `json:"id,omitempty"`
	Type          string       `json:"type,omitempty"`
	Name          string       `json:"name,omitempty"`
	Tooltip       string       `json:"tooltip,omitempty"`
	Disabled      bool         `json:"disabled,omitempty"`
	Style         string       `json:"style,omitempty"`
	DataSource    string       `json:"data_source,omitempty"`
	Options       []*option    `json:"options,omitempty"`
	DefaultOption string       `json:"default_option,omitempty"`
	Integration   *integration `json:"integration,omitempty"`
	Cookie        string       `json:"cookie,omitempty"`
}

type option struct {
	Text  string `json:"text"`
	Value string `json:"value"`
}

type integration struct {
	URL     string         `json:"url,omitempty"`
	Context map[string]any `json:"context,omitempty"`
}

// parseProps takes props of a body. What isn't a list of attachments becomes null,
// an attachment that doesn't decode is dropped, a missing action id is made up; all
// silently, as the server does. What a strict server doesn't know goes to oddly.
func parseProps(in map[string]any, oddly func(string, ...any)) map[string]any {
	out := map[string]any{}
	for key, value := range in {
		if key != "attachments" {
			out[key] = value
			continue
		}
		var list []*attachment
		items, isList := value.([]any)
		if !isList {
			oddly("props.attachments is no list and is dropped")
		}
		for _, item := range items {
			reportUnknown(item, oddly)
			data, _ := json.Marshal(item)
			var a attachment
			if err := json.Unmarshal(data, &a); err != nil {
				oddly("an attachment is dropped: %v", err)
				continue
			}
			for _, act := range a.Actions {
				if act.ID == "" {
					act.ID = newID()
				}
			}
			list = append(list, &a)
		}
		out[key] = list
	}
	return out
}

func reportUnknown(item any, oddly func(string, ...any)) {
	known := []string{
		"id", "fallback", "color", "pretext", "author_name", "author_link", "author_icon", "title", "title_link", "text",
		"fields", "image_url", "thumb_url", "footer", "footer_icon", "ts", "actions",
	}
	knownAction := []string{
		"id", "type", "name", "tooltip", "disabled", "style", "data_source", "options", "default_option", "integration", "cookie",
	}
	object, _ := item.(map[string]any)
	for key := range object {
		if !slices.Contains(known, key) {
			oddly("unknown field %q of an attachment", key)
		}
	}
	actions, _ := object["actions"].([]any)
	for _, act := range actions {
		fields, _ := act.(map[string]any)
		for key := range fields {
			if !slices.Contains(knownAction, key) {
				oddly("unknown field %q of an action", key)
			}
		}
	}
}

// stripped copies attachments without the actions' integrations.
func stripped(list []*attachment) []*attachment {
	if list == nil {
		return nil
	}
	out := make([]*attachment, 0, len(list))
	for _, a := range list {
		clone := *a
		clone.Actions = nil
		for _, act := range a.Actions {
			bare := *act
			bare.Integration = nil
			clone.Actions = append(clone.Actions, &bare)
		}
		out = append(out, &clone)
	}
	return out
}

func sameAttachments(a, b []*attachment) bool { return mustJSON(a) == mustJSON(b) }

func (a *attachment) view() Attachment {
	out := Attachment{
		Fallback: a.Fallback, Color: a.Color, Pretext: a.Pretext, AuthorName: a.AuthorName, Title: a.Title,
		TitleLink: a.TitleLink, Text: a.Text, Footer: a.Footer, ImageURL: a.ImageURL,
	}
	for _, f := range a.Fields {
		text, isText := f.Value.(string)
		if !isText {
			text = mustJSON(f.Value)
		}
		out.Fields = append(out.Fields, Field{Title: f.Title, Value: text, Short: f.Short})
	}
	for _, act := range a.Actions {
		seen := Action{ID: act.ID, Type: act.Type, Name: act.Name, Style: act.Style, DataSource: act.DataSource, Disabled: act.Disabled}
		for _, o := range act.Options {
			seen.Options = append(seen.Options, Choice{Text: o.Text, Value: o.Value})
		}
		out.Actions = append(out.Actions, seen)
	}
	return out
}
