package jenkins

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
)

const version = "2.460"

// page answers one of Jenkins' own HTML pages.
func page(w http.ResponseWriter, status int, title, text string) {
	w.Header().Set("Content-Type", "text/html;charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprintf(w, "\n  \n  <!DOCTYPE html><html><head resURL=\"/static/915d8238\" data-crumb-header=\"Jenkins-Crumb\">\n    <title>%s</title></head>"+
		"<body id=\"jenkins\" class=\"yui-skin-sam one-column jenkins-%s\"><div id=\"main-panel\"><h1>%s</h1></div></body></html>", html.EscapeString(title), version, html.EscapeString(text))
}

// jetty answers an HTML page of the servlet container.
func jetty(w http.ResponseWriter, r *http.Request, status int, message string) {
	w.Header().Set("Content-Type", "text/html;charset=iso-8859-1")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<html>\n<head>\n<title>Error %d %s</title>\n</head>\n<body><h2>HTTP ERROR %d %s</h2>\n<table>\n<tr><th>URI:</th><td>%s</td></tr>\n</table>\n</body>\n</html>\n",
		status, message, status, message, html.EscapeString(r.URL.EscapedPath()))
}

func notFound(w http.ResponseWriter) {
	page(w, http.StatusNotFound, "Not Found [Jenkins]", "Not Found")
}

// oops is what Jenkins says of every fault of its own or the caller's.
func oops(w http.ResponseWriter) {
	page(w, http.StatusInternalServerError, "Jenkins [Jenkins]", "Oops!")
}

// refuse answers 400 with the reason in X-Error.
func refuse(w http.ResponseWriter, reason string) {
	w.Header().Set("X-Error", reason)
	page(w, http.StatusBadRequest, "Jenkins [Jenkins]", "Error")
}

func formRequired(w http.ResponseWriter) {
	w.Header().Set("Allow", http.MethodPost)
	page(w, http.StatusMethodNotAllowed, "Form post required [Jenkins]", "Form post required")
}

func (s *Server) redirect(w http.ResponseWriter, path string) {
	w.Header().Set("Location", s.URL+path)
	w.WriteHeader(http.StatusFound)
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	_ = json.NewEncoder(w).Encode(v) // the client has gone
}

func text(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "text/plain;charset=utf-8")
	_, _ = w.Write([]byte(body)) // the client has gone
}
