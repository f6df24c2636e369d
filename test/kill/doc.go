// Package kill kills the real binary, from outside, while it makes a project,
// builds and deploys, and compares what is left in the end with a run that nobody
// disturbed: repository, hook, job, builds, processes, ports, answers and rooms.
package kill
