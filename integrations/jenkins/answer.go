package jenkins

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"opsbot/bot"
	"opsbot/bot/rest"
)

// maxAnswer bounds the values of an answer.
const maxAnswer = 64 << 10

// answerDoc is how somebody answered a question of a build through OpsBot.
type answerDoc struct {
	ID      string `json:"id"`
	By      string `json:"by"`
	Proceed bool   `json:"proceed"`
	// Done: Jenkins has taken it. Else its word may have been lost.
	Done bool `json:"done"`
}

// AnswerInput implements bot.Inputter. Who answered is stored before Jenkins is told,
// for it will only ever say that OpsBot did; and if its word is lost, the next try
// knows that the question went away by our own doing.
func (s *Service) AnswerInput(ctx context.Context, ref bot.BuildRef, answer bot.InputAnswer) error {
	ref, at, err := s.locate(ctx, ref)
	if err != nil {
		return err
	}
	asked, err := s.questions(ctx, at)
	if httpStatus(err) == http.StatusNotFound {
		return s.noInputs(at).Because(err)
	}
	if err != nil {
		return err
	}
	i := slices.IndexFunc(asked, func(j inputJSON) bool { return j.ID == answer.ID && answer.ID != "" })
	if i < 0 {
		return s.answeredBefore(ctx, ref, answer)
	}
	c := command{at: at + "input/" + esc(answer.ID) + "/abort", safe: true} // an id is answered once
	if answer.Proceed {
		form, err := asked[i].form(answer.Values)
		if err != nil {
			return err
		}
		c.at, c.form = at+"input/"+esc(answer.ID)+"/proceed", url.Values{"json": {form}}
	}
	if err := s.noteAnswer(ctx, ref, answer, false); err != nil {
		return err
	}
	if _, err := s.post(ctx, c); err != nil {
		return s.answerError(at, err)
	}
	return s.noteAnswer(ctx, ref, answer, true)
}

func answered() *bot.Error {
	return bot.Errorf(bot.CodeNotFound, "Jenkins does not ask that any more: the question was answered already, or the build has ended.")
}

// answeredBefore is about a question that is not asked (any more).
func (s *Service) answeredBefore(ctx context.Context, ref bot.BuildRef, answer bot.InputAnswer) error {
	d, _, err := read[queueDoc](ctx, s, kindQueue, queueKey(ref.Job, ref.Queue))
	if err != nil {
		return err
	}
	mine := answerDoc{ID: answer.ID, By: answer.By, Proceed: answer.Proceed}
	if !slices.Contains(d.Answers, mine) {
		return answered()
	}
	return s.noteAnswer(ctx, ref, answer, true)
}

func (s *Service) noteAnswer(ctx context.Context, ref bot.BuildRef, answer bot.InputAnswer, done bool) error {
	return change(ctx, s, kindQueue, queueKey(ref.Job, ref.Queue), func(d *queueDoc, _ bool) error {
		d.ask(answer.ID)
		d.Answers = slices.DeleteFunc(d.Answers, func(a answerDoc) bool { return a.ID == answer.ID })
		d.Answers = append(d.Answers, answerDoc{ID: answer.ID, By: answer.By, Proceed: answer.Proceed, Done: done})
		d.Branch, d.At = ref.Branch, s.env.Clock.Now()
		return nil
	})
}

// answerError words what Jenkins says to an answer.
func (s *Service) answerError(at string, err error) error {
	var status *rest.StatusError
	if !errors.As(err, &status) {
		return err
	}
	switch reason := reasonOf(status.Header); {
	case status.Status == http.StatusNotFound, strings.Contains(reason, "already given"):
		return answered().Because(err)
	case strings.HasPrefix(reason, "You need to "):
		return bot.Errorf(bot.CodeForbidden, "Jenkins does not let OpsBot's user %s answer that: %s. Somebody who may can do it at %s",
			s.config.User, bot.Shorten(strings.TrimRight(reason, ". "), 200), s.link(at+"input/")).Because(err)
	}
	return err
}

// form gives each parameter its value, for Jenkins fills in nothing itself.
func (j inputJSON) form(values map[string]string) (string, error) {
	if err := j.check(values); err != nil {
		return "", err
	}
	type parameter struct {
		Name  string `json:"name"`
		Value any    `json:"value"`
	}
	list := []parameter{}
	for _, p := range j.Parameters {
		given, ok := values[p.Name]
		switch kind := p.convert().Kind; {
		case kind == kindPassword && !ok:
			list = append(list, parameter{p.Name, "<DEFAULT>"}) // Jenkins' own word for it
		case !ok && !p.known():
		case !ok && kind == kindBoolean:
			list = append(list, parameter{p.Name, p.Definition.Default == true})
		case !ok:
			list = append(list, parameter{p.Name, p.preset()})
		case kind == kindBoolean:
			yes, err := strconv.ParseBool(given)
			if err != nil {
				return "", bot.Errorf(bot.CodeInvalid, "%q is no value of the parameter %s: it is true or false.", bot.Shorten(given, 60), p.Name)
			}
			list = append(list, parameter{p.Name, yes})
		case kind == kindChoice && !slices.Contains(p.Definition.Choices, given):
			return "", bot.Errorf(bot.CodeInvalid, "%q is no value of the parameter %s%s", bot.Shorten(given, 60), p.Name, bot.Instead(given, p.Definition.Choices))
		default:
			list = append(list, parameter{p.Name, given})
		}
	}
	body, err := json.Marshal(map[string]any{"parameter": list})
	if err != nil {
		return "", bot.Errorf(bot.CodeInternal, "The answer can't be encoded.").Because(err)
	}
	return string(body), nil
}

// known: one of Jenkins' own kinds. Others may want more than a text when nothing is
// given, and are left out then.
func (p inputParameter) known() bool {
	return p.convert().Kind != "string" || p.Type == "StringParameterDefinition"
}

// check refuses values that the question does not have, and too many.
func (j inputJSON) check(values map[string]string) error {
	var names []string
	for _, p := range j.Parameters {
		names = append(names, p.Name)
	}
	size := 0
	for name, value := range values {
		if size += len(name) + len(value); size > maxAnswer {
			return bot.Errorf(bot.CodeTooLarge, "The values of the answer are larger than %d KiB.", maxAnswer>>10)
		}
		if !slices.Contains(names, name) {
			return bot.Errorf(bot.CodeInvalid, "What Jenkins asks has no parameter %s%s", bot.Shorten(name, 60), bot.Instead(name, names))
		}
	}
	return nil
}
