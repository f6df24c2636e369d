package github

import (
	"bytes"
	"encoding/json"
	"fmt"

	"opsbot/bot"
)

// object is a JSON object by exact key. encoding/json alone would also take "Ref"
// for "ref", and the last of two equal keys: both make the meaning depend on order.
type object map[string]json.RawMessage

// UnmarshalJSON implements json.Unmarshaler.
func (o *object) UnmarshalJSON(data []byte) error {
	if bytes.Equal(bytes.TrimSpace(data), []byte("null")) {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return fmt.Errorf("not an object")
	}
	*o = object{}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return err
		}
		key, _ := t.(string)
		if _, twice := (*o)[key]; twice {
			return fmt.Errorf("the key %q is there twice", bot.Shorten(key, 40))
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return err
		}
		(*o)[key] = value
	}
	return nil
}

// text reads a string; absent and null are "".
func (o object) text(key string, limit int) (string, error) {
	var s string
	if err := o.read(key, &s); err != nil {
		return "", err
	}
	if len(s) > limit {
		return "", fmt.Errorf("%s is over %d bytes", key, limit)
	}
	return s, nil
}

func (o object) read(key string, into any) error {
	raw, ok := o[key]
	if !ok {
		return nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}

func (o object) commit() (c bot.Commit, err error) {
	if c.ID, err = o.text("id", 64); err != nil {
		return c, err
	}
	if !hashForm.MatchString(c.ID) || unzero(c.ID) == "" {
		return c, fmt.Errorf("a commit has no usable id")
	}
	message, err := o.text("message", maxBody)
	if err != nil {
		return c, err
	}
	c.Title, c.Operation = title(message), operationOf(message)
	c.At = moment(o["timestamp"])
	var author object
	if err := o.read("author", &author); err != nil {
		return c, err
	}
	c.Author, err = author.text("name", 1<<12)
	c.Author = bot.Shorten(c.Author, 100)
	return c, err
}
