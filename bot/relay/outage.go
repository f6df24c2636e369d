package relay

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"opsbot/bot"
)

const (
	outageKind = "outage"
	// quiet is the least time between two lines of the same kind about an app's
	// health; what comes sooner changes the line that stands.
	quiet = 5 * time.Minute
)

// outage is what was told last about the health of an app: one line when it went
// down, one when it was back.
type outage struct {
	Since  time.Time `json:"since"` // of the first line
	Times  int       `json:"times"`
	Why    string    `json:"why,omitempty"`
	Down   bool      `json:"down"`
	Fell   time.Time `json:"fell"`
	Rose   time.Time `json:"rose,omitzero"`   // the last time
	Backed time.Time `json:"backed,omitzero"` // of the second line
	Change string    `json:"change,omitempty"`
}

// outage gives the lines, without a room, that an event about an app's health
// makes or alters; nil for any other event and for news of what was never told.
func (p *Processor) outage(ctx context.Context, tx *bot.Tx, project *bot.Project, e *bot.Event, change *bot.Change) ([]bot.Post, error) {
	fell, rose := e.Type == bot.EventIncidentDetected, e.Type == bot.EventIncidentResolved
	if e.Health == "" || e.Environment == "" || !fell && !rose {
		return nil, nil
	}
	key := project.ID + "/" + e.Environment
	o, rev, err := loadOutage(ctx, tx, key)
	if err != nil {
		return nil, err
	}
	at := e.OccurredAt
	if at.IsZero() {
		at = p.o.Clock.Now()
	}
	if rose {
		if !o.Down {
			return nil, nil
		}
		o.back(at)
	} else {
		o = o.fall(at, e.Text)
		if o.Times == 1 && change != nil {
			o.Change = change.ID
		}
	}
	body, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("relay: remember outage of %s: %w", project.Slug, err)
	}
	if _, err := tx.Documents.Put(ctx, bot.Document{Instance: documentOwner, Kind: outageKind, Key: key, Rev: rev, Body: body}); err != nil {
		return nil, fmt.Errorf("relay: remember outage of %s: %w", project.Slug, err)
	}
	return p.outagePosts(o, project, e), nil
}

func loadOutage(ctx context.Context, tx *bot.Tx, key string) (o outage, rev int64, err error) {
	doc, err := tx.Documents.Get(ctx, documentOwner, outageKind, key)
	if bot.CodeOf(err) == bot.CodeNotFound {
		return o, 0, nil
	}
	if err != nil {
		return o, 0, fmt.Errorf("relay: load outage: %w", err)
	}
	if err := json.Unmarshal(doc.Body, &o); err != nil {
		return o, 0, fmt.Errorf("relay: decode outage: %w", err)
	}
	return o, doc.Rev, nil
}

// fall goes on with the lines that stand, or begins new ones if those are old.
func (o outage) fall(at time.Time, why string) outage {
	if at.Sub(o.Since) >= quiet && at.Sub(o.Backed) >= quiet {
		o = outage{Since: at}
	}
	o.Times, o.Why, o.Down, o.Fell = o.Times+1, firstLine(why), true, at
	return o
}

func (o *outage) back(at time.Time) {
	o.Down, o.Rose = false, at
	if o.Backed.IsZero() {
		o.Backed = at
	}
}

// outagePosts words both lines. Their keys hold when the first was begun, so that
// they are edited as long as they stand.
func (p *Processor) outagePosts(o outage, project *bot.Project, e *bot.Event) []bot.Post {
	post := func(kind string, tone bot.Tone, text string) bot.Post {
		under := ""
		if o.Change != "" {
			under = CardKey(o.Change)
		}
		return bot.Post{
			Key: postKey("outage", project.ID, e.Environment, fmt.Sprint(o.Since.UnixMicro()), kind), Under: under, Tone: tone,
			Text: []bot.Text{where(project, e) + bot.Text(text)}, Cause: e.Cause.Cause, Root: e.Cause.Root,
		}
	}
	since := p.face.second(o.Since)
	down := " went down at " + since
	if o.Times > 1 {
		down = fmt.Sprintf(" went down %d times since %s", o.Times, since)
	}
	if o.Why != "" {
		down += ": " + string(foreign(o.Why, 400))
	}
	posts := []bot.Post{post("down", bot.ToneBad, down)}
	switch {
	case o.Backed.IsZero():
	case o.Down:
		posts = append(posts, post("back", bot.ToneBad, " was back at "+p.face.second(o.Rose)+" and is down again since "+p.face.second(o.Fell)))
	default:
		posts = append(posts, post("back", bot.ToneGood, " is back at "+p.face.second(o.Rose)+", after "+bot.Span(o.Rose.Sub(o.Fell))))
	}
	return posts
}

// where names the app that an event is about: hello-world in staging.
func where(project *bot.Project, e *bot.Event) bot.Text {
	app := foreign(project.Slug, 100)
	if e.Environment != "" {
		app += " in " + foreign(e.Environment, 60)
	}
	return app
}
