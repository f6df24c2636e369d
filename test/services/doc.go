// Package services runs the real binary on stand-ins for the services that teams have:
// a forge, a CI server, and a chat in which it is asked for.
package services
