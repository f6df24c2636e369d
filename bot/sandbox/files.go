package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// filesHeaderTime bounds how long a client may take to send a request's header.
const filesHeaderTime = 30 * time.Second

// Files gives the Spec.Args of a Self service that serves the files below dir, a
// path as the child sees it. Folders are served by their index.html and never
// listed; names that begin with a dot are not served.
func Files(dir string) []string { return []string{"exec-child", "files", dir} }

// serveFiles is the child of Files; it ends gracefully with TERM.
func serveFiles(dir, port string) error {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM)
	defer stop()
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("open the files' folder: %w", err)
	}
	defer root.Close()
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	server := &http.Server{Handler: filesHandler(root), ReadHeaderTimeout: filesHeaderTime}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	// Whoever stops us decides how long we may take.
	if err := server.Shutdown(context.WithoutCancel(ctx)); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("shut down: %w", err)
	}
	return nil
}

// filesHandler serves root, which no symbolic link leaves.
func filesHandler(root *os.Root) http.Handler {
	files := http.FileServerFS(root.FS())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/.") && !strings.HasPrefix(r.URL.Path, "/.well-known/") {
			http.NotFound(w, r)
			return
		}
		if strings.HasSuffix(r.URL.Path, "/") {
			name := strings.Trim(r.URL.Path, "/") + "/index.html"
			if _, err := root.Stat(strings.TrimPrefix(name, "/")); err != nil {
				http.NotFound(w, r)
				return
			}
		}
		w.Header().Set("X-Content-Type-Options", "nosniff")
		files.ServeHTTP(w, r)
	})
}
