package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"opsbot/bot"
)

// Object is a JSON object of a foreign body by exact key, for bodies that are signed. encoding/json alone would also take "Ref"
// for "ref", and the last of two equal keys: both make the meaning depend on order.
type Object map[string]json.RawMessage

// UnmarshalJSON implements json.Unmarshaler.
func (o *Object) UnmarshalJSON(data []byte) error {
	if bytes.Equal(bytes.TrimSpace(data), []byte("null")) {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return errors.New("not an object")
	}
	*o = Object{}
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

// Text reads a string of at most limit bytes; absent and null are "".
func (o Object) Text(key string, limit int) (string, error) {
	var s string
	if err := o.Read(key, &s); err != nil {
		return "", err
	}
	if len(s) > limit {
		return "", fmt.Errorf("%s is over %d bytes", key, limit)
	}
	return s, nil
}

// Read decodes a value; an absent one leaves into as it is.
func (o Object) Read(key string, into any) error {
	raw, ok := o[key]
	if !ok {
		return nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}
