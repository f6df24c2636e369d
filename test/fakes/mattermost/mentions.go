package mattermost

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// mentions says who is mentioned by p: members named with @, all of them with @all,
// @channel or @here, and in direct and group channels every one. The author only
// counts where a webhook wrote in his name.
func (s *Server) mentions(p *post, ch *channel) map[string]bool {
	out := map[string]bool{}
	words := atWords(p.Message)
	for _, a := range p.attachments() {
		words = append(words, atWords(a.Pretext)...)
		words = append(words, atWords(a.Text)...)
	}
	everybody := ch.Type == "D" || ch.Type == "G"
	for _, all := range []string{"@all", "@channel", "@here"} {
		everybody = everybody || slices.Contains(words, all)
	}
	system := strings.HasPrefix(p.Type, "system_")
	for id := range ch.members {
		named := slices.Contains(words, "@"+s.state.users[id].Username) || everybody
		if system {
			named = p.props["addedUserId"] == id
		}
		if named && (id != p.UserID || p.props["from_webhook"] == "true") {
			out[id] = true
		}
	}
	return out
}

var (
	fence  = regexp.MustCompile("(?ms)^ {0,3}(```|~~~).*?(^ {0,3}(```|~~~)[ \t]*$|\\z)")
	indent = regexp.MustCompile("(?m)(\\A|\n[ \t]*\n)((    |\t)[^\n]*(\n|\\z))+")
	inline = regexp.MustCompile("(?s)(``+)[^`].*?(``+)|`[^`]+`")
)

// atWords are the words of a text that begin with @, in lower case, without the
// signs that may follow a name. Code doesn't count.
func atWords(text string) []string {
	for _, code := range []*regexp.Regexp{fence, indent, inline} {
		text = code.ReplaceAllString(text, "\n")
	}
	var out []string
	for _, word := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !strings.ContainsRune(":.-_@", r) && !unicode.IsLetter(r) && !unicode.IsNumber(r)
	}) {
		word = strings.TrimLeft(word, ":.-_")
		if !strings.HasPrefix(word, "@") {
			continue
		}
		// Each shorter form counts: a name may itself end with such a sign.
		for out = append(out, word); strings.ContainsAny(word[len(word)-1:], ".-:_"); {
			word = word[:len(word)-1]
			out = append(out, word)
		}
	}
	return out
}
