package rest

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
)

// logHandler masks every record on its way to the next handler.
type logHandler struct {
	next slog.Handler
	mask *Mask
}

var _ slog.Handler = (*logHandler)(nil)

// NewLogHandler wraps next so that no known secret gets into the log: neither in
// messages nor in attributes, their groups, errors and structures.
func NewLogHandler(next slog.Handler, mask *Mask) slog.Handler {
	return &logHandler{next: next, mask: mask}
}

// Enabled implements slog.Handler.
func (h *logHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (h *logHandler) Handle(ctx context.Context, r slog.Record) error {
	clean := slog.NewRecord(r.Time, r.Level, h.mask.String(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(h.attr(a))
		return true
	})
	return h.next.Handle(ctx, clean)
}

// WithAttrs implements slog.Handler. What is masked here is what is known now; a
// secret must be made known before it is used.
func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &logHandler{next: h.next.WithAttrs(h.attrs(attrs)), mask: h.mask}
}

// WithGroup implements slog.Handler.
func (h *logHandler) WithGroup(name string) slog.Handler {
	return &logHandler{next: h.next.WithGroup(h.mask.String(name)), mask: h.mask}
}

func (h *logHandler) attrs(attrs []slog.Attr) []slog.Attr {
	out := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		out[i] = h.attr(a)
	}
	return out
}

func (h *logHandler) attr(a slog.Attr) slog.Attr {
	a.Key = h.mask.String(a.Key)
	a.Value = h.value(a.Value.Resolve())
	return a
}

func (h *logHandler) value(v slog.Value) slog.Value {
	switch v.Kind() {
	case slog.KindString:
		return slog.StringValue(h.mask.String(v.String()))
	case slog.KindGroup:
		return slog.GroupValue(h.attrs(v.Group())...)
	case slog.KindAny:
		return h.any(v)
	default:
		return v
	}
}

// any keeps a value of unknown type unless one of the ways in which a handler
// may print it shows a secret; then its masked text takes its place.
func (h *logHandler) any(v slog.Value) slog.Value {
	x := v.Any()
	if b, ok := x.([]byte); ok {
		return slog.StringValue(h.mask.String(string(b)))
	}
	text := fmt.Sprintf("%+v", x)
	if err, ok := x.(error); ok {
		text = err.Error()
	}
	clean := h.mask.String(text)
	if clean != text {
		return slog.StringValue(clean)
	}
	if encoded, err := json.Marshal(x); err == nil && h.mask.String(string(encoded)) != string(encoded) {
		return slog.StringValue(h.mask.String(string(encoded)))
	}
	return v
}
