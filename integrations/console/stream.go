package console

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// stream writes server-sent events. After the first failed write it does nothing
// more; err holds the cause.
type stream struct {
	w   http.ResponseWriter
	rc  *http.ResponseController
	err error
}

// event sends one event; data may have several lines.
func (s *stream) event(id int64, name, data string) {
	var b strings.Builder
	fmt.Fprintf(&b, "id: %d\nevent: %s\n", id, name)
	for _, line := range strings.Split(strings.ReplaceAll(data, "\r", ""), "\n") {
		b.WriteString("data: " + line + "\n")
	}
	b.WriteString("\n")
	s.write(b.String())
}

// comment keeps the connection alive and shows a dead one.
func (s *stream) comment(text string) { s.write(": " + text + "\n\n") }

func (s *stream) write(text string) {
	if s.err != nil {
		return
	}
	// A browser that takes nothing for this long is gone.
	if s.err = s.rc.SetWriteDeadline(time.Now().Add(30 * time.Second)); s.err != nil { // a socket's deadline is real time
		return
	}
	if _, s.err = s.w.Write([]byte(text)); s.err == nil {
		s.err = s.rc.Flush()
	}
}
