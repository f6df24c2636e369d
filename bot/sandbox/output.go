package sandbox

import (
	"io"
	"sync"
)

// headSize is how much of a child's first words is kept for a start error.
const headSize = 2048

// drain passes output on to the caller's writer. It never reports an error to the
// pipe's reader: a full disk on our side must not block or kill the child.
type drain struct {
	mu   sync.Mutex
	w    io.Writer
	err  error
	head []byte
	keep bool
}

func newDrain(w io.Writer) *drain {
	if w == nil {
		w = io.Discard
	}
	return &drain{w: w, keep: true}
}

// Write implements io.Writer; it always takes all of b.
func (d *drain) Write(b []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.keep && len(d.head) < headSize {
		d.head = append(d.head, b[:min(len(b), headSize-len(d.head))]...)
	}
	if d.err == nil {
		if _, err := d.w.Write(b); err != nil {
			d.err = err
		}
	}
	return len(b), nil
}

// forget stops keeping the first words.
func (d *drain) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.keep, d.head = false, nil
}

func (d *drain) said() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return string(d.head)
}

func (d *drain) failure() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
}

// sameWriter compares like os/exec does, where uncomparable writers are different.
func sameWriter(a, b io.Writer) (same bool) {
	defer func() { same = recover() == nil && same }()
	return a == b
}
