package mattermost

import (
	"net"
	"sync"
)

// gate lets bytes pass, or holds them: a frozen server is a half-open connection.
type gate struct {
	mu   sync.Mutex
	open chan struct{}
}

func newGate() *gate {
	g := &gate{open: make(chan struct{})}
	close(g.open)
	return g
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-g.open:
		g.open = make(chan struct{})
	default:
	}
}

func (g *gate) lift() {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-g.open:
	default:
		close(g.open)
	}
}

func (g *gate) wait(closed <-chan struct{}) error {
	g.mu.Lock()
	open := g.open
	g.mu.Unlock()
	select {
	case <-open:
		return nil
	case <-closed:
		return net.ErrClosed
	}
}

// gatedListener hands out connections that obey the gate and are known, so that
// they can be cut.
type gatedListener struct {
	net.Listener
	gate   *gate
	closed chan struct{}
	once   sync.Once

	mu    sync.Mutex
	conns map[*gatedConn]bool
}

func newGatedListener(l net.Listener, g *gate) *gatedListener {
	return &gatedListener{Listener: l, gate: g, closed: make(chan struct{}), conns: map[*gatedConn]bool{}}
}

// Accept waits for the gate too: the kernel takes the connection, nobody answers.
func (l *gatedListener) Accept() (net.Conn, error) {
	raw, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &gatedConn{Conn: raw, listener: l, closed: make(chan struct{})}
	l.mu.Lock()
	l.conns[c] = true
	l.mu.Unlock()
	if err := l.gate.wait(l.closed); err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

// Close stops accepting; open connections live on.
func (l *gatedListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// cutAll ends every connection with a FIN.
func (l *gatedListener) cutAll() {
	l.mu.Lock()
	conns := make([]*gatedConn, 0, len(l.conns))
	for c := range l.conns {
		conns = append(conns, c)
	}
	l.mu.Unlock()
	for _, c := range conns {
		_ = c.Close()
	}
}

type gatedConn struct {
	net.Conn
	listener *gatedListener
	closed   chan struct{}
	once     sync.Once
}

func (c *gatedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err == nil {
		if err := c.listener.gate.wait(c.closed); err != nil {
			return 0, err
		}
	}
	return n, err
}

func (c *gatedConn) Write(b []byte) (int, error) {
	if err := c.listener.gate.wait(c.closed); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

func (c *gatedConn) Close() error {
	c.once.Do(func() {
		close(c.closed)
		c.listener.mu.Lock()
		delete(c.listener.conns, c)
		c.listener.mu.Unlock()
	})
	return c.Conn.Close()
}
