package relay

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"opsbot/bot"
)

// gateKind files what quality gates said about a change.
const gateKind = "gate"

// gate is the newest judgement of one gate.
type gate struct {
	Source string    `json:"source"`
	Text   string    `json:"text"` // foreign
	Tone   bot.Tone  `json:"tone,omitempty"`
	URL    string    `json:"url,omitempty"`
	At     time.Time `json:"at"`
}

// keepGate stores what a gate said of a change; what it said before is older news.
func keepGate(ctx context.Context, tx *bot.Tx, e *bot.Event, change *bot.Change) error {
	if e.Type != bot.EventGateReported || change == nil {
		return nil
	}
	gates, rev, err := loadGates(ctx, tx, change.ID)
	if err != nil {
		return err
	}
	g := gate{Source: e.Source, Text: e.Text, Tone: e.Tone, URL: e.URL, At: e.OccurredAt}
	if had, ok := gates[e.Source]; ok && had.At.After(g.At) {
		return nil
	}
	gates[e.Source] = g
	body, err := json.Marshal(gates)
	if err != nil {
		return fmt.Errorf("relay: encode gates of %s: %w", change.ID, err)
	}
	_, err = tx.Documents.Put(ctx, bot.Document{Instance: documentOwner, Kind: gateKind, Key: change.ID, Rev: rev, Body: body})
	if err != nil {
		return fmt.Errorf("relay: store gates of %s: %w", change.ID, err)
	}
	return nil
}

// loadGates reads them by their source; empty if none has reported.
func loadGates(ctx context.Context, tx *bot.Tx, changeID string) (map[string]gate, int64, error) {
	out := map[string]gate{}
	doc, err := tx.Documents.Get(ctx, documentOwner, gateKind, changeID)
	if bot.CodeOf(err) == bot.CodeNotFound {
		return out, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("relay: load gates of %s: %w", changeID, err)
	}
	if err := json.Unmarshal(doc.Body, &out); err != nil {
		return nil, 0, fmt.Errorf("relay: decode gates of %s: %w", changeID, err)
	}
	return out, doc.Rev, nil
}

// gateField is "Quality gate  OK".
func gateField(g gate) bot.Field {
	return bot.Field{Name: "Quality gate", Value: foreign(firstLine(g.Text), 200), Tone: g.Tone, URL: link(g.URL)}
}
