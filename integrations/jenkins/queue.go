package jenkins

import (
	"context"
	"strconv"

	"opsbot/bot"
)

// queueJSON is an item of the queue.
type queueJSON struct {
	ID         int64   `json:"id"`
	Why        string  `json:"why"`
	Since      int64   `json:"inQueueSince"`
	Cancelled  bool    `json:"cancelled"`
	Actions    actions `json:"actions"`
	Executable *struct {
		Number int    `json:"number"`
		URL    string `json:"url"`
	} `json:"executable"`
}

const queueTree = "id,why,inQueueSince,cancelled,executable[number,url]," + actionsTree

func (s *Service) readQueue(ctx context.Context, id string) (*queueJSON, error) {
	if _, err := strconv.ParseUint(id, 10, 64); err != nil {
		return nil, bot.Errorf(bot.CodeNotFound, "Jenkins has no item %s in its queue.", bot.Shorten(id, 40))
	}
	q := &queueJSON{}
	return q, s.getJSON(ctx, "/queue/item/"+id+"/", queueTree, q)
}

// awaitLeft waits until an item of the queue is a build, or is no more.
func (s *Service) awaitLeft(ctx context.Context, id string) error {
	for {
		q, err := s.readQueue(ctx, id)
		if bot.CodeOf(err) == bot.CodeNotFound {
			return nil
		}
		if err != nil || q.Executable != nil || q.Cancelled {
			return err
		}
		if !s.pause(ctx, s.look) {
			return bot.Errorf(bot.CodeUnavailable, "Another build of the branch still waits in Jenkins' queue (%s).", bot.Shorten(q.Why, 100)).Backoff().Because(ctx.Err())
		}
	}
}

// actions hold causes and parameters, of builds and of items of the queue.
type actions []struct {
	Class  string `json:"_class"`
	Causes []struct {
		Class            string `json:"_class"`
		ShortDescription string `json:"shortDescription"`
		UserID           string `json:"userId"`
		UserName         string `json:"userName"`
	} `json:"causes"`
	Parameters []struct {
		Name  string `json:"name"`
		Value any    `json:"value"`
	} `json:"parameters"`
	Revision *struct {
		SHA1   string `json:"SHA1"`
		Branch []struct {
			Name string `json:"name"`
		} `json:"branch"`
	} `json:"lastBuiltRevision"`
	FailCount  int    `json:"failCount"`
	SkipCount  int    `json:"skipCount"`
	TotalCount *int   `json:"totalCount"`
	URLName    string `json:"urlName"`
	Waited     int64  `json:"waitingDurationMillis"`
}

// value is a parameter as text.
func (a actions) value(name string) (string, bool) {
	v, ok := a.parameters()[name]
	return v, ok
}

func (a actions) parameters() map[string]string {
	var out map[string]string
	for _, one := range a {
		for _, p := range one.Parameters {
			if out == nil {
				out = map[string]string{}
			}
			switch v := p.Value.(type) {
			case string:
				out[p.Name] = v
			case bool:
				out[p.Name] = strconv.FormatBool(v)
			case float64:
				out[p.Name] = strconv.FormatFloat(v, 'f', -1, 64)
			}
		}
	}
	return out
}

// has tells whether all of these parameters have these values.
func (a actions) has(want map[string]string) bool {
	have := a.parameters()
	for name, value := range want {
		if have[name] != value {
			return false
		}
	}
	return true
}

func (a actions) startedBy(user string) bool {
	for _, one := range a {
		for _, c := range one.Causes {
			if c.UserID == user {
				return true
			}
		}
	}
	return false
}

// by is the person who started a build, "" if it was no person.
func (a actions) by() string {
	for _, one := range a {
		for _, c := range one.Causes {
			if c.UserID != "" {
				return bot.Shorten(c.UserName, 100)
			}
		}
	}
	return ""
}
