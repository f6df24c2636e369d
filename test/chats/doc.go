// Package chats runs the real binary in Slack and Mattermost, as they are on a bad day:
// cut off, slow, half open, limited, broken, restarted, and two at a time.
package chats
