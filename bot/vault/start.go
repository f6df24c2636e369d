package vault

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"opsbot/bot"
)

// The document that names the key with which all is sealed.
const (
	documentOwner = "opsbot"
	documentKind  = "secrets"
	documentKey   = "key"
)

type keyDoc struct {
	ID string `json:"id"`
}

// Start reads the keys, compares them with what the store was sealed with, and seals
// anew what an older key has sealed. A key that can't be used is no error: everything
// but secrets works without it, and who uses them, the log and doctor say what is wrong.
func (v *Vault) Start(ctx context.Context) error {
	r, err := v.load(ctx)
	if err == nil {
		err = v.opt.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) error { return v.adopt(ctx, tx, r) })
	}
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.ring, v.problem = r, nil
	if err != nil {
		v.problem = unusable(err)
		v.opt.Log.Error("vault: secrets can't be used", "error", err)
	}
	return nil
}

// adopt makes r's first key the store's: it is already, or was followed by it, or there
// is nothing that another key has sealed.
func (v *Vault) adopt(ctx context.Context, tx *bot.Tx, r *ring) error {
	doc, id, err := sealedWith(ctx, tx)
	if err != nil {
		return err
	}
	all, err := tx.Secrets.Of(ctx, "")
	if err != nil {
		return err
	}
	if r == nil {
		if len(all) > 0 {
			return fmt.Errorf("the secrets were sealed with the key %s, and %s is not there; put it back, or name the key in the configuration (secrets: key)", short(id), v.opt.File)
		}
		if id == "" {
			return nil
		}
		return name(ctx, tx, doc, "") // the next key may be any
	}
	if _, known := r.find(id); id != "" && !known && len(all) > 0 {
		return mismatch(id, r.primary.id)
	}
	for _, s := range all {
		if err := v.reseal(ctx, tx, r, s); err != nil {
			return err
		}
	}
	if id == r.primary.id {
		return nil
	}
	return name(ctx, tx, doc, r.primary.id)
}

func mismatch(theirs, ours string) error {
	return fmt.Errorf("the secrets were sealed with the key %s, this process has the key %s; all replicas must be given the same one (secrets: key), a former one goes below secrets: old_keys", short(theirs), short(ours))
}

// short is enough of a key's id to tell it from another.
func short(id string) string { return id[:min(len(id), 8)] }

// reseal seals a secret with the first key if it was sealed with an older one. What can't
// be opened is left for a day when its key is there.
func (v *Vault) reseal(ctx context.Context, tx *bot.Tx, r *ring, s bot.SealedSecret) error {
	k, ok := r.find(s.KeyID)
	if ok && k.id == r.primary.id {
		return nil
	}
	var body []byte
	err := fmt.Errorf("sealed with the key %s, which is not there", short(s.KeyID))
	if ok {
		body, err = k.open(s.Sealed, about(s.ProjectSecret))
	}
	if err != nil {
		v.opt.Log.Warn("vault: a secret can't be opened", "project", s.ProjectID, "key", s.Key, "environment", s.Environment, "error", err)
		return nil
	}
	s.KeyID, s.Sealed = r.primary.id, r.primary.seal(body, about(s.ProjectSecret))
	return tx.Secrets.Put(ctx, s)
}

// sealedWith reads which key the store's secrets were sealed with; "" = none yet.
func sealedWith(ctx context.Context, tx *bot.Tx) (doc bot.Document, id string, err error) {
	doc, err = tx.Documents.Get(ctx, documentOwner, documentKind, documentKey)
	if bot.CodeOf(err) == bot.CodeNotFound {
		return bot.Document{}, "", nil
	}
	if err != nil {
		return doc, "", err
	}
	var d keyDoc
	if err := json.Unmarshal(doc.Body, &d); err != nil {
		return doc, "", fmt.Errorf("vault: read which key is used: %w", err)
	}
	return doc, d.ID, nil
}

// name notes which key the secrets are sealed with.
func name(ctx context.Context, tx *bot.Tx, doc bot.Document, id string) error {
	body, err := json.Marshal(keyDoc{ID: id})
	if err != nil {
		return fmt.Errorf("vault: encode which key is used: %w", err)
	}
	_, err = tx.Documents.Put(ctx, bot.Document{Instance: documentOwner, Kind: documentKind, Key: documentKey, Rev: doc.Rev, Body: body})
	return err
}

// ready gives the keys when the first one is the store's, or becomes it now. Another
// replica may have named its own since the start.
func (v *Vault) ready(ctx context.Context, tx *bot.Tx) (*ring, error) {
	r, err := v.sealing()
	if err != nil {
		return nil, err
	}
	doc, id, err := sealedWith(ctx, tx)
	switch {
	case err != nil:
		return nil, err
	case id == "":
		return r, name(ctx, tx, doc, r.primary.id)
	case id != r.primary.id:
		err := mismatch(id, r.primary.id)
		v.opt.Log.Error("vault: secrets can't be used", "error", err)
		return nil, unusable(err)
	}
	return r, nil
}

// Probe implements bot.Prober.
func (v *Vault) Probe(ctx context.Context) []bot.Finding {
	v.mu.Lock()
	r, problem := v.ring, v.problem
	v.mu.Unlock()
	bad := func(err error) []bot.Finding { return []bot.Finding{{Subject: "key", Text: err.Error()}} }
	if problem != nil {
		return bad(problem.Unwrap())
	}
	if r == nil {
		return []bot.Finding{{OK: true, Subject: "key", Text: "no secret was set yet; the first one makes " + v.opt.File}}
	}
	var id string
	err := v.opt.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
		_, id, err = sealedWith(ctx, tx)
		return err
	})
	switch {
	case err != nil:
		return bad(err)
	case id != "" && id != r.primary.id:
		return bad(mismatch(id, r.primary.id))
	}
	from := v.opt.File
	if !v.opt.Key.IsZero() {
		from = v.opt.Key.String()
	}
	return []bot.Finding{{OK: true, Subject: "key", Text: "the key " + short(r.primary.id) + " of " + from + " seals the secrets"}}
}

// sealedMark begins what Seal gives.
const sealedMark = "sealed:"

// Seal implements bot.Sealer.
func (v *Vault) Seal(ctx context.Context, purpose, value string) (string, error) {
	var r *ring
	err := v.opt.Work.Write(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
		r, err = v.ready(ctx, tx)
		return err
	})
	if err != nil {
		return "", err
	}
	return sealedMark + r.primary.id + ":" + base64.RawStdEncoding.EncodeToString(r.primary.seal([]byte(value), purposeOf(purpose))), nil
}

// Unseal implements bot.Sealer.
func (v *Vault) Unseal(_ context.Context, purpose, sealed string) (string, error) {
	wrong := func(err error) (string, error) {
		return "", bot.Errorf(bot.CodeInternal, "What was sealed until it would be used can't be opened.").Because(err)
	}
	rest, ok := strings.CutPrefix(sealed, sealedMark)
	id, text, both := strings.Cut(rest, ":")
	if !ok || !both {
		return wrong(fmt.Errorf("vault: it is not sealed"))
	}
	r, err := v.keys()
	if err != nil {
		return "", err
	}
	k, ok := r.find(id)
	if !ok {
		return wrong(fmt.Errorf("vault: sealed with the key %s", short(id)))
	}
	raw, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return wrong(err)
	}
	value, err := k.open(raw, purposeOf(purpose))
	if err != nil {
		return wrong(err)
	}
	return string(value), nil
}

func purposeOf(text string) []byte { return []byte("waits: " + text) }
