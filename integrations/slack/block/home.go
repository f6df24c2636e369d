package block

import (
	"strings"

	"github.com/slack-go/slack"

	"opsbot/bot"
)

// Home renders the App Home: a section for each post.
func Home(posts []bot.Post, o Options) slack.HomeTabViewRequest {
	var blocks []slack.Block
	for i, p := range posts {
		title := p.Title
		p.Title = ""
		m := Post(p, o)
		section := m.Blocks
		if title != "" {
			section = append([]slack.Block{slack.NewHeaderBlock(label(plain(title), maxHeader))}, section...)
		}
		if i > 0 {
			section = append([]slack.Block{slack.NewDividerBlock()}, section...)
		}
		if len(blocks)+len(section) >= maxViewBlocks {
			more := Post(bot.Post{Text: []bot.Text{"… There is more than can be shown here."}}, o)
			blocks = append(blocks, more.Blocks...)
			break
		}
		blocks = append(blocks, section...)
	}
	renumber(blocks)
	return slack.HomeTabViewRequest{Type: slack.VTHomeTab, Blocks: slack.Blocks{BlockSet: blocks}}
}

// Say is the home when there is nothing but a sentence to show.
func Say(text bot.Text) slack.HomeTabViewRequest {
	return Home([]bot.Post{{Text: []bot.Text{text}}}, Options{})
}

// renumber gives what can be pressed ids that are unique in the view.
func renumber(blocks []slack.Block) {
	for i, b := range blocks {
		actions, ok := b.(*slack.ActionBlock)
		if !ok {
			continue
		}
		for _, e := range actions.Elements.ElementSet {
			section := string(rune('a' + i%26))
			switch e := e.(type) {
			case *slack.ButtonBlockElement:
				e.ActionID += strings.Repeat(section, i/26+1)
			case *slack.SelectBlockElement:
				e.ActionID += strings.Repeat(section, i/26+1)
			}
		}
	}
}
