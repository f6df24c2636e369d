package mattermost

import (
	"bytes"
	"fmt"
	"image"
	_ "image/png" // charts have a size in their info
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"path/filepath"
	"strings"
	"time"
)

// File is an uploaded file.
type File struct {
	ID, Name, MIME, UserID, ChannelID, PostID string
	Content                                   []byte
}

type file struct {
	File
	createAt      int64
	width, height int
}

type fileJSON struct {
	ID          string  `json:"id"`
	UserID      string  `json:"user_id"`
	PostID      string  `json:"post_id,omitempty"`
	ChannelID   string  `json:"channel_id"`
	CreateAt    int64   `json:"create_at"`
	UpdateAt    int64   `json:"update_at"`
	DeleteAt    int64   `json:"delete_at"`
	Name        string  `json:"name"`
	Extension   string  `json:"extension"`
	Size        int     `json:"size"`
	MIME        string  `json:"mime_type"`
	Width       int     `json:"width,omitempty"`
	Height      int     `json:"height,omitempty"`
	HasPreview  bool    `json:"has_preview_image,omitempty"`
	MiniPreview *string `json:"mini_preview"`
	RemoteID    string  `json:"remote_id"`
	Archived    bool    `json:"archived"`
}

func (f *file) isImage() bool { return strings.HasPrefix(f.MIME, "image/") }

func (f *file) json() fileJSON {
	out := fileJSON{
		ID: f.ID, UserID: f.UserID, PostID: f.PostID, ChannelID: f.ChannelID, CreateAt: f.createAt, UpdateAt: f.createAt,
		Name: f.Name, Extension: strings.TrimPrefix(filepath.Ext(f.Name), "."), Size: len(f.Content), MIME: f.MIME,
		Width: f.width, Height: f.height, HasPreview: f.isImage(),
	}
	if f.isImage() {
		preview := "/9j/"
		out.MiniPreview = &preview
	}
	return out
}

func (s *Server) fileRoutes() []route {
	return []route{
		{method: "POST", path: "/files", serve: (*call).upload, status: 201, query: []string{"channel_id", "filename"}, big: true},
		{method: "GET", path: "/files/{file_id}", serve: (*call).fileContent},
		{method: "GET", path: "/files/{file_id}/info", serve: (*call).fileInfo},
	}
}

type uploaded struct {
	Infos     []fileJSON `json:"file_infos"`
	ClientIDs []string   `json:"client_ids"`
}

// upload takes a form whose channel_id comes before the files, or a raw body with
// channel and name in the query.
func (c *call) upload() (any, error) {
	kind, params, _ := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if kind != "multipart/form-data" {
		q := c.r.URL.Query()
		if q.Get("channel_id") == "" {
			return nil, badBody("channel_id")
		}
		return c.keepUpload(q.Get("channel_id"), nil, []part{{name: q.Get("filename"), data: c.body}})
	}
	var channelID string
	var clients []string
	var parts []part
	form := multipart.NewReader(bytes.NewReader(c.body), params["boundary"])
	for {
		p, err := form.NextPart()
		if err != nil {
			break
		}
		data, err := io.ReadAll(p)
		if err != nil {
			return nil, badBody("files")
		}
		switch p.FormName() {
		case "channel_id":
			channelID = string(data)
		case "client_ids":
			clients = append(clients, string(data))
		case "files":
			if channelID == "" {
				return nil, badBody("channel_id")
			}
			parts = append(parts, part{name: p.FileName(), kind: p.Header.Get("Content-Type"), data: data})
		default:
			c.oddly("unknown form field %q", p.FormName())
		}
	}
	return c.keepUpload(channelID, clients, parts)
}

type part struct {
	name, kind string
	data       []byte
}

func (c *call) keepUpload(channelID string, clients []string, parts []part) (any, error) {
	ch := c.state.channels[channelID]
	if ch == nil || (ch.members[c.who.ID] == nil && !c.state.allowed(c.who, "upload_file")) {
		return nil, forbidden()
	}
	out := uploaded{ClientIDs: clients, Infos: []fileJSON{}}
	for _, p := range parts {
		f := &file{File: File{ID: newID(), Name: p.name, MIME: p.kind, UserID: c.who.ID, ChannelID: channelID, Content: p.data}, createAt: c.now()}
		if kind := mime.TypeByExtension(filepath.Ext(p.name)); kind != "" {
			f.MIME = kind
		}
		if cfg, _, err := image.DecodeConfig(bytes.NewReader(p.data)); err == nil {
			f.width, f.height = cfg.Width, cfg.Height
		}
		c.state.files[f.ID] = f
		out.Infos = append(out.Infos, f.json())
	}
	return out, nil
}

// attachFiles binds p's files to it. A file that is unknown, another's or already in
// a post is dropped silently.
func (s *Server) attachFiles(p *post) {
	var kept []string
	for _, id := range p.files {
		f := s.state.files[id]
		if f == nil || f.PostID != "" || f.UserID != p.UserID {
			continue
		}
		f.PostID, f.ChannelID = p.ID, p.ChannelID
		kept = append(kept, id)
	}
	p.lostFiles = len(p.files) > 0 && kept == nil
	p.files = kept
}

func (c *call) readableFile() (*file, error) {
	f := c.state.files[c.vars["file_id"]]
	if f == nil {
		return nil, fail(http.StatusNotFound, "app.file_info.get.app_error", "Unable to get the file info.")
	}
	if f.UserID != c.who.ID && (f.PostID == "" || !c.mayRead(c.state.channels[f.ChannelID])) {
		return nil, forbidden()
	}
	return f, nil
}

func (c *call) fileInfo() (any, error) {
	f, err := c.readableFile()
	if err != nil {
		return nil, err
	}
	c.w.Header().Set("Cache-Control", "max-age=2592000, private")
	return f.json(), nil
}

func (c *call) fileContent() (any, error) {
	f, err := c.readableFile()
	if err != nil {
		return nil, err
	}
	h := c.w.Header()
	h.Set("Accept-Ranges", "bytes")
	h.Set("Cache-Control", "private, max-age=86400")
	h.Set("Content-Disposition", fmt.Sprintf("inline;filename=%q; filename*=UTF-8''%s", f.Name, f.Name))
	h.Set("Content-Security-Policy", "Frame-ancestors 'none'")
	h.Set("Last-Modified", time.UnixMilli(f.createAt).UTC().Format(http.TimeFormat))
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Uncompressed-Content-Length", fmt.Sprint(len(f.Content)))
	return raw{kind: f.MIME, body: f.Content}, nil
}
