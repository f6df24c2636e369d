package delivery

import (
	"context"
	"encoding/json"
	"io"
	"strings"
	"time"

	"opsbot/bot"
)

const (
	// fetchTimeout bounds one try to fetch the artifacts of a build.
	fetchTimeout = 30 * time.Minute
	// defaultMaxArtifacts bounds what is fetched of one build, in bytes.
	defaultMaxArtifacts = 2 << 30
	// maxFiles bounds how many files a folder that is to be run may have.
	maxFiles = 1000
)

// content is what a fetched artifact has become in our store.
type content struct {
	Digest string `json:"digest"`
	Bytes  int64  `json:"bytes"`
}

// fetch brings what the project wants to run from a source that keeps artifacts
// without digests into Blobs, where it can't change any more. Its output names the
// contents, or says why there are none.
func (k *releaseKind) fetch(ctx context.Context, run bot.StepRun, in releaseInput) (bot.StepResult, error) {
	reader, ok := k.s.opt.Integrations.Get(in.Instance).(bot.ArtifactReader)
	if !ok {
		return bot.StepResult{}, nil
	}
	project, build, err := k.readBack(ctx, run.Operation.ProjectID, in)
	if err != nil {
		return bot.StepResult{}, err
	}
	repo, forge, err := k.s.repository(ctx, project)
	if err != nil {
		return bot.StepResult{}, err
	}
	spec, _, err := k.s.spec(ctx, forge, repo, in.Commit)
	if err != nil {
		return bot.StepResult{}, err
	}
	got, err := k.fetchAll(ctx, reader, build, wanted(build.Artifacts, spec))
	if class, _ := bot.RetryOf(err); err != nil && class == bot.RetryNever {
		return bot.StepResult{Output: map[string]string{"problem": strings.TrimRight(bot.MessageOf(err), ".")}}, nil
	}
	if err != nil {
		return bot.StepResult{}, err
	}
	body, err := json.Marshal(got)
	return bot.StepResult{Output: map[string]string{"contents": string(body)}}, err
}

// fetchAll fetches those that have no digest, by name.
func (k *releaseKind) fetchAll(ctx context.Context, from bot.ArtifactReader, build bot.Build, list []bot.Artifact) (map[string]content, error) {
	got, left := map[string]content{}, k.s.opt.MaxArtifacts
	if len(list) > maxFiles {
		return nil, bot.Errorf(bot.CodeTooLarge, "The build archived %d files of what is to be run, and OpsBot fetches %d at most: archive one file, a .tar.gz for instance.", len(list), maxFiles)
	}
	for _, a := range list {
		if a.Digest != "" {
			continue
		}
		c, err := k.fetchOne(ctx, from, build.Ref, a, left)
		if err != nil {
			return nil, err
		}
		got[a.Name] = c
		left -= c.Bytes
	}
	return got, nil
}

func (k *releaseKind) fetchOne(ctx context.Context, from bot.ArtifactReader, ref bot.BuildRef, a bot.Artifact, limit int64) (c content, err error) {
	body, err := from.OpenArtifact(ctx, ref, a)
	if err != nil {
		return c, err
	}
	defer body.Close()
	c.Digest, c.Bytes, err = k.s.opt.Blobs.Put(ctx, &bounded{from: body, left: limit, err: bot.Errorf(bot.CodeTooLarge,
		"The artifact %s is too large: OpsBot fetches %d MiB of a build at most.", bot.Shorten(a.Name, 100), k.s.opt.MaxArtifacts>>20)})
	return c, err
}

// bounded gives err once more than left bytes have come.
type bounded struct {
	from io.Reader
	left int64
	err  error
}

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.from.Read(p[:min(int64(len(p)), b.left+1)])
	if b.left -= int64(n); b.left < 0 {
		return 0, b.err
	}
	return n, err
}

// fetched puts what was fetched in its place. Where it came from stays with it.
func fetched(list []bot.Artifact, output map[string]string) ([]bot.Artifact, error) {
	if output["contents"] == "" {
		return list, nil
	}
	var got map[string]content
	if err := json.Unmarshal([]byte(output["contents"]), &got); err != nil {
		return nil, bot.Errorf(bot.CodeInternal, "What was fetched of the build can't be read.").Because(err)
	}
	out := make([]bot.Artifact, len(list))
	for i, a := range list {
		if c, ok := got[a.Name]; ok && a.Digest == "" {
			a.Digest, a.Bytes = c.Digest, c.Bytes
		}
		out[i] = a
	}
	return out, nil
}

// wanted are the artifacts that the spec wants to run: the one of that name, or the
// files of that folder.
func wanted(list []bot.Artifact, spec bot.RunSpec) []bot.Artifact {
	name := strings.TrimSuffix(spec.Artifact, "/")
	if name == "" {
		return nil
	}
	var below []bot.Artifact
	for _, a := range list {
		if a.Name == name {
			return []bot.Artifact{a}
		}
		if strings.HasPrefix(a.Name, name+"/") {
			below = append(below, a)
		}
	}
	return below
}

// noSpec is the problem that is none for a deployer that needs only the commit.
const noSpec = "there is no " + SpecPath

// spec reads .opsbot/project.yaml; problem says why nothing can be run.
func (s *Service) spec(ctx context.Context, forge bot.CommitReader, repo bot.Repository, commit string) (spec bot.RunSpec, problem string, err error) {
	data, err := forge.ReadFile(ctx, repo, commit, SpecPath)
	if bot.CodeOf(err) == bot.CodeNotFound {
		return spec, noSpec, nil
	}
	if err != nil {
		return spec, "", err
	}
	spec, err = ParseSpec(data)
	if err != nil {
		return bot.RunSpec{}, bot.MessageOf(err), nil
	}
	return spec, "", nil
}
