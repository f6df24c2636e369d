package bot

import (
	"context"
	"encoding/json"
	"io"
	"time"
)

// UnitOfWork runs functions in transactions. Safe for concurrent use; the Tx is
// not, and is dead after the function returned.
//
// Inside a transaction nothing may go over the network or start a process: the
// context is marked (InTransaction) and bot/rest and bot/sandbox refuse.
type UnitOfWork interface {
	// Write commits if fn returns nil. It may run fn again after a serialisation
	// failure: fn must not keep state outside. CodeStorageFull when there is no space.
	Write(ctx context.Context, fn func(ctx context.Context, tx *Tx) error) error
	// Read gives a consistent snapshot; writing in it fails.
	Read(ctx context.Context, fn func(ctx context.Context, tx *Tx) error) error
}

type txKey struct{}

// WithTransaction marks ctx as being inside a transaction; for stores.
func WithTransaction(ctx context.Context) context.Context {
	return context.WithValue(ctx, txKey{}, true)
}

// InTransaction reports whether ctx belongs to a running transaction.
func InTransaction(ctx context.Context) bool { return ctx.Value(txKey{}) != nil }

// Tx gives access to everything stored, within one transaction. Single look-ups
// answer CodeNotFound when there is no such row. Lists are never nil-safe
// promises: an empty list is nil.
type Tx struct {
	Users        Users
	Logins       Logins
	Sessions     Sessions
	Rooms        Rooms
	Bindings     Bindings
	Inbox        Inbox
	Messages     Messages
	Posts        Posts
	Threads      Threads
	Actions      Actions
	Plans        Plans
	Projects     Projects
	Resources    Resources
	Operations   Operations
	Steps        Steps
	Changes      Changes
	Builds       Builds
	Versions     Versions
	Deployments  Deployments
	Environments Environments
	Audit        Audit
	Documents    Documents
	Wakes        Wakes
	Causes       Causes
	Secrets      SealedSecrets
}

// InboxRow is a stored delivery or an event from an embedded source, waiting to
// be processed once.
type InboxRow struct {
	ID       string
	Instance string
	Key      string // the source's delivery or event id; unique per instance
	Delivery *Delivery
	Event    *Event
	Scope    Scope
	State    string // "new", "done", "ignored", "failed"
	Attempts int
	Error    string
	Received time.Time
	Cause    Cause
}

// Inbox keeps deliveries and events. Claims are leases.
type Inbox interface {
	// Add stores rows; one whose (Instance, Key) is known is left out. Returns how
	// many were new. Root of a row without cause is its own ID.
	Add(ctx context.Context, rows ...InboxRow) (added int, err error)
	// Claim leases up to limit rows that are new and free, oldest first, counting an
	// attempt for each.
	Claim(ctx context.Context, owner string, now time.Time, lease time.Duration, limit int) ([]InboxRow, error)
	// Done ends a row: state "done", "ignored" or "failed" (given up, kept);
	// CodeStale if it has ended already, so that its effects count once.
	Done(ctx context.Context, id, state, problem string) error
	// Postpone gives a row back, not before then.
	Postpone(ctx context.Context, id string, notBefore time.Time, problem string) error
	// Known tells which of the keys are stored for the instance.
	Known(ctx context.Context, instance string, keys []string) (map[string]bool, error)
}

// Messages keeps what people said until it was run.
type Messages interface {
	// Add stores m unless (instance, ID) is known; root is m.Root or the new row's.
	Add(ctx context.Context, m Message, now time.Time) (root string, added bool, err error)
	// Claim leases the oldest message not yet run of each thread that has none
	// leased: order within a thread is kept. A room's top level is a thread, too,
	// and a reply waits for the message that its thread hangs from.
	Claim(ctx context.Context, owner string, now time.Time, lease time.Duration, limit int) ([]Message, error)
	// Postpone gives a message back that owner has claimed, not before then; it keeps
	// its place. One that is not owner's any more is left alone.
	Postpone(ctx context.Context, room RoomRef, id, owner string, notBefore time.Time) error
	// Root gives the cause under which a message's consequences are filed; CodeNotFound
	// for one that was never stored.
	Root(ctx context.Context, instance, id string) (string, error)
	// Done marks the message as run and forgets what a form submitted; CodeStale if it
	// was run already.
	Done(ctx context.Context, room RoomRef, id string) error
}

// PostRow is a logical message: what it should show, and what the chat shows.
type PostRow struct {
	Room      RoomRef
	Key       string
	Seq       int64 // order within the room, given at first Put
	Content   *Post // fixed content; nil for a card
	CardKind  string
	CardID    string
	Wanted    int64 // grows with every Put or Touch
	Delivered int64 // the Wanted that the chat shows
	MessageID string
	Thread    string // chat's thread id that it was sent into
	Shown     string // hash of the content that the chat shows
	Attempts  int
	NotBefore time.Time
	Root      string
	// LeaseOwner is who claimed it; Delivered frees this lease only. "" frees any.
	LeaseOwner string
}

// Posts is the outbox: the wanted content of every message of the bot.
type Posts interface {
	// Put wants p shown (new, or an edit of the same key). Equal content is no
	// change, whatever its Cause and Root.
	Put(ctx context.Context, p Post) error
	// Touch wants a card rendered again; it is made if there is none with that key.
	Touch(ctx context.Context, room RoomRef, key, cardKind, cardID string, cause Cause) error
	// Claim leases undelivered posts (Wanted > Delivered), a room's in order: behind
	// one not yet sent that is leased or postponed the room yields nothing. An edit
	// of what is shown already holds nobody up.
	Claim(ctx context.Context, c PostClaim) ([]PostRow, error)
	// Delivered records what the chat shows now and frees the lease; Wanted may have
	// grown meanwhile, then the post is due again.
	Delivered(ctx context.Context, row PostRow) error
	// Get returns a post by key.
	Get(ctx context.Context, room RoomRef, key string) (PostRow, error)
}

// PostClaim asks for posts to send.
type PostClaim struct {
	Owner string // of the lease
	Now   time.Time
	Lease time.Duration
	Limit int // of posts, at least 1
	// Mark is stored as Shown in each claimed post, "" stores nothing; the rows
	// returned say what was there before.
	Mark string
}

// Threads finds the bot's own posts by where the chat shows them.
type Threads interface {
	// Post returns our post that the chat shows as the message; CodeNotFound.
	Post(ctx context.Context, room RoomRef, messageID string) (PostRow, error)
	// Posts returns our posts that were sent into the thread, and the one whose
	// message starts it (MessageID == thread), by Seq.
	Posts(ctx context.Context, room RoomRef, thread string) ([]PostRow, error)
}

// Actions keeps the stored actions behind buttons.
type Actions interface {
	Put(ctx context.Context, a Action) error
	Get(ctx context.Context, id string) (Action, error)
	// Use marks it used; CodeConflict if it was and is Once.
	Use(ctx context.Context, id string, now time.Time) error
}

// Plans keeps what waits for confirmation or approval.
type Plans interface {
	Put(ctx context.Context, p *Plan) error // insert or update
	Get(ctx context.Context, id string) (*Plan, error)
	// InThread returns the newest open plan answering in that thread.
	InThread(ctx context.Context, room RoomRef, thread string) (*Plan, error)
	// Open returns the open plans of a user ("" = of all), newest first.
	Open(ctx context.Context, userID string) ([]*Plan, error)
}

// Projects keeps the projects.
type Projects interface {
	// Put inserts or updates; CodeConflict if another project has the slug.
	Put(ctx context.Context, p Project) error
	ByID(ctx context.Context, id string) (Project, error)
	BySlug(ctx context.Context, slug string) (Project, error)
	List(ctx context.Context) ([]Project, error) // by slug, without purged ones
	// Purge removes the project's row and its secrets, and frees its slug.
	Purge(ctx context.Context, id string) error
}

// Resources keeps the remote objects of projects.
type Resources interface {
	Put(ctx context.Context, r Resource) error // insert or update by ID
	ByID(ctx context.Context, id string) (Resource, error)
	// ByExternal finds an active resource by what the source calls it.
	ByExternal(ctx context.Context, instance string, kind ResourceKind, externalID string) (Resource, error)
	// Of returns the active resources of a project.
	Of(ctx context.Context, projectID string) ([]Resource, error)
	// MadeBy returns the active resources that an operation made.
	MadeBy(ctx context.Context, operationID string) ([]Resource, error)
}

// OperationFilter selects operations; zero fields do not restrict.
type OperationFilter struct {
	ProjectID   string
	Environment string
	Kind        string
	Without     []string // kinds that are left out
	Open        bool     // only those not final
	Limit       int      // 0 = 50
}

// Operations keeps operations and their leases.
type Operations interface {
	Insert(ctx context.Context, op *Operation) error
	// Get finds by id, by a unique beginning of at least 6 characters, or by the last
	// 12, which is what people are shown.
	Get(ctx context.Context, id string) (*Operation, error)
	// Save writes state, error, project, cause, wake and finish times if the stored epoch
	// is op.Epoch, else CodeStale. A zero LeaseOwner frees the lease.
	Save(ctx context.Context, op *Operation) error
	// Claim leases up to limit operations that are due and whose lease is free,
	// ended, or held by an owner with deadPrefix other than owner; the epoch grows by
	// one. Due are those running or undoing whose WakeAt, if any, has come, and those
	// waiting whose WakeAt has come; a zero WakeAt is no time, not a past one.
	Claim(ctx context.Context, owner, deadPrefix string, now time.Time, lease time.Duration, limit int) ([]*Operation, error)
	// Find lists, newest first.
	Find(ctx context.Context, f OperationFilter) ([]*Operation, error)
}

// Steps is the journal of the operations' steps.
type Steps interface {
	Insert(ctx context.Context, rows []StepRow) error
	// Save writes one row if the operation's stored epoch is epoch, else CodeStale.
	Save(ctx context.Context, epoch int64, row StepRow) error
	Of(ctx context.Context, operationID string) ([]StepRow, error) // by Position
}

// Changes keeps the changes.
type Changes interface {
	// Ensure returns the change of (project, branch, commit), making it if new.
	Ensure(ctx context.Context, c Change) (Change, error)
	ByID(ctx context.Context, id string) (Change, error)
	ByCommit(ctx context.Context, projectID, commit string) ([]Change, error) // newest first
	Recent(ctx context.Context, projectID string, limit int) ([]Change, error)
	Update(ctx context.Context, c Change) error // title, author
}

// Builds keeps the newest report of every build.
type Builds interface {
	// Put inserts or updates by (Instance, Ref); an older Sequence changes nothing.
	// Returns the stored build.
	Put(ctx context.Context, b Build) (Build, error)
	ByID(ctx context.Context, id string) (Build, error)
	ByCommit(ctx context.Context, projectID, commit string) ([]Build, error) // by number
	// Recent returns builds newest first; branch "" = all.
	Recent(ctx context.Context, projectID, branch string, limit int) ([]Build, error)
	ByRef(ctx context.Context, instance string, ref BuildRef) (Build, error)
}

// Versions keeps versions; they never change.
type Versions interface {
	Insert(ctx context.Context, v Version) error // CodeConflict if the build has one
	ByID(ctx context.Context, id string) (Version, error)
	ByBuild(ctx context.Context, buildID string) (Version, error)
	// ByLabel finds by label, commit prefix (>= 7) or id.
	ByLabel(ctx context.Context, projectID, label string) (Version, error)
	Recent(ctx context.Context, projectID string, limit int) ([]Version, error)
}

// DeploymentFilter selects deployments; zero fields do not restrict.
type DeploymentFilter struct {
	ProjectID   string
	Environment string
	Commit      string // of the deployed version
	State       DeploymentState
	Open        bool
	Limit       int // 0 = 50
}

// Deployments keeps a row per attempt.
type Deployments interface {
	Put(ctx context.Context, d Deployment) error // insert or update by ID
	ByID(ctx context.Context, id string) (Deployment, error)
	Find(ctx context.Context, f DeploymentFilter) ([]Deployment, error) // newest first
}

// Environments keeps what should run where, and what does.
type Environments interface {
	// Get returns the row; a zero one (with the names set) when there is none.
	Get(ctx context.Context, projectID, environment string) (EnvironmentState, error)
	Put(ctx context.Context, s EnvironmentState) error
	Of(ctx context.Context, projectID string) ([]EnvironmentState, error) // "" = of all
}

// AuditRow is one decision and what came of it. Rows are only ever appended.
type AuditRow struct {
	ID          string
	At          time.Time
	UserID      string
	UserName    string
	Account     Account
	AsOwner     bool // over the owner's socket, possibly as somebody else
	Verb        string
	Args        string // as typed, secrets hashed
	ProjectID   string
	Environment string
	Decision    string // allowed, refused, invalid
	Policies    []string
	PlanHash    string
	Outcome     string // done, started OP, failed: ..., planned, cancelled
	Cause       Cause
}

// AuditFilter selects audit rows; zero fields do not restrict.
type AuditFilter struct {
	ProjectID string
	UserID    string
	Root      string
	Limit     int // 0 = 50
}

// Audit keeps the audit rows.
type Audit interface {
	Append(ctx context.Context, r AuditRow) error
	Find(ctx context.Context, f AuditFilter) ([]AuditRow, error) // newest first
}

// Document is durable state of an integration: JSON that only its owner reads.
type Document struct {
	Instance string
	Kind     string
	Key      string
	Rev      int64 // 1 after the first Put
	Body     json.RawMessage
}

// Documents keeps the integrations' own state.
type Documents interface {
	Get(ctx context.Context, instance, kind, key string) (Document, error)
	// Put writes if the stored Rev is d.Rev (0 = must not exist), else CodeStale;
	// returns the new Rev.
	Put(ctx context.Context, d Document) (rev int64, err error)
	Delete(ctx context.Context, instance, kind, key string) error // absent is success
	// List returns documents whose key starts with prefix, by key, after the given
	// key, at most limit (0 = all).
	List(ctx context.Context, instance, kind, prefix, after string, limit int) ([]Document, error)
}

// Queue names what is woken.
type Queue string

// The queues.
const (
	QueueMessages   Queue = "messages"
	QueueInbox      Queue = "inbox"
	QueueOperations Queue = "operations"
	QueuePosts      Queue = "posts"
	QueueRooms      Queue = "rooms" // console pages look for new entries
	QueueBuilds     Queue = "builds"
)

// Wakes tells workers that there is work. It is a hint: losing one costs a poll
// interval, never work. Rows that are added, freed or postponed wake their own
// queue (messages, inbox, operations, posts, rooms); Wake is for the rest.
type Wakes interface {
	// Wake wakes the queue's workers once the transaction has committed, on every
	// replica; at in the future makes it a timer.
	Wake(ctx context.Context, q Queue, at time.Time) error
}

// Waker hands out the wake-ups. Safe for concurrent use.
type Waker interface {
	// Listen returns a channel that receives (merged, never blocking the sender)
	// when q is woken, and a function that ends it.
	Listen(q Queue) (<-chan struct{}, func())
}

// Causes knows what is still open under a root.
type Causes interface {
	// Open counts the rows under root that are not finished: messages, inbox rows,
	// operations (a waiting or failed one that needs a person is not open), builds,
	// deployments (one only planned is not), posts wanted but not yet shown.
	Open(ctx context.Context, root string) (int, error)
	// Failed counts failed operations (also waiting ones with a step that a person
	// must decide on), builds that ended other than SUCCESS, deployments that failed,
	// were rolled back or are unknown, and commands refused, invalid or failed.
	Failed(ctx context.Context, root string) (int, error)
}

// Blobs keeps content by its SHA-256. Safe for concurrent use.
type Blobs interface {
	// Put stores what r gives and returns "sha256:<hex>" and the size. The blob is on
	// disk when it returns. CodeStorageFull when there is no space.
	Put(ctx context.Context, r io.Reader) (digest string, size int64, err error)
	// Open returns the content; CodeNotFound. Reading to the end gives an error
	// instead of io.EOF if the content is damaged.
	Open(ctx context.Context, digest string) (io.ReadSeekCloser, error)
}
