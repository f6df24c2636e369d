package slack_test

import (
	"bytes"
	"strings"
	"testing"

	slackgo "github.com/slack-go/slack"
)

func TestFilesAreUploaded(t *testing.T) {
	t.Parallel()
	r, a := overHTTP(t)
	root := r.Say(r.alice, r.dev, "log please", "")
	content := strings.Repeat("line\n", 1000)
	_, err := r.api.UploadFile(slackgo.UploadFileParameters{
		Filename: "build.log", Title: "Build 7", FileSize: len(content), Reader: strings.NewReader(content), Channel: r.dev,
		ThreadTimestamp: root, InitialComment: "here <it> is",
	})
	if err != nil {
		t.Fatal(err)
	}
	sameShape(t, "events-inner/message.file_share-thread.01.json", a.event(t, "message", "file_share"),
		"-/files/0/edit_link", "-/files/0/lines", "-/files/0/lines_more", "-/files/0/preview", "-/files/0/preview_is_truncated",
		"+/app_id", "+/bot_id", "+/bot_profile", "+/team", "+/files/0/file_access", "+/files/0/is_starred", "+/files/0/user_team")
	all := r.Thread(r.dev, root)
	if len(all) != 2 || all[1].Text() != "here <it> is" || len(all[1].Files) != 1 {
		t.Fatalf("thread %+v", all)
	}
	f := all[1].Files[0]
	if f.Name != "build.log" || f.Title != "Build 7" || string(f.Content) != content {
		t.Errorf("file %s %s of %d bytes", f.Name, f.Title, len(f.Content))
	}
	var back bytes.Buffer
	if err := r.api.GetFile(r.URL+"/files/"+f.ID+"/build.log", &back); err != nil || back.String() != content {
		t.Errorf("downloaded %d bytes, %v", back.Len(), err)
	}
	wrong := slackgo.New("xoxb-wrong", slackgo.OptionAPIURL(r.URL+"/api/"))
	if err := wrong.GetFile(r.URL+"/files/"+f.ID+"/build.log", &back); err == nil {
		t.Error("downloaded with a wrong token")
	}
}

func TestWrongUploadsFailTheTest(t *testing.T) {
	t.Parallel()
	r := setup(t, quiet())
	got := r.accepted(t, "files.getUploadURLExternal", "filename", "a", "length", "3")
	id, url := got["file_id"].(string), got["upload_url"].(string)
	r.refused(t, "file_not_found", "files.completeUploadExternal", "files", `[{"id":"`+id+`"}]`)
	r.complained(t, "file_not_found")
	path := strings.TrimPrefix(url, r.URL+"/")
	r.send(t, "../"+path, "text/plain", "four", "")
	r.complained(t, "4 bytes, 3 were announced")
	r.send(t, "../"+path, "text/plain", "abc", "")
	r.send(t, "../"+path, "text/plain", "abc", "")
	r.complained(t, "the address was used already")
	r.refused(t, "invalid_arguments", "files.getUploadURLExternal", "filename", "a", "length", "0")
	r.accepted(t, "files.completeUploadExternal", "files", `[{"id":"`+id+`"}]`)
	r.refused(t, "file_already_completed", "files.completeUploadExternal", "files", `[{"id":"`+id+`"}]`)
}
