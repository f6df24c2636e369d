// Package blueprints is the engine that turns a blueprint, a folder of
// templates with a manifest, and a set of answers into the files of a new
// project.
//
// A blueprint is a folder and needs no Go:
//
//	blueprint.yaml          name, version, parameters, file rules (Manifest)
//	files/...               the project's files; a ".tmpl" suffix is dropped
//	fixtures/NAME.yaml      answers to try it with
//	golden/NAME.txtar       what those answers must give
//
// Rendering is a pure function of blueprint and answers: no clock, no network,
// no environment, no randomness. What is random (a generated value) is drawn
// once by Resolve and is an answer from then on; answers and version are written
// to RecordPath inside the project, so that the same tree can be made again.
package blueprints
