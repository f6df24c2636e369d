// Package mattermost is a strict, stateful stand-in for a Mattermost 11.2 server,
// built from recordings of a real one: statuses, error ids, JSON shapes, headers,
// the order of events and the traps are the server's.
//
// Strict: a request with an unknown path, query or body field is reported (it fails
// the test) and answered as a real server would answer it; an expectation that was
// never used is reported at the end.
//
// Stateful: people act with Say, Click, Slash and the like; what they then see is
// read with Channel(id).Posts(). A test waits with WaitPost or Wait, which wake at
// every change, so that it needs no sleep.
//
//	srv := mattermost.New(t)
//	bot := srv.AddBot("opsbot")
//	alice := srv.AddUser("alice")
//	ops := srv.AddChannel("ops", alice.ID, bot.ID)
//	// start the bot with srv.URL and bot.Token, then:
//	said := srv.Say(alice.ID, ops.ID, "@opsbot version", "")
//	answer, err := srv.WaitPost(ctx, ops.ID, func(p mattermost.Post) bool { return p.UserID == bot.ID })
package mattermost
