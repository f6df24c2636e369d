package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/slack-go/slack"

	"opsbot/bot"
	"opsbot/bot/rest"
)

// longestPause bounds what Slack may ask for, and defaultPause is for when it does
// not say.
const (
	longestPause = 15 * time.Minute
	defaultPause = 30 * time.Second
)

// explain turns an error of the vendor's client into one that says what to do.
func (c *Client) explain(ctx context.Context, call Call, err error) error {
	var limited *slack.RateLimitedError
	var refused slack.SlackErrorResponse
	var status slack.StatusCodeError
	var syntax *json.SyntaxError
	var shape *json.UnmarshalTypeError
	var wire *url.Error
	switch {
	case errors.As(err, &limited):
		return c.limited(call, limited.RetryAfter).Because(err)
	case errors.As(err, &refused):
		return c.refusal(call, refused)
	case errors.As(err, &status) && status.Code == http.StatusTooManyRequests:
		return c.limited(call, defaultPause).Because(err)
	case errors.As(err, &status):
		cause := &rest.StatusError{Method: http.MethodPost, URL: c.o.URL + call.Method, Status: status.Code}
		return rest.Classify(Service, cause, call.Safe, c.o.Clock.Now())
	case errors.As(err, &syntax) || errors.As(err, &shape) || errors.Is(err, io.EOF) && !errors.As(err, &wire):
		code := bot.CodeUnknown
		if call.Safe {
			code = bot.CodeUnavailable
		}
		return bot.Errorf(code, "Slack answered with something that is not the expected JSON.").Backoff().Because(fmt.Errorf("slack: %s: %w", call.Method, err))
	}
	out := c.rest.Explain(ctx, err, call.Safe)
	var mine *bot.Error
	if !errors.As(out, &mine) {
		return bot.Errorf(bot.CodeUnavailable, "Slack cannot be reached.").Backoff().Because(out)
	}
	return out
}

func (c *Client) limited(call Call, d time.Duration) *bot.Error {
	d = min(max(d, time.Second), longestPause)
	c.gate.pause(call.Method, d)
	c.o.Log.Warn("slack asks for a pause", "method", call.Method, "pause", d)
	return bot.Errorf(bot.CodeUnavailable, "Slack asks OpsBot to wait %s.", bot.Span(d)).Wait(d)
}

// refusal turns Slack's own word into an error.
func (c *Client) refusal(call Call, r slack.SlackErrorResponse) error {
	cause := fmt.Errorf("slack: %s: %w", call.Method, r)
	if len(r.ResponseMetadata.Messages) > 0 {
		cause = fmt.Errorf("slack: %s: %w %q", call.Method, r, r.ResponseMetadata.Messages)
	}
	switch r.Err {
	case "invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "not_allowed_token_type", "team_access_not_granted", "org_login_required":
		token := "bot token"
		if call.App {
			token = "app token"
		}
		e := bot.Errorf(bot.CodeUnauthenticated, "Slack does not accept OpsBot's %s (%s): the operator must check it; `opsbot doctor` says more.", token, r.Err)
		return c.unusable(e.Backoff().Because(cause), call)
	case "ratelimited", "rate_limited":
		return c.limited(call, defaultPause).Because(cause)
	case "internal_error", "fatal_error", "request_timeout", "service_unavailable", "accesslimited", "team_added_to_org", "user_removed_from_team":
		code := bot.CodeUnknown
		if call.Safe {
			code = bot.CodeUnavailable
		}
		return bot.Errorf(code, "Slack has a fault of its own (%s).", r.Err).Backoff().Because(cause)
	case "missing_scope":
		return bot.Errorf(bot.CodeForbidden, "OpsBot's Slack app lacks the scope %s: the operator must add it and install the app again.", r.Needed).Because(cause)
	}
	return c.place(r.Err).Because(cause)
}

// place is a refusal that is about a conversation, a person or a content.
func (c *Client) place(code string) *bot.Error {
	switch code {
	case "not_in_channel", "channel_not_found":
		return bot.Errorf(bot.CodeForbidden, "OpsBot is not in that Slack channel. Invite it there: /invite @%s", c.o.BotName)
	case "is_archived":
		return bot.Errorf(bot.CodeForbidden, "That Slack channel is archived.")
	case "message_not_found", "thread_not_found", "user_not_found", "users_not_found", "user_not_visible", "no_such_subteam", "file_not_found":
		return bot.Errorf(bot.CodeNotFound, "Slack does not have that (%s).", code)
	case "restricted_action", "restricted_action_read_only_channel", "restricted_action_thread_only_channel", "restricted_action_non_threadable_channel",
		"restricted_action_thread_locked", "cannot_reply_to_message", "cant_update_message", "edit_window_closed", "ekm_access_denied", "no_permission",
		"method_not_supported_for_channel_type", "cant_leave_general", "access_denied", "not_authorized":
		return bot.Errorf(bot.CodeForbidden, "Slack does not let OpsBot do that (%s).", code)
	case "msg_too_long", "msg_blocks_too_long", "invalid_blocks", "invalid_blocks_format", "no_text", "invalid_arguments", "too_many_attachments", "invalid_metadata_format", "metadata_too_large":
		return bot.Errorf(bot.CodeInvalid, "Slack does not take that message (%s); the operator finds the cause in the log.", code)
	}
	return bot.Errorf(bot.CodeUnavailable, "Slack refused that (%s).", code)
}
