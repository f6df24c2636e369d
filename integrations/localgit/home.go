package localgit

import (
	"context"
	"strings"
	"sync/atomic"

	"opsbot/bot"
)

// home ties the rows in the store to the one folder that holds the repositories.
// Not to the node's name: the folder may move to another machine, and its rows are
// right wherever it is; a replica with a folder of its own must not serve them.
type home struct {
	identity string // of our folder
	ours     atomic.Bool
}

type homeRecord struct {
	Identity string `json:"identity"`
	Node     string `json:"node"` // for people
}

// atHome returns nil if our folder is the one that the rows belong to; the first
// one that asks becomes it. Otherwise CodeUnavailable, naming the node.
func (f *Forge) atHome(ctx context.Context) error {
	if f.home.ours.Load() {
		return nil
	}
	node, _, _ := strings.Cut(f.env.Owner, ":")
	var have homeRecord
	look := func(ctx context.Context, tx *bot.Tx) error {
		have = homeRecord{}
		rev, err := f.getDoc(ctx, tx, kindHome, "folder", &have)
		if err != nil && bot.CodeOf(err) != bot.CodeNotFound {
			return err
		}
		mine := have.Identity == f.home.identity
		if have.Identity != "" && (!mine || have.Node == node) {
			return nil
		}
		have = homeRecord{Identity: f.home.identity, Node: node}
		return f.putDoc(ctx, tx, kindHome, "folder", rev, have)
	}
	if err := f.env.Work.Write(ctx, look); err != nil {
		return err
	}
	if have.Identity != f.home.identity {
		return bot.Errorf(bot.CodeUnavailable, "The repositories of %s live on the node %s; this one cannot reach them.",
			f.env.Name, bot.Escape(have.Node)).Backoff()
	}
	f.home.ours.Store(true)
	return nil
}
