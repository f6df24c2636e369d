package gitlab

import (
	"regexp"
	"strconv"
	"strings"

	gl "gitlab.com/gitlab-org/api/client-go"

	"opsbot/bot"
)

const operationTrailer = "OpsBot-Operation: "

// markForm finds the marker in a description; people may have put text around it.
var markForm = regexp.MustCompile(`#operation=([A-Za-z0-9-]{1,100})`)

// describe is the description that a project is created with: what it is, and a link
// to the OpsBot that made it, which is the marker.
func (f *Forge) describe(spec bot.RepoSpec) string {
	mark := "Made by OpsBot: " + f.env.PublicURL + "/#operation=" + spec.Operation
	if text := bot.Shorten(bot.OneLine(spec.Description), 1500); text != "" {
		return text + "\n\n" + mark
	}
	return mark
}

// marked tells whether a description has the operation's marker.
func marked(description, operation string) bool {
	found := markForm.FindStringSubmatch(description)
	return found != nil && found[1] == operation
}

// full is a project's path with all its groups.
func full(p *gl.Project) string { return p.PathWithNamespace }

func toRepository(p *gl.Project) bot.Repository {
	owner := strings.TrimSuffix(strings.TrimSuffix(p.PathWithNamespace, p.Path), "/")
	return bot.Repository{
		ExternalID: strconv.FormatInt(p.ID, 10), Owner: owner, Name: p.Path,
		URL: p.WebURL, CloneURL: p.HTTPURLToRepo, DefaultBranch: p.DefaultBranch, Private: p.Visibility != gl.PublicVisibility, Archived: p.Archived,
	}
}

func toCommit(c *gl.Commit) bot.Commit {
	out := bot.Commit{
		ID: c.ID, Title: title(c.Message), Author: bot.Shorten(c.AuthorName, 100), Operation: operationOf(c.Message),
	}
	if c.CommittedDate != nil {
		out.At = c.CommittedDate.UTC()
	}
	return out
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
