package engine

import (
	"context"
	"errors"

	"opsbot/bot/jenkinsfile"
)

// step runs a step, or a method declared in the file.
func (f frame) step(name string, call *jenkinsfile.Call) (any, error) {
	if known, v, err := f.blockStep(name, call); known {
		return v, err
	}
	if name == "println" || name == "print" {
		return nil, f.printValue(call)
	}
	a, err := f.evalArgs(call)
	if err != nil {
		return nil, err
	}
	if err := wantText(name, a); err != nil {
		return nil, err
	}
	switch name {
	case "echo":
		f.run.console.say(f.echoText(a))
		return nil, f.checkpoint()
	case "error":
		return nil, abort("%s", a.text("message", true))
	case "unstable":
		f.run.console.say("WARNING: " + a.text("message", true))
		f.run.worsen(Unstable)
		f.warn(StatusUnstable)
		return nil, nil
	case "sh":
		return f.sh(a)
	case "sleep":
		return nil, f.sleep(a)
	case "isUnix":
		return true, nil
	case "input":
		return f.input(a)
	case "waitForQualityGate":
		return f.withoutGate()
	case "slackSend", "mattermostSend":
		return nil, f.send(name, a)
	}
	return f.nodeStep(name, a)
}

// printValue is Groovy's own println, not a step: a map is no named arguments.
func (f frame) printValue(call *jenkinsfile.Call) error {
	items, err := f.evalItems(call.Args)
	if err != nil {
		return err
	}
	text := ""
	if len(items) > 0 {
		text = toString(items[0])
	}
	f.run.console.say(text)
	return nil
}

// wantText refuses a number or list where a step wants a text, as Jenkins does.
func wantText(name string, a arguments) error {
	spec := map[string][2]string{
		"echo": {"EchoStep", "message"}, "error": {"ErrorStep", "message"}, "unstable": {"UnstableStep", "message"},
	}[name]
	if spec[0] == "" {
		return nil
	}
	v, _ := a.value(spec[1], true)
	if _, ok := v.(string); ok || v == nil {
		return nil
	}
	return throwable("java.lang.ClassCastException",
		"org.jenkinsci.plugins.workflow.steps.%s.%s expects class java.lang.String but received class %s",
		spec[0], spec[1], className(v))
}

// echoText: echo message: x as well as echo x.
func (f frame) echoText(a arguments) string {
	v, _ := a.value("message", true)
	return toString(v)
}

// nodeStep runs the steps that need a workspace.
func (f frame) nodeStep(name string, a arguments) (any, error) {
	run := map[string]func(arguments) (any, error){
		"checkout": f.checkoutStep, "junit": f.junit, "archiveArtifacts": f.archive, "fileExists": f.fileExists,
		"readFile": f.readFile, "writeFile": f.writeFile, "deleteDir": f.deleteDir, "pwd": f.pwd,
		"stash": f.stash, "unstash": f.unstash,
	}[name]
	if run == nil {
		return nil, throwable("java.lang.NoSuchMethodError", "No such DSL method '%s' found among steps %s",
			name, jenkinsfile.StepNames())
	}
	if err := f.needNode(); err != nil {
		return nil, err
	}
	return run(a)
}

func (f frame) needNode() error {
	if f.node != nil {
		return nil
	}
	if f.run.file.Pipeline == nil {
		return throwable("org.jenkinsci.plugins.workflow.steps.MissingContextVariableException",
			"Required context class hudson.FilePath is missing\n"+
				"Perhaps you forgot to surround the step with a step that provides this, such as: node")
	}
	return abort("Attempted to execute a step that requires a node context while ‘agent none’ was specified. " +
		"Be sure to specify your own ‘node { ... }’ blocks when using ‘agent none’.")
}

// blockStep runs the steps with a block; known is false for all others.
func (f frame) blockStep(name string, call *jenkinsfile.Call) (known bool, v any, err error) {
	run := map[string]func(arguments) (any, error){
		"script": f.scriptStep, "timestamps": f.timestamps, "timeout": f.timeout, "retry": f.retry, "dir": f.dir,
		"withEnv": f.withEnv, "withCredentials": f.withCredentials, "withSonarQubeEnv": f.withoutSonar, "catchError": f.catchError, "warnError": f.warnError, "node": f.nodeBlock,
		"stage": f.stageBlock,
	}[name]
	if name == "parallel" {
		v, err := f.parallelStep(call)
		return true, v, err
	}
	if run == nil {
		return false, nil, nil
	}
	a, err := f.evalArgs(call)
	if err != nil {
		return true, nil, err
	}
	v, err = run(a)
	return true, v, err
}

func (f frame) scriptStep(a arguments) (any, error) { return f.block(a.block) }

// warn gives the stage a status that isn't an error; the worse one stays.
func (f frame) warn(status Status) {
	if f.stage == nil || statusRank(status) <= statusRank(f.stage.warned) {
		return
	}
	f.stage.warned = status
}

func statusRank(s Status) int {
	switch s {
	case StatusUnstable:
		return 1
	case StatusFailed:
		return 2
	case StatusAborted:
		return 3
	}
	return 0
}

// outside runs a call of the host while other branches go on. An interruption
// that has come meanwhile counts more than what the call returned.
func (f frame) outside(call func(ctx context.Context) error) error {
	ctx, end, err := f.begin("", false)
	if err != nil {
		return err
	}
	err = call(ctx)
	f.run.cutBy(err)
	end()
	// Also if the call was quicker than its interruption, which would be lost else.
	var why *Failure
	if cause := context.Cause(ctx); errors.As(cause, &why) {
		return why
	} else if errors.Is(cause, ErrCutOff) {
		return ErrCutOff
	}
	return err
}

func (f frame) send(step string, a arguments) error {
	m := Message{Step: step, Channel: a.text("channel", false), Color: a.text("color", false), Text: a.text("message", true)}
	if m.Text == "" {
		m.Text = a.text("text", false)
	}
	m.Channel, m.Text = f.run.console.mask(m.Channel), f.run.console.mask(m.Text)
	err := f.outside(func(ctx context.Context) error { return f.run.host.Send(ctx, m) })
	if err == nil || a.flag("failOnError", false) || asFailure(err).Stopped != nil || errors.Is(err, ErrCutOff) {
		return err
	}
	f.run.console.say(step + ": " + err.Error())
	return nil
}
