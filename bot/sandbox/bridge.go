package sandbox

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// dialTime bounds connecting to a port of the same machine.
const dialTime = 10 * time.Second

// controlSocket is OpsBot's end of the socket over which it hands connections to
// the exec-child beside a service. There is no path in the file system that an app
// could replace by a link to somebody else's socket.
type controlSocket struct {
	mu   sync.Mutex
	conn *net.UnixConn
}

// newControlSocket returns our end and the one for the child.
func newControlSocket() (*controlSocket, *os.File, error) {
	own, remote, err := socketPair(unix.SOCK_SEQPACKET)
	if err != nil {
		return nil, nil, fmt.Errorf("create control socket: %w", err)
	}
	conn, err := unixConn(own)
	if err != nil {
		_ = remote.Close()
		return nil, nil, err
	}
	return &controlSocket{conn: conn}, remote, nil
}

// dial makes a connected pair, sends one end to the child and returns the other.
func (c *controlSocket) dial() (net.Conn, error) {
	own, remote, err := socketPair(unix.SOCK_STREAM)
	if err != nil {
		return nil, fmt.Errorf("create connection: %w", err)
	}
	defer remote.Close()
	conn, err := unixConn(own)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.conn.SetWriteDeadline(time.Now().Add(dialTime))
	if _, _, err := c.conn.WriteMsgUnix([]byte{1}, unix.UnixRights(int(remote.Fd())), nil); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("hand over connection: %w", err)
	}
	return conn, nil
}

func (c *controlSocket) close() { _ = c.conn.Close() }

func socketPair(kind int) (own, remote *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	return os.NewFile(uintptr(fds[0]), "own"), os.NewFile(uintptr(fds[1]), "remote"), nil
}

// unixConn takes over f.
func unixConn(f *os.File) (*net.UnixConn, error) {
	defer f.Close()
	conn, err := net.FileConn(f)
	if err != nil {
		return nil, fmt.Errorf("open socket: %w", err)
	}
	u, ok := conn.(*net.UnixConn)
	if !ok {
		_ = conn.Close()
		return nil, errors.New("open socket: not a unix socket")
	}
	return u, nil
}

// startBridge connects every connection that arrives on the control socket with
// the app's port, for as long as this process lives.
func startBridge(port int) error {
	control, err := unixConn(os.NewFile(fdControl, "control"))
	if err != nil {
		return err
	}
	go func() {
		for {
			conn, err := receiveConn(control)
			if err != nil {
				return
			}
			go bridge(conn, port)
		}
	}()
	return nil
}

// receiveConn returns the next connection; an error means that OpsBot is gone.
func receiveConn(control *net.UnixConn) (*net.UnixConn, error) {
	buf, oob := make([]byte, 1), make([]byte, unix.CmsgSpace(4))
	for {
		n, oobn, _, _, err := control.ReadMsgUnix(buf, oob)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return nil, io.EOF
		}
		messages, err := unix.ParseSocketControlMessage(oob[:oobn])
		if err != nil || len(messages) != 1 {
			continue
		}
		fds, err := unix.ParseUnixRights(&messages[0])
		if err != nil || len(fds) != 1 {
			continue
		}
		unix.CloseOnExec(fds[0])
		if conn, err := unixConn(os.NewFile(uintptr(fds[0]), "conn")); err == nil {
			return conn, nil
		}
	}
}

// bridge copies between OpsBot and the app until both directions are over. A
// half-close of one side becomes a half-close of the other; there is no timeout.
func bridge(outer *net.UnixConn, port int) {
	defer outer.Close()
	inner, err := dialApp(port)
	if err != nil {
		return
	}
	defer inner.Close()
	both := func() { _ = outer.Close(); _ = inner.Close() }
	done := make(chan struct{})
	go func() {
		defer close(done)
		if _, err := io.Copy(outer, inner); err != nil || outer.CloseWrite() != nil {
			both()
		}
	}()
	if _, err := io.Copy(inner, outer); err != nil || hungUp(outer) || inner.CloseWrite() != nil {
		both()
	}
	<-done
}

// dialApp connects to the app, which may listen on either loopback address.
func dialApp(port int) (*net.TCPConn, error) {
	var last error
	for _, host := range []string{"127.0.0.1", "::1"} {
		conn, err := net.DialTimeout("tcp", net.JoinHostPort(host, strconv.Itoa(port)), dialTime) //nolint:noctx // bounded
		if err != nil {
			last = err
			continue
		}
		if tcp, ok := conn.(*net.TCPConn); ok {
			return tcp, nil
		}
		_ = conn.Close()
	}
	return nil, last
}

// hungUp tells a full close of the other end from a half-close: after the former
// an app that streams should learn at once that nobody reads.
func hungUp(c *net.UnixConn) bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return true
	}
	gone := false
	err = raw.Control(func(fd uintptr) {
		fds := []unix.PollFd{{Fd: int32(fd)}}
		n, err := unix.Poll(fds, 0)
		gone = err == nil && n > 0 && fds[0].Revents&unix.POLLHUP != 0
	})
	return err != nil || gone
}
