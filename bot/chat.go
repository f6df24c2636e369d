package bot

import "context"

// Chat is a chat service. Implementations are safe for concurrent use.
type Chat interface {
	// Send posts p, whose Thread is already the chat's own thread id, and returns the
	// message's id. It is called again with the same p.Key when it is not known
	// whether an earlier call arrived, after a restart with p.Again set: it must then
	// find that message, not post twice.
	Send(ctx context.Context, p Post) (messageID string, err error)
	// Edit replaces the content of messageID. A message that is gone is an Error
	// with CodeNotFound; the caller posts anew then.
	Edit(ctx context.Context, messageID string, p Post) error
	// Limits tells how fast and how much may be sent to one room.
	Limits() ChatLimits
}

// ChatLimits are a chat's own bounds per room.
type ChatLimits struct {
	PerSecond float64 // sends and edits a second; 0 = unbounded
	Burst     int
}

// Threader is a Chat whose rooms have threads.
type Threader interface {
	// ThreadOf returns the thread id to reply to messageID in.
	ThreadOf(messageID string) string
}

// Ephemeral is a Chat that can show a post to one account only.
type Ephemeral interface {
	SendEphemeral(ctx context.Context, p Post) error
}

// Uploader is a Chat that takes files. Post.File is then passed to Send; other
// chats get a link.
type Uploader interface {
	Uploads() bool
}

// Directory is a Chat that knows its people. Answers may come from a cache that the
// chat's own events keep true.
type Directory interface {
	// Facts looks an account up by its stable id; CodeNotFound if there is none.
	Facts(ctx context.Context, a Account) (Facts, error)
	// ByEmail finds the active account with an address that the chat has verified;
	// CodeNotFound if there is none.
	ByEmail(ctx context.Context, email string) (Account, error)
}

// Facts are what a chat says of an account at this moment. It states them, it decides
// nothing.
type Facts struct {
	Name     string // login-like: "alice"
	Email    string // "" when there is none or the chat has not verified it
	Guest    bool   // of the chat's own restricted kind
	External bool   // belongs to another organisation
	Machine  bool   // a bot or an app
	Disabled bool   // deactivated: has no rights
	// Groups are the chat's groups, roles and channels that the account is in, by
	// stable ids in the form in which the configuration's groups name them after the
	// instance: "group/S0614TZR7", "role/system_admin", "channel/abc".
	Groups []string
}

// RoomKeeper is a Chat whose rooms can be found, entered and left.
type RoomKeeper interface {
	// FindRoom finds a room by name, with or without "#", or id; CodeNotFound with a
	// sentence that says what to do.
	FindRoom(ctx context.Context, name string) (Room, error)
	// JoinRoom enters a room; being in it is success. CodeForbidden where only a
	// person can let the bot in, with how.
	JoinRoom(ctx context.Context, ref RoomRef) error
	// LeaveRoom leaves a room; not being in it is success.
	LeaveRoom(ctx context.Context, ref RoomRef) error
}

// Outlet sends posts. Safe for concurrent use.
type Outlet interface {
	// Take claims posts that are due, in the transaction that wants them shown: one
	// commit less before an answer is on its way. The func, never nil, sends them; it
	// is to be called after the commit, with a context that is in no transaction any
	// more, and not at all when there was none.
	Take(ctx context.Context, tx *Tx) (send func(ctx context.Context), err error)
}

// Inbound is where a chat adapter delivers what people said. Safe for concurrent
// use. When Receive returns nil the message is on disk and will be run once; a
// message whose (instance, ID) is known is accepted and ignored. The returned root
// is the cause under which everything that follows from it is filed. What with does
// is stored together with a message that is new, or neither is; a transaction that
// is tried again calls it again.
type Inbound interface {
	Receive(ctx context.Context, m Message, with ...func(ctx context.Context, tx *Tx) error) (root string, err error)
	// Wants reports whether m is for the bot, so that a chat need not store what people
	// say to each other. After an error m is to be received: better twice asked than
	// never.
	Wants(ctx context.Context, m Message) (bool, error)
}

// Redactor is an Inbound that can say what of a message may be kept, for a chat that
// keeps messages itself. Receive does it by itself.
type Redactor interface {
	// Redact gives m as Receive stores it.
	Redact(ctx context.Context, m Message) (Message, error)
}
