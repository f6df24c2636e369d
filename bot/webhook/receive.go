package webhook

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"opsbot/bot"
)

// answer is what a sender is told and what the observer learns.
type answer struct {
	status  int
	outcome Outcome
	text    string
	retry   time.Duration // > 0: Retry-After
}

const (
	shortPause = 5 * time.Second
	// fullPause is longer: a person has to make space.
	fullPause = time.Minute
)

// receive handles one delivery.
func (e *Edge) receive(c *gin.Context) {
	began := e.o.Clock.Now()
	name := c.Param("instance")
	parser, ok := e.o.Integrations.Get(name).(bot.WebhookParser)
	if !ok {
		e.reply(c, "", 0, began, answer{http.StatusNotFound, OutcomeRejected, "There is no webhook receiver of that name.", 0})
		return
	}
	if !acceptable(c.Request.Header) {
		e.reply(c, name, 0, began, answer{
			http.StatusUnsupportedMediaType, OutcomeRejected,
			"Send the delivery as application/json or application/x-www-form-urlencoded, uncompressed.", 0,
		})
		return
	}
	body, release, err := e.readBody(c)
	defer release()
	if err != nil {
		e.reply(c, name, len(body), began, e.bodyAnswer(err))
		return
	}
	e.reply(c, name, len(body), began, e.accept(c, name, parser, body, began))
}

// accept verifies and stores; its answer is 2xx only once the row is on disk.
func (e *Edge) accept(c *gin.Context, name string, parser bot.WebhookParser, body []byte, now time.Time) answer {
	d := bot.Delivery{
		Instance: name, Path: strings.TrimSuffix(c.Param("path"), "/"), Query: c.Request.URL.RawQuery,
		Header: c.Request.Header, Body: body, ReceivedAt: now,
	}
	id, scope, err := parser.Verify(d)
	if err != nil {
		e.logRefusal(name, c.Request, err)
		return answer{http.StatusUnauthorized, OutcomeRefused, "The delivery could not be verified.", 0}
	}
	d.ID = key(id, d)
	d.Header, d.Path, d.Query = e.keep.filter(d.Header), maskPath(d.Path), maskQuery(d.Query)
	if inProcess(c.Request.Context()) {
		d.Cause.Root = c.Request.Header.Get(RootHeader)
	}
	row := bot.InboxRow{
		ID: bot.NewID(now), Instance: name, Key: d.ID, Delivery: &d, Scope: scope,
		State: "new", Received: now, Cause: d.Cause,
	}
	added, err := e.o.Accepter.Accept(c.Request.Context(), row)
	switch {
	case err != nil:
		return e.storeAnswer(name, err)
	case added == 0:
		return answer{http.StatusOK, OutcomeDuplicate, "already received", 0}
	}
	return answer{http.StatusAccepted, OutcomeAccepted, "accepted", 0}
}

// storeAnswer tells the sender to come again wherever that can help.
func (e *Edge) storeAnswer(name string, err error) answer {
	if bot.CodeOf(err) == bot.CodeStorageFull {
		e.refused.say("full/"+name, func(missed int) {
			e.o.Log.Error("webhook: store delivery: storage is full", "instance", name, "error", err, "not_logged", missed)
		})
		return answer{http.StatusServiceUnavailable, OutcomeFull, "There is no space left to store the delivery; send it again later.", fullPause}
	}
	e.refused.say("store/"+name, func(missed int) {
		e.o.Log.Error("webhook: store delivery", "instance", name, "error", err, "not_logged", missed)
	})
	return answer{http.StatusServiceUnavailable, OutcomeFailed, "The delivery could not be stored; send it again.", shortPause}
}

func (e *Edge) bodyAnswer(err error) answer {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return answer{
			http.StatusRequestEntityTooLarge, OutcomeRejected,
			"The delivery is larger than " + strconv.FormatInt(e.o.MaxBody>>20, 10) + " MiB, the most that is taken.", 0,
		}
	case errors.Is(err, errBudget):
		return answer{http.StatusServiceUnavailable, OutcomeBusy, "Too many deliveries at once; send it again.", shortPause}
	}
	return answer{http.StatusRequestTimeout, OutcomeBusy, "The delivery did not arrive whole in time.", 0}
}

func (e *Edge) reply(c *gin.Context, name string, size int, began time.Time, a answer) {
	if a.retry > 0 {
		c.Header("Retry-After", strconv.Itoa(int(a.retry/time.Second)))
	}
	if a.status >= http.StatusBadRequest {
		// The rest of an unread body must not be taken for a next request.
		c.Header("Connection", "close")
	}
	c.Header("X-Content-Type-Options", "nosniff")
	c.String(a.status, "%s\n", a.text)
	if e.o.Observer != nil {
		e.o.Observer.Delivered(name, a.outcome, size, e.o.Clock.Now().Sub(began))
	}
}

// logRefusal names the sender's address for the operator, never the body or the
// header that failed.
func (e *Edge) logRefusal(name string, r *http.Request, err error) {
	e.refused.say(name, func(missed int) {
		e.o.Log.Warn("webhook: delivery refused", "instance", name, "from", r.RemoteAddr, "reason", err, "not_logged", missed)
	})
}

// acceptable reports whether the body is in a form that parsers read: JSON
// (with any +json type), a form, or the text/plain in which Amazon SNS sends JSON.
func acceptable(h http.Header) bool {
	if enc := h.Get("Content-Encoding"); enc != "" && !strings.EqualFold(enc, "identity") {
		return false
	}
	kind, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		return false
	}
	switch kind {
	case "application/json", "application/x-www-form-urlencoded", "text/plain":
		return true
	}
	return strings.HasSuffix(kind, "+json")
}

// key is the delivery's id as the inbox keeps it. A source without ids gets one
// from the content, a monstrous one its hash.
func key(id string, d bot.Delivery) string {
	if id != "" && len(id) <= 200 {
		return id
	}
	h := sha256.New()
	if id != "" {
		h.Write([]byte(id))
	} else {
		h.Write([]byte(d.Path + "\x00"))
		h.Write(d.Body)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}
