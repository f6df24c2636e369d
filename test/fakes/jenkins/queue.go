package jenkins

import (
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"time"
)

// queued is an item of the queue; after it left, for five minutes.
type queued struct {
	id        int
	job       *item
	causes    []object
	params    []object // nil: not parameterised
	since     time.Time
	due       time.Time
	gone      time.Time
	cancelled bool
	build     *build
}

func (q *queued) left() bool { return q.cancelled || q.build != nil }

// leftFor is how long a left item can still be asked for.
const leftFor = 5 * time.Minute

// schedule queues a build; one that waits with the same parameters takes it up.
func (s *Server) schedule(job *item, causes, params []object, quiet time.Duration) *queued {
	now := s.clock.Now()
	for _, q := range s.queue {
		if q.job == job && !q.left() && reflect.DeepEqual(q.params, params) {
			q.causes = append(q.causes, causes...)
			if due := now.Add(quiet); due.Before(q.due) {
				q.due = due
			}
			return q
		}
	}
	s.lastQueue++
	q := &queued{id: s.lastQueue, job: job, causes: causes, params: params, since: now, due: now.Add(quiet)}
	s.queue = append(s.queue, q)
	return q
}

// why is what holds the item back; "" if nothing does.
func (s *Server) why(q *queued) string {
	now := s.clock.Now()
	switch {
	case q.left():
		return ""
	case now.Before(q.due):
		return fmt.Sprintf("In the quiet period. Expires in %.2g sec", q.due.Sub(now).Seconds())
	case s.quieting:
		return "Jenkins is about to shut down"
	}
	for _, b := range q.job.builds {
		if b.running() && b.program.Exclusive {
			return fmt.Sprintf("Build #%d is already in progress (ETA: N/A)", b.number)
		}
	}
	return ""
}

// advance lets everything happen that is due by now.
func (s *Server) advance() {
	for again := true; again; {
		again = false
		now := s.clock.Now()
		s.root.each(func(i *item) {
			if i.scan.running && !now.Before(i.scan.due) {
				i.index()
				again = true
			}
			for _, b := range i.builds {
				if b.running() && b.over(now) {
					b.finish(b.outcome(), b.started.Add(b.program.Lasts))
					again = true
				}
			}
		})
		for _, q := range s.queue {
			if !q.left() && s.why(q) == "" {
				s.begin(q)
				again = true
			}
		}
	}
}

func (i *item) each(f func(*item)) {
	f(i)
	for _, c := range i.children {
		c.each(f)
	}
}

// trigger is POST build and buildWithParameters.
func (s *Server) trigger(w http.ResponseWriter, r *request, i *item) {
	if !s.require(w, r.caller, ItemBuild) {
		return
	}
	switch with := r.rest[0] == "buildWithParameters"; {
	case i.dead || i.kind == kindPipeline && i.disabled():
		page(w, http.StatusConflict, "Jenkins [Jenkins]", "Conflict")
		return
	case i.disabled():
		s.redirect(w, i.path()) // recorded: and nothing is queued
		return
	case with && len(i.params) == 0:
		oops(w)
		return
	case !with && len(i.params) > 0:
		jetty(w, r.Request, http.StatusBadRequest, "Nothing is submitted")
		return
	}
	if err := r.ParseForm(); err != nil {
		oops(w)
		return
	}
	var params []object
	for _, p := range i.params {
		v, ok := p.value(r.Form.Get(p.Name), r.Form.Has(p.Name))
		if !ok {
			oops(w)
			return
		}
		params = append(params, v)
	}
	quiet := s.cfg.quiet
	if d := r.Form.Get("delay"); d == "0" || d == "0sec" {
		quiet = 0
	}
	cause := object{"_class": "hudson.model.Cause$UserIdCause", "shortDescription": "Started by user " + r.name(), "userId": r.name(), "userName": r.name()}
	q := s.schedule(i, []object{cause}, params, quiet)
	w.Header().Set("Location", fmt.Sprintf("%s/queue/item/%d/", s.URL, q.id))
	w.WriteHeader(http.StatusCreated)
	s.advance()
}

// value is the parameter's value for what was sent; false if it is refused.
func (p Parameter) value(sent string, given bool) (object, bool) {
	class, v := "hudson.model.StringParameterValue", any(p.Default)
	if given {
		v = sent
	}
	switch {
	case p.Boolean:
		class = "hudson.model.BooleanParameterValue"
		v = v == "true"
	case len(p.Choices) > 0:
		if !given {
			v = p.Choices[0]
		}
		ok := false
		for _, c := range p.Choices {
			ok = ok || c == v
		}
		if !ok {
			return nil, false
		}
	}
	if p.Password { // is not shown to anybody
		return object{"_class": "hudson.model.PasswordParameterValue", "name": p.Name}, true
	}
	return object{"_class": class, "name": p.Name, "value": v}, true
}

func (s *Server) queueItem(w http.ResponseWriter, r *request) {
	id, _ := strconv.Atoi(r.rest[2])
	for _, q := range s.queue {
		if q.id == id && !(q.left() && s.clock.Now().Sub(q.gone) > leftFor) {
			s.view(w, r, s.queuedView(q))
			return
		}
	}
	notFound(w)
}

func (s *Server) cancelItem(w http.ResponseWriter, r *request) {
	if !s.require(w, r.caller, ItemCancel) {
		return
	}
	id, _ := strconv.Atoi(r.URL.Query().Get("id"))
	for _, q := range s.queue {
		if q.id == id && !q.left() {
			q.cancelled, q.gone = true, s.clock.Now()
			w.WriteHeader(http.StatusNoContent)
			return
		}
	}
	notFound(w)
}

// Build has Jenkins scan a multibranch project and build a branch at once, as somebody
// there would.
func (s *Server) Build(project, branch string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	p := s.find(project)
	if p == nil {
		return
	}
	p.startScan("Started by user somebody")
	s.advance()
	if i := p.child(s.cfg.encode(branch)); i != nil {
		s.schedule(i, []object{{"_class": "hudson.model.Cause$UserIdCause", "shortDescription": "Started by user somebody", "userId": "somebody", "userName": "somebody"}}, nil, 0)
		s.advance()
	}
}
