// Package markup turns texts into Mattermost's Markdown and back: what OpsBot says
// so that foreign text in it mentions nobody, hides no link and becomes no markup,
// and what people say into the plain text that a command is read from.
package markup
