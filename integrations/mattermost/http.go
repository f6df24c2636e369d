package mattermost

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"opsbot/bot"
)

// Bounds of what comes in over HTTP.
const (
	mostRequest = 1 << 20
	// answerTime is how long a person waits for an answer on the screen, at the most.
	answerTime = 10 * time.Second
	// formTime is how long the way to an open form may take.
	formTime = 3 * time.Second
)

// body reads a request's body within the bound.
func body(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostRequest))
	if err == nil {
		return data, true
	}
	status := http.StatusBadRequest
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		status = http.StatusRequestEntityTooLarge
	}
	http.Error(w, http.StatusText(status), status)
	return nil, false
}

// answer writes v. Mattermost takes status 200 alone for an answer, also for what says
// that something is wrong.
func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_ = json.NewEncoder(w).Encode(v) // who asked has gone: nobody is left to tell
}

// sentence is an error in words for the person; what the operator must know is logged.
func (c *Chat) sentence(err error, doing string) string {
	var ours *bot.Error
	if !errors.As(err, &ours) || bot.CodeOf(err) == bot.CodeInternal {
		c.env.Log.Error("mattermost: "+doing, "error", c.mask.Error(err))
	}
	return bot.MessageOf(err)
}

// notStored is said when what a person asked for could not be stored. Mattermost does
// not ask again by itself.
const notStored = "That could not be taken down, so nothing was done. Please try it again."
