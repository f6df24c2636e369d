package slack

import (
	"cmp"
	"io"
	"maps"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
)

// File is an uploaded file as a person sees it.
type File struct {
	ID, Name, Title string
	Content         []byte
}

// file is an upload as the workspace keeps it.
type file struct {
	id, name, title, snippet string
	length                   int
	content                  []byte
	uploaded, complete       bool
	created                  int64
}

func (f *file) picture() File {
	return File{ID: f.id, Name: f.name, Title: f.title, Content: f.content}
}

// maxFile is Slack's bound on a file.
const maxFile = 1 << 30

func (s *Server) filesGetUploadURLExternal(c *call) (object, *apiError) {
	length := c.num("length", 0)
	switch {
	case length <= 0:
		return nil, s.refuseLoudly(c.method.name, invalid("invalid_arguments", "must be greater than 0 [json-pointer:/length]"))
	case length > maxFile:
		return nil, fail("file_upload_size_restricted")
	case c.str("filename") == "":
		return nil, s.refuseLoudly(c.method.name, invalid("invalid_arguments", "missing required field: filename"))
	}
	f := &file{id: s.newID("F"), name: c.str("filename"), length: length, snippet: c.str("snippet_type"), created: s.clock.Now().Unix()}
	s.files.add(f.id, f)
	return object{"upload_url": s.base() + "/upload/" + f.id, "file_id": f.id}, nil
}

// serveUpload takes the bytes: as a multipart form with one file, or as they are.
func (s *Server) serveUpload(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	f := s.files.by[r.PathValue("id")]
	fresh := f != nil && !f.uploaded
	s.mu.Unlock()
	if !fresh {
		s.unexpected("upload: the address was used already, or never given out")
		http.NotFound(w, r)
		return
	}
	var body io.Reader = r.Body
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data") {
		parts, err := r.MultipartReader()
		if err != nil {
			s.unexpected("upload: %v", err)
			http.Error(w, "bad form", http.StatusBadRequest)
			return
		}
		part, err := parts.NextPart()
		if err != nil {
			s.unexpected("upload: no file in the form: %v", err)
			http.Error(w, "bad form", http.StatusBadRequest)
			return
		}
		body = part
	}
	content, err := io.ReadAll(io.LimitReader(body, int64(f.length)+1))
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil || len(content) != f.length {
		s.surprise("upload: %d bytes, %d were announced (%v)", len(content), f.length, err)
		http.Error(w, "size mismatch", http.StatusBadRequest)
		return
	}
	f.content, f.uploaded = content, true
	s.touch()
	_, _ = io.WriteString(w, "OK - "+strconv.Itoa(len(content)))
}

func (s *Server) filesCompleteUploadExternal(c *call) (object, *apiError) {
	files, refused := s.toComplete(c)
	if refused != nil {
		return nil, refused
	}
	targets := []string{}
	for _, id := range append(strings.Split(c.str("channels"), ","), c.str("channel_id")) {
		if id != "" {
			targets = append(targets, id)
		}
	}
	if len(targets) > 1 && c.str("thread_ts") != "" {
		return nil, s.refuseLoudly(c.method.name, fail("invalid_arguments"))
	}
	body := content{text: storeText(c.str("initial_comment")), files: files}
	if body.text == "" {
		body.blocks = listOf(c.args["blocks"])
	}
	if refused := s.checkContent(c.method.name, &body); refused != nil {
		return nil, refused
	}
	for _, id := range targets {
		if refused := s.share(c, id, body); refused != nil {
			return nil, refused
		}
	}
	out := []object{}
	for _, f := range files {
		f.complete = true
		out = append(out, s.wireFile(f))
	}
	return object{"files": out}, nil
}

func (s *Server) toComplete(c *call) ([]*file, *apiError) {
	var out []*file
	for _, v := range listOf(c.args["files"]) {
		given, _ := v.(map[string]any)
		f := s.files.by[text(given["id"])]
		switch {
		case f == nil:
			return nil, fail("file_not_found")
		case !f.uploaded:
			return nil, s.refuseLoudly(c.method.name, fail("file_not_found"))
		case f.complete:
			return nil, fail("file_already_completed")
		}
		f.title = cmp.Or(text(given["title"]), f.name)
		out = append(out, f)
	}
	if len(out) == 0 {
		return nil, s.refuseLoudly(c.method.name, fail("no_files_provided"))
	}
	return out, nil
}

// share posts a message with the files into one channel.
func (s *Server) share(c *call, id string, body content) *apiError {
	args := maps.Clone(c.args)
	args["channel"] = id
	shared := &call{method: c.method, args: args, token: c.token}
	ch, refused := s.postable(shared)
	if refused != nil {
		return refused
	}
	thread, refused := s.threadOf(shared, ch)
	if refused != nil {
		return refused
	}
	m := &message{ts: s.newTS(), thread: thread, user: s.BotUserID, bot: true, subtype: "file_share"}
	s.fill(m, body)
	ch.put(m)
	s.emitMessage(ch, m)
	return nil
}

// wireFile is the file object.
func (s *Server) wireFile(f *file) object {
	kind := strings.TrimPrefix(path.Ext(f.name), ".")
	return object{
		"id": f.id, "created": f.created, "timestamp": f.created, "name": f.name, "title": f.title, "mimetype": "text/plain",
		"filetype": cmp.Or(f.snippet, kind, "text"), "pretty_type": "Plain Text", "user": s.BotUserID, "user_team": s.TeamID, "editable": false,
		"size": f.length, "mode": "hosted", "is_external": false, "external_type": "", "is_public": true, "public_url_shared": false,
		"display_as_bot": false, "username": "", "url_private": s.base() + "/files/" + f.id + "/" + f.name,
		"url_private_download": s.base() + "/files/" + f.id + "/" + f.name, "permalink": "https://" + s.cfg.domain + ".slack.com/files/" + s.BotUserID + "/" + f.id,
		"permalink_public": "https://slack-files.com/" + s.TeamID + "-" + f.id, "is_starred": false, "has_rich_preview": false, "file_access": "visible",
	}
}

// serveFile gives a file to those who hold a token.
func (s *Server) serveFile(w http.ResponseWriter, r *http.Request) {
	given, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	s.mu.Lock()
	_, refused := s.authorize(given, &method{name: "files"})
	f := s.files.by[r.PathValue("id")]
	s.mu.Unlock()
	switch {
	case refused != nil:
		w.Header().Set("Location", "/signin?"+url.Values{"redir": {r.URL.Path}}.Encode())
		w.WriteHeader(http.StatusFound)
	case f == nil || !f.complete:
		http.NotFound(w, r)
	default:
		w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = w.Write(f.content)
	}
}
