package github

import (
	"strconv"
	"strings"

	gh "github.com/google/go-github/v60/github"

	"opsbot/bot"
)

const (
	homepageMark     = "#operation="
	operationTrailer = "OpsBot-Operation: "
)

// homepage is the marker that a repository is created with: it leads people to the
// OpsBot that made it.
func (f *Forge) homepage(operation string) string {
	return f.env.PublicURL + "/" + homepageMark + operation
}

// markOf reads the operation from a homepage; "" without one.
func markOf(homepage string) string {
	_, id, _ := strings.Cut(homepage, homepageMark)
	return id
}

func full(r *gh.Repository) string { return r.GetOwner().GetLogin() + "/" + r.GetName() }

func toRepository(r *gh.Repository) bot.Repository {
	return bot.Repository{
		ExternalID: strconv.FormatInt(r.GetID(), 10), Owner: r.GetOwner().GetLogin(), Name: r.GetName(),
		URL: r.GetHTMLURL(), CloneURL: r.GetCloneURL(), DefaultBranch: r.GetDefaultBranch(), Private: r.GetPrivate(), Archived: r.GetArchived(),
	}
}

func toCommit(c *gh.RepositoryCommit) bot.Commit {
	git := c.GetCommit()
	return bot.Commit{
		ID: c.GetSHA(), Title: title(git.GetMessage()), Author: bot.Shorten(git.GetAuthor().GetName(), 100),
		At: git.GetCommitter().GetDate().UTC(), Operation: operationOf(git.GetMessage()),
	}
}

// title is the first line of a message that says something, cut for a card.
func title(message string) string {
	for line := range strings.Lines(message) {
		if line = strings.TrimSpace(line); line != "" {
			return bot.Shorten(line, 250)
		}
	}
	return ""
}

// operationOf reads the trailer, from the last paragraph only: anybody may quote it
// elsewhere.
func operationOf(message string) string {
	message = strings.TrimSpace(message)
	last := message[strings.LastIndex(message, "\n\n")+1:]
	for line := range strings.Lines(last) {
		if id, ok := strings.CutPrefix(strings.TrimSpace(line), operationTrailer); ok && len(id) <= 100 {
			return strings.TrimSpace(id)
		}
	}
	return ""
}
