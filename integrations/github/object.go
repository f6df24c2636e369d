package github

import (
	"fmt"

	"opsbot/bot"
	"opsbot/bot/rest"
)

// commitOf reads a commit of a push.
func commitOf(o rest.Object) (c bot.Commit, err error) {
	if c.ID, err = o.Text("id", 64); err != nil {
		return c, err
	}
	if !hashForm.MatchString(c.ID) || unzero(c.ID) == "" {
		return c, fmt.Errorf("a commit has no usable id")
	}
	message, err := o.Text("message", maxBody)
	if err != nil {
		return c, err
	}
	c.Title, c.Operation = title(message), operationOf(message)
	c.At = moment(o["timestamp"])
	var author rest.Object
	if err := o.Read("author", &author); err != nil {
		return c, err
	}
	c.Author, err = author.Text("name", 1<<12)
	c.Author = bot.Shorten(c.Author, 100)
	return c, err
}
