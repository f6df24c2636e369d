package sandbox

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// helper is the child's side of the tests.
func helper(what string, args []string) int {
	var err error
	switch what {
	case "app":
		err = helperApp(args)
	case "dial":
		err = helperDial(args[0])
	case "lock":
		err = helperLock(args[0])
	case "parent":
		err = helperParent(args[0])
	case "ordinary":
		err = helperOrdinary(args[0])
	default:
		err = fmt.Errorf("unknown helper %s", what)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "helper:", err)
		return 1
	}
	return 0
}

func helperDial(addr string) error {
	c, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return err
	}
	return c.Close()
}

// helperLock holds a lock on a file until it is killed.
func helperLock(path string) error {
	signal.Ignore(unix.SIGTERM, unix.SIGHUP)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		return err
	}
	fmt.Println("locked")
	select {}
}

// helperApp is a service: HTTP on /, an echo that answers after the half-close on
// raw connections that begin with "echo". On TERM it says so and exits with 5.
func helperApp(args []string) error {
	term := make(chan os.Signal, 4)
	signal.Notify(term, unix.SIGTERM)
	l, err := net.Listen("tcp", "127.0.0.1:"+os.Getenv("PORT"))
	if err != nil {
		return err
	}
	if len(args) > 0 && args[0] == "tell" {
		fmt.Println("listening")
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go appConn(c)
		}
	}()
	<-term
	fmt.Println("term")
	select {
	case <-term:
		fmt.Println("second term")
	case <-time.After(100 * time.Millisecond):
	}
	os.Exit(5)
	return nil
}

func appConn(c net.Conn) {
	defer c.Close()
	in := bufio.NewReader(c)
	first, err := in.Peek(4)
	if err != nil {
		return
	}
	switch string(first) {
	case "echo":
		all, _ := io.ReadAll(in)
		_, _ = c.Write(all)
	case "wait":
		// Reads to the end without writing: reports a hang-up through a second
		// connection's lock file.
		_, _ = io.Copy(io.Discard, in)
	default:
		for {
			req, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			body := "hello " + req.URL.Path
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		}
	}
}

// helperParent plays an OpsBot: it starts one child of each kind, each holding locks
// from a child and from a daemon of its own, and waits to be killed.
func helperParent(dir string) error {
	ctx := context.Background()
	safe, err := New(Options{StateDir: filepath.Join(dir, "state")})
	if err != nil {
		return err
	}
	unsafe, err := New(Options{StateDir: filepath.Join(dir, "state"), Bwrap: "/nonexistent", Unsafe: true})
	if err != nil {
		return err
	}
	lines := &lineWriter{lines: make(chan string, 100)}
	start := func(r *Runner, name string, iso *Isolation) error {
		exe, lock := "/proc/self/exe", filepath.Join(dir, "locks", name)
		if r == safe && iso != nil {
			exe = selfPath
		}
		script := fmt.Sprintf("cp %s %s.bin; setsid %s.bin helper lock %s-daemon & %s.bin helper lock %s-child & wait",
			exe, lock, lock, lock, lock, lock)
		if iso == nil { // a trusted program has no daemons
			script = fmt.Sprintf("exec \"$SELF\" helper lock %s-child", lock)
		}
		own, _ := os.Executable()
		script = strings.ReplaceAll(script, "/proc/self/exe", own)
		_, err := r.Start(ctx, Spec{
			Name: name, Args: []string{"/bin/sh", "-c", script}, Env: []string{"SELF=" + own},
			Stdout: lines, Stderr: os.Stderr, Isolation: iso,
		})
		return err
	}
	if err := start(safe, "direct", nil); err != nil {
		return err
	}
	if err := start(unsafe, "guard", &Isolation{}); err != nil {
		return err
	}
	want := 3
	if safe.Available() == nil {
		want = 5
		iso := &Isolation{ReadWrite: []Mount{{Host: filepath.Join(dir, "locks")}}}
		if err := start(safe, "bwrap", iso); err != nil {
			return err
		}
	}
	for range want {
		<-lines.lines
	}
	fmt.Println("ready")
	select {}
}
