package gitea

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	sdk "code.gitea.io/sdk/gitea"

	"opsbot/bot"
)

const (
	websiteMark      = "#operation="
	operationTrailer = "OpsBot-Operation: "
)

// website leads people to the OpsBot that made a repository, and marks it.
func (f *Forge) website(operation string) string {
	return f.env.PublicURL + "/" + websiteMark + operation
}

var descriptionMark = regexp.MustCompile(`^(?s)(.*?) ?\(being set up by OpsBot: ([A-Za-z0-9._-]{1,100})\)$`)

// marked is a description with the operation at its end.
func marked(description, operation string) string {
	text := bot.Shorten(bot.OneLine(description), 350)
	if operation == "" {
		return text
	}
	return strings.TrimSpace(text + " (being set up by OpsBot: " + operation + ")")
}

// unmarked takes a description apart; operation is "" where there is no mark.
func unmarked(description string) (text, operation string) {
	if found := descriptionMark.FindStringSubmatch(description); found != nil {
		return found[1], found[2]
	}
	return description, ""
}

// carriesMark tells whether the repository itself names the operation.
func carriesMark(r *sdk.Repository, operation string) bool {
	_, byText := unmarked(r.Description)
	_, bySite, _ := strings.Cut(r.Website, websiteMark)
	return operation != "" && (byText == operation || bySite == operation)
}

func owner(r *sdk.Repository) string {
	if r.Owner == nil {
		return ""
	}
	return r.Owner.UserName
}

func full(r *sdk.Repository) string { return owner(r) + "/" + r.Name }

func toRepository(r *sdk.Repository) bot.Repository {
	return bot.Repository{
		ExternalID: strconv.FormatInt(r.ID, 10), Owner: owner(r), Name: r.Name,
		URL: r.HTMLURL, CloneURL: r.CloneURL, DefaultBranch: r.DefaultBranch, Private: r.Private || r.Internal, Archived: r.Archived,
	}
}

// toCommit reads a commit; false if it has no usable id.
func toCommit(c *sdk.Commit) (bot.Commit, bool) {
	if c == nil || c.CommitMeta == nil || !hashForm.MatchString(c.SHA) {
		return bot.Commit{}, false
	}
	out := bot.Commit{ID: c.SHA}
	if git := c.RepoCommit; git != nil {
		out.Title, out.Operation = title(git.Message), operationOf(git.Message)
		if git.Author != nil {
			out.Author = bot.Shorten(git.Author.Name, 100)
		}
		if git.Committer != nil {
			out.At = moment(git.Committer.Date)
		}
	}
	return out, true
}

// moment reads RFC 3339; zero for anything else.
func moment(text string) time.Time {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || at.Year() < 1970 || at.Year() > 4000 {
		return time.Time{}
	}
	return at.UTC().Truncate(time.Microsecond)
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
