package gitlab

import "net/http"

// reply is what is answered; body nil is none.
type reply struct {
	status int
	body   any
	header http.Header
}

func ok(body any) reply      { return reply{status: http.StatusOK, body: body} }
func created(body any) reply { return reply{status: http.StatusCreated, body: body} }
func done() reply            { return reply{status: http.StatusNoContent} }

// problem is the shape of most refusals; message is a text, or texts below the names
// of fields.
func problem(status int, message any) reply {
	return reply{status: status, body: object{"message": message}}
}

func notFound(what string) reply { return problem(http.StatusNotFound, "404 "+what+" Not Found") }
func forbidden() reply           { return problem(http.StatusForbidden, "403 Forbidden") }
func invalid(field string, messages ...any) reply {
	return problem(http.StatusBadRequest, object{field: messages})
}

// oauth is the shape of refusals that are about the token itself.
func oauth(status int, kind, description string) reply {
	return reply{status: status, body: object{"error": kind, "error_description": description}}
}
