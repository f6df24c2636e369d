package main

import "github.com/spf13/cobra"

const devFakesHelp = `Starts stand-ins for GitHub, Gitea, GitLab, Jenkins, Slack and Mattermost on free
ports of this machine, with an organisation foo-org, accounts and tokens, and prints
a whole configuration for them. Nothing leaves this machine. They are those of
OpsBot's own tests: they refuse what the real services would refuse, and say so.

  terminal 1   opsbot dev fakes > fakes.yaml
  terminal 2   opsbot serve --config fakes.yaml
  terminal 3   opsbot --config fakes.yaml say 'new-project hello'

Every request, and every refusal, is logged until Ctrl-C. People talk on the page
http://127.0.0.1:8090/ (see --page), or by

  curl -d chat=slack -d user=alice -d text='@opsbot new-project hello' http://127.0.0.1:8090/dev/say
  curl -d chat=slack -d user=alice -d button=Confirm                   http://127.0.0.1:8090/dev/press
  curl -d repository=foo-org/hello -d message='Fix it'                 http://127.0.0.1:8090/dev/commit
  curl 'http://127.0.0.1:8090/dev/shown?chat=slack&user=alice'

with chat=slack or chat=mattermost, and forge=gitea or forge=gitlab where it is not
GitHub. Jenkins builds every branch of every repository, in three seconds, with
success.
What the stand-ins hold is gone when they end.

They are in binaries built with the tag dev alone, as no installation needs their
megabytes: go run -tags dev ./cmd/opsbot dev fakes`

func (p *program) devCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "dev", Short: "Try OpsBot, or work on it, without any account"}
	var page string
	fakes := &cobra.Command{
		Use: "fakes", Short: "Run stand-ins for forges, Jenkins and chats, and print their configuration", Long: devFakesHelp, Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.devFakes(cmd.Context(), page) },
	}
	fakes.Flags().StringVar(&page, "page", "127.0.0.1:8090", "where the people of the chats talk; loopback only")
	cmd.AddCommand(fakes)
	return cmd
}
