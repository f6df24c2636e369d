package sign

import (
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"

	"opsbot/bot"
)

// slackWindow is how far a request's timestamp may be from our clock: what
// Slack's documentation asks for against replays.
const slackWindow = 5 * time.Minute

const (
	slackSignature = "X-Slack-Signature"
	slackTimestamp = "X-Slack-Request-Timestamp"
)

// Slack verifies v0 signatures: X-Slack-Signature: v0=HEX, an HMAC-SHA256 over
// "v0:TIMESTAMP:BODY", with the timestamp at most five minutes from now.
type Slack struct {
	clock bot.Clock
	keys  [][]byte
}

var _ Scheme = (*Slack)(nil)

// NewSlack makes the scheme; clock judges the age of requests.
func NewSlack(clock bot.Clock, keys ...string) (*Slack, error) {
	k, err := checkKeys("slack signature", keys)
	if err != nil {
		return nil, err
	}
	return &Slack{clock: clock, keys: k}, nil
}

// Verify implements Scheme.
func (s *Slack) Verify(header http.Header, body []byte) error {
	stamp, err := single(header, slackTimestamp)
	if err != nil {
		return err
	}
	value, err := single(header, slackSignature)
	if err != nil {
		return err
	}
	digits, ok := strings.CutPrefix(value, "v0=")
	got, hexErr := hex.DecodeString(digits)
	if !ok || hexErr != nil || len(got) != 32 {
		return refuse("%s is not v0= and 64 hexadecimal digits", slackSignature)
	}
	// The signature first: whoever cannot sign learns nothing about our clock.
	if !anyMAC(sha256Only()[0], s.keys, got, []byte("v0:"+stamp+":"), body) {
		return refuse("%s does not match the body", slackSignature)
	}
	return s.fresh(stamp)
}

// fresh refuses what is older or newer than the window: a recorded request must
// not work for ever.
func (s *Slack) fresh(stamp string) error {
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || seconds < 0 || seconds > 1<<40 {
		return refuse("%s is not a time in seconds", slackTimestamp)
	}
	age := s.clock.Now().Sub(time.Unix(seconds, 0))
	if age > slackWindow || age < -slackWindow {
		return refuse("%s is %s from this machine's clock, more than %s", slackTimestamp, age.Abs().Truncate(time.Second), slackWindow)
	}
	return nil
}

// Sign implements Scheme.
func (s *Slack) Sign(header http.Header, body []byte) {
	stamp := strconv.FormatInt(s.clock.Now().Unix(), 10)
	sum := mac(sha256Only()[0], s.keys[0], []byte("v0:"+stamp+":"), body)
	header.Set(slackTimestamp, stamp)
	header.Set(slackSignature, "v0="+hex.EncodeToString(sum))
}
