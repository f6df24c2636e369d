package engine_test

import "testing"

// TestExceptionsOfValues: operators, properties, elements and calls on the wrong kind
// of value.
func TestExceptionsOfValues(t *testing.T) {
	t.Parallel()
	const (
		noMethod   = "groovy.lang.MissingMethodException: No signature of method: "
		noProperty = "groovy.lang.MissingPropertyException: No such property: "
		null       = "java.lang.NullPointerException: "
	)
	for src, want := range map[string]string{
		"def x = 5\nx.y = 1":                        noProperty + "y for class: java.lang.Integer",
		"def n\nn.x = 1":                            null + "Cannot set property 'x' on null object",
		"def n\nprintln n[0]":                       null + "Cannot invoke method getAt() on null object",
		"def a = 5\na[0] = 1":                       noMethod + "java.lang.Integer.putAt() is applicable for argument types: (java.lang.Integer, java.lang.Integer) values: [0, 1]",
		"def l = [1]\nl[-5] = 2":                    "java.lang.IndexOutOfBoundsException: index -5",
		"def (a, b) = 5":                            noMethod + "java.lang.Integer.getAt() is applicable for argument types: (java.lang.Integer) values: [0]",
		"println 'abc'[9]":                          "java.lang.StringIndexOutOfBoundsException: index 9, length 3",
		"println 'a'.charAt(4)":                     "java.lang.StringIndexOutOfBoundsException: index 4, length 1",
		"println(-'a')":                             noMethod + "java.lang.String.negative() is applicable for argument types: () values: []",
		"println 'a' / 2":                           noMethod + "java.lang.String.div() is applicable for argument types: (java.lang.Integer) values: [2]",
		"println 2 ** 'a'":                          noMethod + "java.lang.Integer.power() is applicable for argument types: (java.lang.String) values: [a]",
		"def m = [:]\nm++":                          noMethod + "java.util.LinkedHashMap.plus() is applicable for argument types: (java.lang.Integer) values: [1]",
		"println 5 % 0":                             "java.lang.ArithmeticException: / by zero",
		"println 1.0 / 0":                           "java.lang.ArithmeticException: Division by zero",
		"println 1 <=> 'a'":                         "java.lang.IllegalArgumentException: Cannot compare java.lang.Integer with value '1' and java.lang.String with value 'a'",
		"println (1..9999999999)":                   "java.lang.UnsupportedOperationException: a range of more than 1048576 numbers",
		"println currentBuild.previousBuild.number": null + "Cannot get property 'number' on null object",
		"currentBuild.number = 4":                   "java.lang.UnsupportedOperationException: setting currentBuild.number runs on Jenkins only",
		"throw null":                                "org.codehaus.groovy.runtime.typehandling.GroovyCastException: Cannot cast object 'null' with class 'null' to class 'java.lang.Throwable'",
		"[1].each(5)":                               noMethod + "java.util.ArrayList.each() is applicable for argument types: (java.lang.Integer) values: [5]",
		"def c = 5\nc()":                            noMethod + "java.lang.Integer.call() is applicable for argument types: () values: []",
		"def f(a) { a }\nf(1, 2)":                   noMethod + "WorkflowScript.f() is applicable for argument types: (java.lang.Integer, java.lang.Integer) values: [1, 2]",
		"def f(a, b) { a }\nf([1, 2])":              noMethod + "WorkflowScript.f() is applicable for argument types: (java.util.ArrayList) values: [[1, 2]]",
		"def f(a, b = 1) { a }\nf()":                noMethod + "WorkflowScript.f() is applicable for argument types: () values: []",
		"def c = { -> 1 }\nc(2)":                    noMethod + "org.jenkinsci.plugins.workflow.cps.CpsClosure2.call() is applicable for argument types: (java.lang.Integer) values: [2]",
		"def c = { it }\nc(1, 2)":                   noMethod + "org.jenkinsci.plugins.workflow.cps.CpsClosure2.call() is applicable for argument types: (java.lang.Integer, java.lang.Integer) values: [1, 2]",
		"def c = { a, b -> a }\nc([1])":             noMethod + "org.jenkinsci.plugins.workflow.cps.CpsClosure2.call() is applicable for argument types: (java.lang.Integer) values: [1]",
	} {
		t.Run(src, func(t *testing.T) {
			t.Parallel()
			failsWith(t, src, want)
		})
	}
}

// TestExceptionsOfSteps: steps with arguments that only show when they run.
func TestExceptionsOfSteps(t *testing.T) {
	t.Parallel()
	const argument = "java.lang.IllegalArgumentException: "
	for src, want := range map[string]string{
		"timeout(time: 'x') { echo 'a' }":               `java.lang.NumberFormatException: For input string: "x"`,
		"node { sleep(time: 1, unit: 'WEEKS') }":        argument + "No enum constant java.util.concurrent.TimeUnit.WEEKS",
		"node { readFile 'none' }":                      "java.io.IOException: no file /ws/none",
		"parallel a: 5":                                 argument + "Expected a closure or failFast but got a",
		"parallel(5)":                                   argument + "parallel takes names and closures",
		"withEnv(['x']) { echo 'a' }":                   argument + "missing ‘=’ in: x",
		"catchError(buildResult: 'NICE') { error 'x' }": argument + "buildResult is invalid: NICE",
		"script 'a'":                                    argument + "There is no body to invoke",
		"retry('many') { echo 'a' }":                    argument + "count is many",
	} {
		t.Run(src, func(t *testing.T) {
			t.Parallel()
			failsWith(t, src, want)
		})
	}
}

// TestArguments: the calls of closures and methods that Groovy allows.
func TestArguments(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		"def f(a) { \"$a\" }\nprintln f()":                   "null",
		"def f(a, b = 2) { a + b }\nprintln f(1)":            "3",
		"def c = { a, b -> a + b }\nprintln c([1, 2])":       "3",
		"def c = { \"$it\" }\nprintln c()":                   "null",
		"[[1, 2]].each { a, b -> println a + b }":            "3",
		"[a: 1].each { k, v -> println k + v }":              "a1",
		"def f(l) { l.size() }\nprintln f([1, 2])":           "2",
		"def f() { return 'f' }\nprintln f()\nreturn\nerror": "f",
	} {
		t.Run(src, func(t *testing.T) {
			t.Parallel()
			h := &fakeHost{}
			runOn(t, h, src)
			wantLines(t, h.lines, want, "Finished: SUCCESS")
		})
	}
}
