package slack

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// The bounds of a message. maxBlockText is measured, not documented: users found
// msg_blocks_too_long at 13,297 characters in one markdown block and at 13,172 in
// two blocks, so a block seems to cost about 125 characters beside its text.
const (
	maxText        = 40000
	maxMetadata    = 16000
	maxAttachments = 100
	maxMarkdown    = 12000
	maxBlockText   = 13422
	blockCost      = 125
)

// content is what a message is to show.
type content struct {
	text, username      string
	blocks, attachments []any
	metadata            map[string]any
	files               []*file
}

// content reads and checks what a call wants to show.
func (s *Server) content(c *call) (content, *apiError) {
	out := content{text: storeText(c.str("text")), username: c.str("username")}
	out.blocks, _ = c.args["blocks"].([]any)
	out.attachments, _ = c.args["attachments"].([]any)
	out.metadata, _ = c.args["metadata"].(map[string]any)
	if md := c.str("markdown_text"); md != "" {
		if out.text != "" || out.blocks != nil {
			return out, fail("markdown_text_conflict")
		}
		if utf8.RuneCountInString(md) > maxMarkdown {
			return out, fail("msg_too_long")
		}
		out.text = storeText(md)
	}
	for _, arg := range []string{"username", "icon_emoji", "icon_url"} {
		if c.str(arg) != "" && !s.scoped("chat:write.customize") {
			s.surprise("%s: %s without the scope chat:write.customize is not heeded", c.method.name, arg)
			out.username = ""
		}
	}
	if c.flag("as_user") {
		s.surprise("%s: as_user is for classic apps", c.method.name)
	}
	return out, s.checkContent(c.method.name, &out)
}

func (s *Server) checkContent(method string, out *content) *apiError {
	switch {
	case utf8.RuneCountInString(out.text) > maxText:
		return s.refuseLoudly(method, fail("msg_too_long"))
	case len(out.attachments) > maxAttachments:
		return s.refuseLoudly(method, fail("too_many_attachments"))
	}
	if refused := s.checkBlocks(onMessage, out.blocks); refused != nil {
		return s.refuseLoudly(method, refused)
	}
	for _, a := range out.attachments {
		if refused := s.checkAttachment(a); refused != nil {
			return s.refuseLoudly(method, refused)
		}
	}
	return s.checkMetadata(method, out.metadata)
}

// refuseLoudly refuses what a client has to know beforehand, and fails the test.
func (s *Server) refuseLoudly(method string, refused *apiError) *apiError {
	detail, _ := json.Marshal(refused.more)
	s.surprise("%s: %s %s", method, refused.code, detail)
	return refused
}

func (s *Server) checkMetadata(method string, meta map[string]any) *apiError {
	if len(meta) == 0 {
		return nil
	}
	size, _ := json.Marshal(meta)
	kind, _ := meta["event_type"].(string)
	payload, ok := meta["event_payload"].(map[string]any)
	if kind == "" || !ok || payload == nil || len(meta) != 2 {
		return s.refuseLoudly(method, fail("invalid_metadata_format"))
	}
	if len(size) > maxMetadata {
		return s.refuseLoudly(method, fail("metadata_too_large"))
	}
	return nil
}

// postable finds the channel to post to; a user's id stands for the conversation
// with the bot.
func (s *Server) postable(c *call) (*channel, *apiError) {
	id := c.str("channel")
	ch := s.channels.by[id]
	if u := s.users.by[id]; u != nil && !u.Bot && !u.Deleted {
		ch = s.direct(id)
	}
	switch {
	case ch == nil || ch.kind != Public && !ch.has(s.BotUserID):
		return nil, fail("channel_not_found")
	case ch.archived:
		return nil, fail("is_archived")
	case !ch.has(s.BotUserID) && !s.scoped("chat:write.public"):
		return nil, fail("not_in_channel")
	}
	return ch, nil
}

func (s *Server) chatPostMessage(c *call) (object, *apiError) {
	ch, refused := s.postable(c)
	if refused != nil {
		return nil, refused
	}
	body, refused := s.content(c)
	if refused != nil {
		return nil, refused
	}
	if body.text == "" && len(body.blocks) == 0 && len(body.attachments) == 0 {
		return nil, fail("no_text")
	}
	thread, refused := s.threadOf(c, ch)
	if refused != nil {
		return nil, refused
	}
	m := s.post(ch, thread, body)
	m.broadcast = thread != "" && c.flag("reply_broadcast")
	return object{"channel": ch.id, "ts": m.ts, "message": s.wireMessage(ch, m)}, nil
}

// threadOf finds the thread to reply in. A root that was deleted with all its
// replies lets the answer fall out of the thread, as Slack does.
func (s *Server) threadOf(c *call, ch *channel) (string, *apiError) {
	ts := c.str("thread_ts")
	if ts == "" {
		return "", nil
	}
	root := ch.messages.by[ts]
	switch {
	case root == nil:
		s.surprise("%s: thread_ts %s is no message of %s", c.method.name, ts, ch.id)
		return "", nil
	case !root.root():
		s.surprise("%s: thread_ts %s is a reply, not a thread's root", c.method.name, ts)
		return "", fail("cannot_reply_to_message")
	case root.gone && len(ch.replies(ts)) == 0:
		return "", nil
	}
	return ts, nil
}

// post stores a message of the bot and echoes it to the app as an event.
func (s *Server) post(ch *channel, thread string, body content) *message {
	m := &message{ts: s.newTS(), thread: thread, user: s.BotUserID, bot: true}
	s.fill(m, body)
	ch.put(m)
	s.emitMessage(ch, m)
	s.touch()
	return m
}

// fill gives a message its content, with the ids and defaults that Slack adds.
func (s *Server) fill(m *message, body content) {
	m.text, m.metadata, m.username, m.files = body.text, body.metadata, body.username, body.files
	if len(m.metadata) == 0 {
		m.metadata = nil
	}
	m.blocks = s.complete(body.blocks)
	m.attachments = nil
	for i, a := range body.attachments {
		attachment := maps.Clone(a.(map[string]any))
		attachment["id"] = i + 1
		if blocks, ok := attachment["blocks"].([]any); ok {
			attachment["blocks"] = s.complete(blocks)
		}
		if attachment["fallback"] == nil {
			attachment["fallback"] = "[no preview available]"
		}
		m.attachments = append(m.attachments, attachment)
	}
	if m.text == "" && len(m.blocks) > 0 {
		m.text = "This content can't be displayed."
	}
}

func (s *Server) chatPostEphemeral(c *call) (object, *apiError) {
	ch, refused := s.postable(c)
	if refused != nil {
		return nil, refused
	}
	if !ch.has(c.str("user")) {
		return nil, fail("user_not_in_channel")
	}
	body, refused := s.content(c)
	if refused != nil {
		return nil, refused
	}
	if body.text == "" && len(body.blocks) == 0 && len(body.attachments) == 0 {
		return nil, fail("no_text")
	}
	thread, refused := s.threadOf(c, ch)
	if refused != nil {
		return nil, refused
	}
	m := s.whisper(ch, thread, c.str("user"), body)
	return object{"message_ts": m.ts}, nil
}

// whisper shows a message to one user only: it has a ts, but can't be found by it.
func (s *Server) whisper(ch *channel, thread, user string, body content) *message {
	m := &message{ts: s.newTS(), thread: thread, user: s.BotUserID, bot: true, to: user}
	s.fill(m, body)
	ch.hidden = append(ch.hidden, m)
	s.touch()
	return m
}

// own finds a message that the bot may change.
func (s *Server) own(c *call, code string) (*channel, *message, *apiError) {
	ch := s.channels.by[c.str("channel")]
	if ch == nil || ch.kind != Public && !ch.has(s.BotUserID) {
		return nil, nil, fail("channel_not_found")
	}
	m := ch.messages.by[c.str("ts")]
	switch {
	case m == nil || m.gone:
		return nil, nil, fail("message_not_found")
	case !m.bot:
		return nil, nil, fail(code)
	case ch.archived:
		return nil, nil, fail("is_archived")
	}
	return ch, m, nil
}

func (s *Server) chatUpdate(c *call) (object, *apiError) {
	ch, m, refused := s.own(c, "cant_update_message")
	if refused != nil {
		return nil, refused
	}
	body, refused := s.content(c)
	if refused != nil {
		return nil, refused
	}
	// Blocks are kept only when there is no new text either; attachments and
	// metadata are kept unless they are given, if only as empty ones.
	if c.str("text") == "" && !c.has("blocks") {
		body.text, body.blocks = m.text, m.blocks
	}
	if !c.has("attachments") {
		body.attachments = m.attachments
	}
	if !c.has("metadata") {
		body.metadata = m.metadata
	}
	if body.text == "" && len(body.blocks) == 0 && len(body.attachments) == 0 {
		return nil, fail("no_text")
	}
	body.files = m.files
	s.edit(ch, m, s.BotUserID, body)
	m.silent = len(body.blocks) > 0
	return object{"channel": ch.id, "ts": m.ts, "text": m.text, "message": s.wireMessage(ch, m)}, nil
}

// edit changes a message and tells the app with message_changed.
func (s *Server) edit(ch *channel, m *message, by string, body content) {
	before := s.wireMessage(ch, m)
	m.past = append(m.past, revision{text: m.text, blocks: m.blocks, attachments: m.attachments})
	s.fill(m, body)
	m.editedBy, m.editedTS = by, strings.Split(s.newTS(), ".")[0]+".000000"
	s.emitChanged(ch, m, before)
	s.touch()
}

func (s *Server) chatDelete(c *call) (object, *apiError) {
	ch, m, refused := s.own(c, "cant_delete_message")
	if refused != nil {
		return nil, refused
	}
	s.remove(ch, m)
	return object{"channel": ch.id, "ts": m.ts}, nil
}

// remove deletes a message; a root with replies leaves a tombstone.
func (s *Server) remove(ch *channel, m *message) {
	before := s.wireMessage(ch, m)
	m.gone = true
	s.emitDeleted(ch, m, before)
	s.touch()
}

func (s *Server) chatGetPermalink(c *call) (object, *apiError) {
	ch, refused := s.seen(c, "")
	if refused != nil {
		return nil, refused
	}
	ts := c.str("message_ts")
	m := ch.messages.by[ts]
	if m == nil || m.gone {
		return nil, fail("message_not_found")
	}
	link := "https://" + s.cfg.domain + ".slack.com/archives/" + ch.id + "/p" + strings.ReplaceAll(ts, ".", "")
	if !m.root() {
		link += "?thread_ts=" + m.thread + "&cid=" + ch.id
	}
	return object{"channel": ch.id, "permalink": link}, nil
}

// hiddenBy finds an ephemeral message by its ts.
func (c *channel) hiddenBy(ts string) *message {
	if i := slices.IndexFunc(c.hidden, func(m *message) bool { return m.ts == ts }); i >= 0 {
		return c.hidden[i]
	}
	return nil
}
