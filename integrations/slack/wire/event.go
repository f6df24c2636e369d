// Package wire reads what Slack sends: events, commands and interactions, the same
// over both doors, and the entities in their texts. It knows Slack's shapes and
// nothing else; every field may be missing or of another kind than documented.
package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Outer is the frame of an event.
type Outer struct {
	Type      string `json:"type"` // event_callback, url_verification, app_rate_limited
	TeamID    string `json:"team_id"`
	EventID   string `json:"event_id"`
	Challenge string `json:"challenge"`
	Minute    int64  `json:"minute_rate_limited"`
	Event     Event  `json:"event"`
}

// Event is what happened. Which fields are there depends on the type.
type Event struct {
	Type        string          `json:"type"`
	Subtype     string          `json:"subtype"`
	Channel     Ref             `json:"channel"`
	ChannelType string          `json:"channel_type"`
	User        Ref             `json:"user"`
	BotID       string          `json:"bot_id"`
	AppID       string          `json:"app_id"`
	Text        string          `json:"text"`
	TS          string          `json:"ts"`
	ThreadTS    string          `json:"thread_ts"`
	EventTS     string          `json:"event_ts"`
	DeletedTS   string          `json:"deleted_ts"`
	Team        string          `json:"team"`
	UserTeam    string          `json:"user_team"`
	Edited      json.RawMessage `json:"edited"`
	Hidden      bool            `json:"hidden"`
	Tab         string          `json:"tab"`
	Reaction    string          `json:"reaction"`
	Item        Item            `json:"item"`
	OldChannel  string          `json:"old_channel_id"`
	NewChannel  string          `json:"new_channel_id"`
	Tokens      struct {
		Bot []string `json:"bot"`
	} `json:"tokens"`
}

// Item is what a reaction is put on.
type Item struct {
	Type    string `json:"type"`
	Channel string `json:"channel"`
	TS      string `json:"ts"`
}

// Ref names a channel or a user: Slack sends an id, or an object that has one.
type Ref struct {
	ID   string
	Name string
	// Whole is the object, nil when only the id came.
	Whole json.RawMessage
}

// UnmarshalJSON implements json.Unmarshaler.
func (r *Ref) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, &r.ID)
	}
	if len(b) == 0 || b[0] != '{' {
		return nil // neither: nothing that is known
	}
	var o struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	}
	err := decode(b, &o)
	r.ID, r.Name, r.Whole = o.ID, o.Name, append(json.RawMessage(nil), b...)
	return err
}

// decode reads JSON; a field of another kind than documented is left out, with the
// rest as it is.
func decode(body []byte, into any) error {
	var kind *json.UnmarshalTypeError
	if err := json.Unmarshal(body, into); err != nil && !errors.As(err, &kind) {
		return err
	}
	return nil
}

// DecodeEvent reads the body of an event.
func DecodeEvent(body []byte) (Outer, error) {
	var o Outer
	if err := decode(body, &o); err != nil {
		return o, fmt.Errorf("decode a slack event: %w", err)
	}
	return o, nil
}

// Spoken reports whether a message event is something that a person says now: no
// edit, no removal, nothing of a bot or of Slack itself.
func (e Event) Spoken() bool {
	switch e.Subtype {
	case "", "file_share", "thread_broadcast", "me_message":
	default:
		return false
	}
	return e.User.ID != "" && e.User.ID != "USLACKBOT" && e.BotID == "" && !e.edited() && !e.Hidden && IsStamp(e.TS)
}

func (e Event) edited() bool { return len(e.Edited) > 0 && string(e.Edited) != "null" }

// MessageID is what a message is called everywhere: channel and timestamp.
func MessageID(channel, ts string) string { return channel + ":" + ts }

// SplitID takes a message id apart; ok is false for anything else.
func SplitID(id string) (channel, ts string, ok bool) {
	channel, ts, ok = strings.Cut(id, ":")
	return channel, ts, ok && IsChannel(channel) && IsStamp(ts)
}

// IsStamp reports whether s is a message's timestamp: "1700000000.000100".
func IsStamp(s string) bool {
	whole, micros, ok := strings.Cut(s, ".")
	return ok && len(whole) >= 9 && len(whole) <= 11 && len(micros) == 6 && digits(whole) && digits(micros)
}

func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// IsChannel reports whether s has the form of a conversation's id.
func IsChannel(s string) bool { return isID(s, "CDG") }

// IsUser reports whether s has the form of a user's id.
func IsUser(s string) bool { return isID(s, "UW") }

func isID(s, kinds string) bool {
	if len(s) < 2 || len(s) > 32 || !strings.ContainsRune(kinds, rune(s[0])) {
		return false
	}
	return strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == ""
}

// Time is when a timestamp was given; the zero time for what is none.
func Time(ts string) time.Time {
	if !IsStamp(ts) {
		return time.Time{}
	}
	whole, micros, _ := strings.Cut(ts, ".")
	sec, _ := strconv.ParseInt(whole, 10, 64)
	us, _ := strconv.ParseInt(micros, 10, 64)
	return time.Unix(sec, us*1000).UTC()
}

// Emoji is a reaction's name without skin tones.
func Emoji(reaction string) string {
	name, _, _ := strings.Cut(reaction, "::")
	return name
}
