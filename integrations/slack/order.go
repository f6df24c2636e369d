package slack

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/slack-go/slack"

	"opsbot/bot"
	"opsbot/integrations/slack/web"
	"opsbot/integrations/slack/wire"
)

// Slack repeats each event by a timetable of its own, and the connections do not wait
// for each other: after a trouble a thread's messages come in any order. Who is late
// is therefore looked at together with what was said before.

// lateness tells messages that came late from those that came at once. Slack's clock
// and ours may differ: the usual way is what the quickest message of the last minutes
// took.
type lateness struct {
	mu       sync.Mutex
	quickest [2]time.Duration // of this period, and of the one before
	from     time.Time        // when this period began
	trouble  time.Time        // until then others may be late, too
}

const (
	latePeriod  = 5 * time.Minute
	lateBy      = 750 * time.Millisecond
	troubleTime = 30 * time.Second
	// lookBack is how far before a late message others are looked for.
	lookBack = 2 * time.Minute
)

// late notes that a message that was sent then came now, not for the first time if
// again is set.
func (l *lateness) late(now, sent time.Time, again bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	took := now.Sub(sent)
	if now.Sub(l.from) >= latePeriod {
		before := l.quickest[0]
		if l.from.IsZero() {
			before = took
		}
		l.quickest, l.from = [2]time.Duration{took, before}, now
	}
	l.quickest[0] = min(l.quickest[0], took)
	if again || took-min(l.quickest[0], l.quickest[1]) > lateBy {
		l.trouble = now.Add(troubleTime)
	}
	return now.Before(l.trouble)
}

// lookTime bounds looking: whoever is late can't wait for long.
const lookTime = 1500 * time.Millisecond

// catchUp receives what was said around a late message, in its thread or in the
// conversation with the bot, in order: what of it has come already is known by its id.
// That Slack can't be asked is no reason to leave the message itself.
func (c *Chat) catchUp(ctx context.Context, id web.Identity, m bot.Message) error {
	channel, ts, _ := wire.SplitID(m.ID)
	where := orElse(m.Thread, channel)
	if upTo, ok := c.caught.Get(where); ok && ts <= upTo {
		return nil
	}
	oldest := stamp(m.SentAt.Add(-lookBack))
	messages, err := c.around(ctx, channel, threadIn(channel, m.Thread), oldest)
	if err != nil {
		c.env.Log.Warn("what was said before a late message can't be looked up", "message", m.ID, "error", err)
		return nil
	}
	for _, one := range messages {
		if one.Timestamp < oldest || one.Edited != nil {
			continue
		}
		other, ok := c.message(id, wire.Event{
			Type: "message", Subtype: one.SubType, Channel: wire.Ref{ID: channel}, User: wire.Ref{ID: one.User}, BotID: one.BotID,
			Text: one.Text, TS: one.Timestamp, ThreadTS: one.ThreadTimestamp, Team: one.Team, Hidden: one.Hidden,
		})
		if !ok {
			continue
		}
		if err := c.deliver(ctx, other); err != nil {
			return err
		}
		c.caught.Put(where, one.Timestamp)
	}
	return nil
}

// around reads the newest part of a thread or, without one, of a channel, the oldest
// first.
func (c *Chat) around(ctx context.Context, channel, thread, oldest string) ([]slack.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	var got page
	var err error
	if thread != "" {
		got, err = c.replies(ctx, slack.GetConversationRepliesParameters{ChannelID: channel, Timestamp: thread, Oldest: oldest, Limit: pageSize})
	} else {
		got, err = c.history(ctx, slack.GetConversationHistoryParameters{ChannelID: channel, Oldest: oldest, Limit: pageSize})
	}
	slices.SortFunc(got.messages, func(a, b slack.Message) int { return strings.Compare(a.Timestamp, b.Timestamp) })
	return got.messages, err
}

// stamp writes a time as Slack does.
func stamp(t time.Time) string {
	return fmt.Sprintf("%010d.%06d", t.Unix(), t.Nanosecond()/1000)
}
