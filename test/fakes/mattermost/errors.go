package mattermost

import (
	"fmt"
	"net/http"
)

// apiError is the JSON of every error of the API but a 429. Message is for people
// and follows Accept-Language: clients match on ID.
type apiError struct {
	ID        string `json:"id"`
	Message   string `json:"message"`
	Detail    string `json:"detailed_error"`
	RequestID string `json:"request_id,omitempty"`
	Status    int    `json:"status_code"`
}

func (e *apiError) Error() string { return fmt.Sprintf("%d %s: %s", e.Status, e.ID, e.Message) }

func fail(status int, id, message string) *apiError {
	return &apiError{ID: id, Message: message, Status: status}
}

func forbidden() *apiError {
	return fail(http.StatusForbidden, "api.context.permissions.app_error", "You do not have the appropriate permissions.")
}

func unauthorized() *apiError {
	return fail(http.StatusUnauthorized, "api.context.session_expired.app_error", "Invalid or expired session, please login again.")
}

func badBody(what string) *apiError {
	return fail(http.StatusBadRequest, "api.context.invalid_body_param.app_error", "Invalid or missing "+what+" in request body.")
}

func badURL(what string) *apiError {
	return fail(http.StatusBadRequest, "api.context.invalid_url_param.app_error", "Invalid or missing "+what+" parameter in request URL.")
}

func noRoute(path string) *apiError {
	e := fail(http.StatusNotFound, "api.context.404.app_error", "Sorry, we could not find the page.")
	e.Detail = "There doesn't appear to be an api call for the url='" + path + "'.  Typo? are you missing a team_id or user_id as part of the url?"
	return e
}

func tooLarge() *apiError {
	return fail(http.StatusRequestEntityTooLarge, "api.context.request_body_too_large.app_error", "Unable to process request. Request body too large.")
}

func noPost() *apiError {
	return fail(http.StatusNotFound, "app.post.get.app_error", "Unable to get the post.")
}

func noUser() *apiError {
	return fail(http.StatusNotFound, "app.user.missing_account.const", "Unable to find the user.")
}

func noChannel(id string) *apiError {
	return fail(http.StatusNotFound, "app.channel.get.existing.app_error", "Unable to find the existing channel "+id+".")
}

func noChannelName() *apiError {
	return fail(http.StatusNotFound, "app.channel.get_by_name.missing.app_error", "Channel does not exist.")
}

func noTeam() *apiError {
	return fail(http.StatusNotFound, "app.team.get_by_name.missing.app_error", "Unable to find the existing team.")
}

// translate gives the one message that was recorded in German.
func (e *apiError) translate(language string) {
	if language == "de" && e.ID == noTeam().ID {
		e.Message = "Konnte das existierende Team nicht finden."
	}
}
