package markup

import (
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/mattermost/mattermost/server/public/shared/markdown"
)

// seen is what Mattermost's own parser makes of Markdown.
type seen struct {
	text  strings.Builder
	links map[string]string // visible label -> address
	odd   []string
}

// look reads Markdown as the server does. What it finds besides text, code, addresses
// and links is odd.
func look(md string) *seen {
	s := &seen{links: map[string]string{}}
	blocks, definitions := markdown.Parse(md)
	if len(definitions) > 0 {
		s.odd = append(s.odd, "a reference definition")
	}
	markdown.InspectBlock(blocks, func(b markdown.Block) bool {
		switch b := b.(type) {
		case nil, *markdown.Document:
		case *markdown.Paragraph:
			for _, inline := range markdown.MergeInlineText(b.ParseInlines(definitions)) {
				s.inline(inline)
			}
			s.text.WriteString("\n")
		case *markdown.FencedCode:
			s.text.WriteString(b.Code() + "\n")
		default:
			s.odd = append(s.odd, strings.TrimPrefix(strings.TrimPrefix(typeName(b), "*"), "markdown."))
		}
		return true
	})
	return s
}

func (s *seen) inline(inline markdown.Inline) {
	switch n := inline.(type) {
	case *markdown.Text:
		s.words(n.Text)
	case *markdown.CodeSpan:
		s.text.WriteString("`" + n.Code + "`")
	case *markdown.SoftLineBreak, *markdown.HardLineBreak:
		s.text.WriteString("\n")
	case *markdown.Autolink:
		s.links[n.Destination()] = n.Destination()
		s.text.WriteString(n.Destination())
	case *markdown.InlineLink:
		inner := &seen{links: map[string]string{}}
		for _, child := range markdown.MergeInlineText(n.Children) {
			inner.inline(child)
		}
		s.odd = append(s.odd, inner.odd...)
		s.links[inner.plain()] = n.Destination()
		s.text.WriteString(inner.text.String())
	default:
		s.odd = append(s.odd, typeName(n))
	}
}

var (
	mention = regexp.MustCompile(`@[.:_-]*[A-Za-z0-9]`)
	channel = regexp.MustCompile(`~[a-z0-9]`)
	tag     = regexp.MustCompile(`(^|\W)#\pL`)
	named   = regexp.MustCompile(`:([A-Za-z0-9_+-]|[A-Za-z0-9_+-]*[A-Za-z_+-][A-Za-z0-9_+-]*|[0-9]{3,}):\B`)
)

// words checks text for what is looked for in it after it was parsed.
func (s *seen) words(text string) {
	for what, form := range map[string]*regexp.Regexp{"a mention": mention, "a channel": channel, "a tag": tag, "an emoji": named} {
		if form.MatchString(text) {
			s.odd = append(s.odd, what+" in "+text)
		}
	}
	s.text.WriteString(text)
}

// plain is the visible text, its spaces as a reader sees them.
func (s *seen) plain() string { return flat(strings.ReplaceAll(s.text.String(), Gap, "")) }

func flat(s string) string { return strings.Join(strings.Fields(s), " ") }

func typeName(v any) string {
	return strings.TrimPrefix(strings.Split(strings.TrimPrefix(strings.ReplaceAll(typeOf(v), "*", ""), "markdown."), "{")[0], " ")
}

// unescaped are signs of emphasis that no backslash stands before; the server's parser
// knows nothing of them, the clients do.
func unescaped(md string) string {
	md = regexp.MustCompile(`\\.`).ReplaceAllString(md, "")
	md = regexp.MustCompile(`https?://[^\s]+`).ReplaceAllString(md, "")
	return regexp.MustCompile("[^*_`|$]+").ReplaceAllString(md, "")
}

// sameAddress compares what is shown of an address with where it leads: what is encoded
// in it is shown as it is.
func sameAddress(label, address string) bool {
	decoded, err := url.PathUnescape(address)
	return label == address || err == nil && label == decoded
}

// begins finds what makes a line more than text; the server's parser does not know all
// of it.
var begins = regexp.MustCompile("(?m)^ {0,3}(#{1,6}( |$)|[-+*]( |$)|[0-9]{1,9}[.)]( |$)|>|=+ *$|-{2,} *$|~~~|```|    )|<")

// corpus is foreign text that tries to be more.
func corpus() []string {
	return []string{
		"@here @all @channel @alice", "x@opsbot.com", "~ops", "#tag", ":smile: :100: 13:50:54", "**bold** _it_ ~~gone~~ `code`",
		"[label](http://evil.example)", "![image](http://evil.example/x.png)", "<http://evil.example>", "<b>html</b> &lt; &amp;amp;",
		"http://good.example@evil.example/", "https://example.com/a_b_c?x=1&copy=2", "www.evil.example", "javascript://x", "# heading",
		"- item", "1. item", "12) item", "> quote", "    code", "```\nfence", "a | b\n--- | ---", "===", "---", "$x$ $$y$$", "\\@here",
		"&#64;here", "\\[x](y)", "[x]: http://evil.example", "a\u202eb", "@\u200bhere", ":) ;-) <3 </3 :D", "hello_world_x __init__", "`", "``", "*",
		"ends with \\", "https://example.com).", "(https://example.com/a(b)c)", "mail me: a.b@example.com!", "::a:b::c:", "@@@", "~~~", "!", "[", "]",
		"\xff\xfe", "\x00\x1b[31m", "a\tb\u00a0c", "@", "@ here", "e.g. www. and ://", "HTTP://EVIL.EXAMPLE", "ftp://x.example", "#1 #a#b",
	}
}

func TestOracleFindsWhatIsEvil(t *testing.T) {
	t.Parallel()
	for _, md := range []string{"@here", "\\@here", "&#64;here", ":smile:", "~ops", "#tag", "![x](http://y)", "- x", "> x", "[x]: y"} {
		if s := look(md); len(s.odd) == 0 && s.plain() == md {
			t.Errorf("the oracle finds nothing in %q", md)
		}
	}
	if s := look("[good](http://evil.example)"); s.links["good"] != "http://evil.example" {
		t.Errorf("the oracle sees the links %v", s.links)
	}
	if unescaped("a *b* \\*c") != "**" {
		t.Error("the oracle finds no emphasis")
	}
}
