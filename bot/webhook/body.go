package webhook

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"
)

var errBudget = errors.New("webhook: too many bytes in flight")

// budget counts the bytes of bodies that are held before they are stored.
type budget struct {
	max  int64
	used atomic.Int64
}

func newBudget(limit int64) *budget { return &budget{max: limit} }

func (b *budget) take(n int64) bool {
	if b.used.Add(n) > b.max {
		b.used.Add(-n)
		return false
	}
	return true
}

func (b *budget) give(n int64) { b.used.Add(-n) }

// readBody reads at most MaxBody bytes within BodyTimeout. Memory is claimed as
// bytes arrive, not as a sender promises them. release is never nil.
func (e *Edge) readBody(c *gin.Context) (body []byte, release func(), err error) {
	held := int64(0)
	release = func() { e.budget.give(held) }
	control := http.NewResponseController(c.Writer)
	// Recorders and the in-process edge have no deadlines; they need none.
	_ = control.SetReadDeadline(e.o.Clock.Now().Add(e.o.BodyTimeout))
	src := http.MaxBytesReader(c.Writer, c.Request.Body, e.o.MaxBody)
	if c.Request.ContentLength > e.o.MaxBody {
		return nil, release, &http.MaxBytesError{Limit: e.o.MaxBody}
	}
	var buf bytes.Buffer
	const chunk = 32 << 10
	buf.Grow(int(min(max(c.Request.ContentLength, 0)+bytes.MinRead, chunk)))
	for {
		if !e.budget.take(chunk) {
			return buf.Bytes(), release, errBudget
		}
		held += chunk
		n, err := io.CopyN(&buf, src, chunk)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return buf.Bytes(), release, err
		}
		if n == 0 {
			break
		}
	}
	// The deadline must not outlive the body: it would cancel the wait for the commit.
	_ = control.SetReadDeadline(time.Time{})
	return buf.Bytes(), release, nil
}

func stack() string { return string(debug.Stack()) }
