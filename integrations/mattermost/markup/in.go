package markup

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/mattermost/mattermost/server/public/shared/markdown"
)

// Names reports whether a message mentions the account by name, in the way the
// server decides it: with @, in any case, behind or before signs, in bold and in
// quotes, but not in code and not as a part of another name. Its own parser is used.
func Names(message, username string) bool {
	want, found := "@"+strings.ToLower(username), false
	if indexFold(strings.ReplaceAll(message, `\`, ""), want) < 0 {
		return false // most of what people say: it need not be parsed
	}
	var held strings.Builder
	flush := func() {
		found = found || anyWord(held.String(), want)
		held.Reset()
	}
	markdown.Inspect(message, func(node any) bool {
		if text, ok := node.(*markdown.Text); ok {
			held.WriteString(text.Text)
			return false
		}
		flush()
		return true
	})
	flush()
	return found
}

// anyWord is the server's search in a piece of text.
func anyWord(text, want string) bool {
	for _, word := range strings.FieldsFunc(text, func(c rune) bool {
		return !strings.ContainsRune(":.-_@", c) && !unicode.IsLetter(c) && !unicode.IsNumber(c)
	}) {
		if word[0] == ':' && word[len(word)-1] == ':' {
			continue // by its form the name of an emoji
		}
		if oneWord(strings.ToLower(strings.TrimLeft(word, ":.-_")), want) {
			return true
		}
	}
	return false
}

func oneWord(word, want string) bool {
	if word == want {
		return true
	}
	for cut := word; cut != "" && strings.ContainsRune(".-:_", rune(cut[len(cut)-1])); {
		if cut = cut[:len(cut)-1]; cut == want {
			return true
		}
	}
	if strings.HasPrefix(word, "@") || !strings.ContainsAny(word, ".-:") {
		return false
	}
	for _, part := range strings.FieldsFunc(word, func(c rune) bool { return c == '.' || c == '-' || c == ':' }) {
		if part == want {
			return true
		}
	}
	return false
}

// Self is the bot as it is called in a chat and in the texts of OpsBot.
type Self struct{ Username, BotName string }

var (
	labelledLink = regexp.MustCompile(`\[[^\[\]\n]*\]\((https?://[^\s()<>]+)\)`)
	angledLink   = regexp.MustCompile(`<(https?://[^\s<>]+)>`)
	channelName  = regexp.MustCompile(`(^|[\s(,;:])~([a-z0-9][a-z0-9_-]*)`)
)

// Said is what a person wrote as the plain text that a command is read from: the
// bot's mention by the name it has in texts, links as their addresses, channels as
// "#name".
func Said(message string, self Self) string {
	text := strings.ReplaceAll(message, Gap, "")
	text = labelledLink.ReplaceAllString(text, "$1")
	text = angledLink.ReplaceAllString(text, "$1")
	text = channelName.ReplaceAllString(text, "$1#$2")
	return strings.TrimSpace(renamed(text, self))
}

// renamed replaces mentions of the account, and takes the bold off a mention.
func renamed(text string, self Self) string {
	var b strings.Builder
	want := "@" + strings.ToLower(self.Username)
	for text != "" {
		at := indexFold(text, want)
		if at < 0 {
			break
		}
		rest := text[at+len(want):]
		if belongs(rest) || at > 0 && isNameByte(text[at-1]) {
			b.WriteString(text[:at+len(want)])
			text = rest
			continue
		}
		before := text[:at]
		for _, mark := range []string{"***", "**", "__", "*", "_", "~~"} {
			if strings.HasSuffix(before, mark) && strings.HasPrefix(rest, mark) {
				before, rest = strings.TrimSuffix(before, mark), strings.TrimPrefix(rest, mark)
				break
			}
		}
		b.WriteString(before + "@" + self.BotName)
		text = rest
	}
	return b.String() + text
}

// indexFold is strings.Index without regard to case; want begins with @. Changing the
// case of the text first could move what is found.
func indexFold(text, want string) int {
	for i := 0; i+len(want) <= len(text); i++ {
		if text[i] == '@' && strings.EqualFold(text[i:i+len(want)], want) {
			return i
		}
	}
	return -1
}

// belongs reports whether what follows a name makes it a longer one.
func belongs(rest string) bool {
	tail := strings.TrimLeft(rest, ".-_")
	return tail != "" && isNameByte(tail[0])
}

func isNameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c >= 0x80
}
