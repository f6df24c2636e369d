package github

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"strconv"
)

const docs = "https://docs.github.com/rest"

// problem is the shape of most refusals.
func problem(status int, message string) reply {
	return reply{status: status, body: object{"message": message, "documentation_url": docs, "status": strconv.Itoa(status)}}
}

func notFound() reply { return problem(http.StatusNotFound, "Not Found") }

// invalid is a 422 about one field.
func invalid(message, resource, field, code, detail string) reply {
	one := object{"resource": resource, "field": field, "code": code}
	if detail != "" {
		one["message"] = detail
	}
	out := problem(http.StatusUnprocessableEntity, message)
	out.body.(object)["errors"] = []any{one}
	return out
}

func etag(body []byte) string { return fmt.Sprintf(`W/"%x"`, sha256.Sum256(body)) }
