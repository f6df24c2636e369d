// Package block renders what the bot says as Slack's Block Kit: posts, the App Home
// and forms. It is pure: nothing here calls Slack.
//
// All text is put into rich_text blocks and plain_text objects, whose text Slack
// shows literally. mrkdwn, in which "<!channel>" or "<http://a|b>" in a commit title
// would come alive, is used for the notification's text alone, where it is escaped.
package block

import "unicode/utf16"

// Slack's bounds, in characters (UTF-16 units, the strictest way to count) or as
// said. Those of a message as a whole are undocumented: 13,200 bytes of blocks were
// found to be refused with msg_blocks_too_long.
const (
	maxText        = 3000  // of one text, and of one rich_text block
	maxNotice      = 3000  // of the text that notifications show; Slack takes 40,000
	maxMessage     = 12000 // of all of a message's blocks, as bytes of JSON
	maxBlocks      = 50    // of a message
	maxViewBlocks  = 100   // of a form or an App Home
	maxHeader      = 150
	maxButton      = 75
	maxOptions     = 100
	maxOption      = 75 // of an option's text, and of its value
	maxTitle       = 24 // of a form, and of its buttons
	maxLabel       = 2000
	mostButtons    = 5    // more buttons than this become a menu
	maxLink        = 2500 // of an address with its label: a link is never split
	maxFormFields  = maxViewBlocks - 2
	maxFieldLength = 3000
)

// size is how many characters s has for Slack.
func size(s string) int {
	n := 0
	for _, r := range s {
		n += utf16.RuneLen(r)
	}
	return n
}

// cut shortens s to at most n characters, the last of them an ellipsis when cut.
func cut(s string, n int) string {
	if size(s) <= n {
		return s
	}
	return head(s, n-1) + "…"
}

// head is the longest beginning of s with at most n characters.
func head(s string, n int) string {
	for i, r := range s {
		if n -= utf16.RuneLen(r); n < 0 {
			return s[:i]
		}
	}
	return s
}
