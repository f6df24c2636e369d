package bot

import (
	"encoding/json"
	"time"
)

// RoomRef names a room (channel) of a chat. The triple is its identity.
type RoomRef struct {
	Instance  string `json:"instance"`
	Workspace string `json:"workspace,omitempty"`
	ID        string `json:"id"`
}

// String gives "instance:id", or "instance:workspace/id".
func (r RoomRef) String() string { return Account{r.Instance, r.Workspace, r.ID, ""}.String() }

// Message is one thing a person said or clicked in a chat, as the adapter saw it.
// The adapter states facts only; whether it is for the bot is the router's decision.
type Message struct {
	// ID is the chat's id of the message, unique in the instance: a message that
	// the chat delivers twice has the same one. Clicks and forms have one too.
	ID     string    `json:"id"`
	Room   RoomRef   `json:"room"`
	Thread string    `json:"thread,omitempty"` // id of the thread's root message; "" outside threads
	Author Account   `json:"author"`
	Text   string    `json:"text,omitempty"` // decoded: no entities, mentions of the bot as "@opsbot"
	SentAt time.Time `json:"sent_at"`
	// Direct is true in a conversation with the bot alone; Addressed when the chat
	// itself says so (mention, slash command); prefix and threads are the router's.
	Direct    bool `json:"direct,omitempty"`
	Addressed bool `json:"addressed,omitempty"`
	// Owner is true for a message from the owner's Unix socket (`say`).
	Owner bool `json:"owner,omitempty"`
	// Action is the id of the stored action whose button was pressed, "" for text.
	Action string `json:"action,omitempty"`
	// Form holds submitted values by field name when the message is a form.
	Form map[string]string `json:"form,omitempty"`
	// Reaction is the name of an emoji ("+1", without skin tone) that the author put on
	// the message On; Text is empty then.
	Reaction string `json:"reaction,omitempty"`
	On       string `json:"on,omitempty"`
	// Loose is true when the chat shows nothing that could be answered under (a slash
	// command, a button on a page): the answer then stands by itself.
	Loose bool `json:"loose,omitempty"`
	// Missed is true for what the chat kept while nobody listened, and too long: it is
	// answered, but not run.
	Missed bool `json:"missed,omitempty"`
	// Redacted is true when Text is only what of it may be kept; see Discreet.
	Redacted bool `json:"redacted,omitempty"`
	// Root is set by callers that continue an earlier cause; "" starts a new one.
	Root string `json:"root,omitempty"`
}

// Under is the thread in which the message is answered: its own, the one that it
// starts, or "" for none.
func (m Message) Under() string {
	if m.Thread != "" || m.Loose {
		return m.Thread
	}
	return m.ID
}

// Tone colours a post: how things stand, never decoration.
type Tone string

// The tones.
const (
	ToneNeutral Tone = ""
	ToneBusy    Tone = "busy"    // something runs
	ToneGood    Tone = "good"    // ended well
	ToneBad     Tone = "bad"     // failed
	ToneWarn    Tone = "warn"    // ended with a blemish, or needs attention
	ToneWaiting Tone = "waiting" // waits for a person
)

// Post is one logical message of the bot, neutral of any chat: the renderer of
// each chat turns it into blocks, attachments or HTML, and escapes every text.
// Texts may use the safe markup subset (Text): **bold**, `code`, [label](url),
// and line breaks; Plain marks foreign text that must be shown as it is.
type Post struct {
	// Key identifies the logical message within its room, for ever: putting a post
	// with the same key edits it. Made of [A-Za-z0-9:._-], at most 200 characters.
	Key  string  `json:"key"`
	Room RoomRef `json:"room"`
	// Thread is the chat's thread to answer in; Under is instead the Key of one of
	// our own posts in that room whose thread it belongs to. Both empty: top level.
	Thread string `json:"thread,omitempty"`
	Under  string `json:"under,omitempty"`
	// To makes the post visible to one account only where the chat can.
	To *Account `json:"to,omitempty"`
	// Mention is the account that a new post addresses ("@alice ..."); zero for none.
	Mention Account `json:"mention,omitzero"`

	Title   Text     `json:"title,omitempty"`
	Text    []Text   `json:"text,omitempty"` // paragraphs or lines, in order
	Tone    Tone     `json:"tone,omitempty"`
	Steps   []Tick   `json:"steps,omitempty"`
	Fields  []Field  `json:"fields,omitempty"`
	Table   *Table   `json:"table,omitempty"`
	Code    string   `json:"code,omitempty"` // a block of fixed-width foreign text
	Buttons []Button `json:"buttons,omitempty"`
	File    *File    `json:"file,omitempty"`

	// Again is true when an earlier call may have sent the post already; for Chat.Send.
	Again bool `json:"-"`

	// Cause and Root tie the post to what made it; see Cause.
	Cause string `json:"cause,omitempty"`
	Root  string `json:"root,omitempty"`
}

// Text is text in the safe markup subset. Build it from foreign data with Escape.
type Text string

// Tick is one line of progress: a box that is ticked when done.
type Tick struct {
	Title  Text   `json:"title"`
	State  string `json:"state"` // StepState values
	Detail Text   `json:"detail,omitempty"`
	URL    string `json:"url,omitempty"`
}

// Field is a name with a value, and optionally a link and its own tone.
type Field struct {
	Name  string `json:"name"`
	Value Text   `json:"value"`
	URL   string `json:"url,omitempty"`
	Tone  Tone   `json:"tone,omitempty"`
}

// Table is a small table; every row has len(Head) cells.
type Table struct {
	Head []string `json:"head"`
	Rows [][]Text `json:"rows"`
}

// Button is a stored action's button or, with URL set, a link.
type Button struct {
	Label  string `json:"label"`
	Action string `json:"action,omitempty"` // Action.ID
	URL    string `json:"url,omitempty"`
	Style  string `json:"style,omitempty"` // "", "primary" or "danger"
}

// File is attached to a post: a log, a report. Blob is a digest in Blobs.
type File struct {
	Name  string `json:"name"`
	Type  string `json:"type"` // MIME type
	Blob  string `json:"blob"`
	Bytes int64  `json:"bytes"`
}

// Action is a stored command behind a button: the button carries only ID.
type Action struct {
	ID        string          `json:"id"` // NewToken
	Verb      string          `json:"verb"`
	Args      json.RawMessage `json:"args,omitempty"` // Args of the command
	PlanID    string          `json:"plan_id,omitempty"`
	UserID    string          `json:"user_id,omitempty"` // "" = whoever the policy lets
	Room      RoomRef         `json:"room"`              // of its message: pressed from another one it is refused
	ExpiresAt time.Time       `json:"expires_at"`
	UsedAt    time.Time       `json:"used_at,omitzero"`
	// Form makes a press open the command's form; see Desk.
	Form bool `json:"form,omitempty"`
	// Secret names the fields of the form whose submitted values are sealed before they
	// are stored.
	Secret []string `json:"secret,omitempty"`
	// Once makes a second press answer "already done" instead of running again.
	Once bool `json:"once,omitempty"`
}

// Cause ties rows together: what made it, and the first cause of the chain.
type Cause struct {
	Cause string `json:"cause,omitempty"`
	Root  string `json:"root,omitempty"`
}
