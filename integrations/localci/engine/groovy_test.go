package engine_test

import (
	"testing"
)

// TestGroovy evaluates expressions as a script's echo shows them.
func TestGroovy(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		// numbers
		"1 + 2 * 3": "7", "(1 + 2) * 3": "9", "7 / 2": "3.5", "8 / 2": "4", "1 / 3": "0.3333333333", "7 % 3": "1",
		"2 ** 10": "1024", "-5 + 2": "-3", "1.5 + 1": "2.5", "0.1 + 0.2": "0.3", "1 << 4": "16", "6 & 3": "2",
		"0x1f": "31", "010": "8", "1_000": "1000", "5.abs()": "5",
		// truth and comparison
		"!''": "true", "!'a'": "false", "![]": "true", "![1]": "false", "!0": "true", "null == false": "false",
		"1 == 1.0": "true", "'a' == \"${'a'}\"": "true", "1 <=> 2": "-1", "'b' > 'a'": "true", "null < 'a'": "true",
		"true && ''": "false", "'' || 'x'": "true", "2 in [1, 2]": "true", "'k' in [k: 1]": "true",
		"null ?: 'd'": "d", "'' ?: 'd'": "d", "'x' ?: 'd'": "x", "true ? 1 : 2": "1", "false ? 1 : true ? 2 : 3": "2",
		"'abc' ==~ /a.c/": "true", "'xabc' ==~ /a.c/": "false", "('xabcx' =~ /a.c/) ? 'y' : 'n'": "y",
		"('v1.2' =~ /v(\\d+)\\.(\\d+)/)[0][2]": "2",
		// texts
		"'a' + 1": "a1", "1 + 'a'": "1a", "'a' + null": "anull", "'ab' * 2": "abab", "'hello' - 'l'": "helo",
		"'abc'[1]": "b", "'abc'[-1]": "c", "'abcd'[1..2]": "bc", "'a,b'.split(',')": "[a, b]", "' a '.trim()": "a",
		"'a b c'.split()": "[a, b, c]", "'a-b_c'.tokenize('-_')": "[a, b, c]", "'abc'.substring(1)": "bc",
		"'abc'.substring(0, 2)": "ab", "'abc'.indexOf('c')": "2", "'aXbX'.lastIndexOf('X')": "3",
		"'a.b'.replace('.', '-')": "a-b", "'a1b22'.replaceAll('[0-9]+', '#')": "a#b#",
		"'ab'.replaceAll('(a)(b)', '$2$1')": "ba", "'aa'.replaceFirst('a', 'b')": "ba", "'a'.padLeft(3, '0')": "00a",
		"'a'.padRight(3) + '|'": "a  |", "'abc'.startsWith('ab')": "true", "'abc'.endsWith('c')": "true",
		"'abc'.contains('b')": "true", "'Abc'.equalsIgnoreCase('aBC')": "true", "'abc'.capitalize()": "Abc",
		"'abc'.reverse()": "cba", "'abc'.length()": "3", "''.isEmpty()": "true", "'5'.toInteger() + 1": "6",
		"'x'.isInteger()": "false", "'true'.toBoolean()": "true", "'a\\nb'.readLines()": "[a, b]", "'abc'.take(2)": "ab",
		"'abc'.drop(2)": "c", "'a'.concat('b')": "ab", "'a'.compareTo('b')": "-1", "'a1'.matches('[a-z][0-9]')": "true",
		"'größe'.toUpperCase()": "GRÖSSE", "'  a\\n    b'.stripIndent()": "a\n  b", "\"${1}${'b'}\"": "1b",
		// lists and maps
		"[1, 'a', null]": "[1, a, null]", "[1, 2] + 3": "[1, 2, 3]", "[1, 2, 3] - [2]": "[1, 3]", "[1, 2][1]": "2",
		"[1, 2][-1]": "2", "[1][5]": "null", "[3, 1, 2].sort()": "[1, 2, 3]", "[1, 2].sum()": "3", "[1, 3, 2].max()": "3",
		"[1, 3, 2].min()": "1", "['a', 'b'].join('+')": "a+b", "[1, 1, 2].unique()": "[1, 2]", "[1, 2].reverse()": "[2, 1]",
		"[1, 2].size()": "2", "[1, 2].first()": "1", "[1, 2].last()": "2", "[1, 2].contains(2)": "true", "[4, 5].indexOf(5)": "1",
		"[1, 2, 3].take(2)": "[1, 2]", "[1, 2, 3].drop(2)": "[3]", "[[1], [2]].flatten()": "[1, 2]", "1..3": "[1, 2, 3]",
		"3..1": "[3, 2, 1]", "1..<3": "[1, 2]", "[1, 2].collect { it * 2 }": "[2, 4]", "[1, 2, 3].findAll { it > 1 }": "[2, 3]",
		"[1, 2].find { it > 1 }": "2", "[1, 2].any { it > 1 }": "true", "[1, 2].every { it > 1 }": "false",
		"[a: 1, b: 2]": "[a:1, b:2]", "[:]": "[:]", "[a: 1].a": "1", "[a: 1]['a']": "1", "[a: 1].b": "null",
		"[a: 1].get('b', 9)": "9", "[a: 1] + [b: 2]": "[a:1, b:2]", "[a: 1].keySet()": "[a]", "[a: 1].values()": "[1]",
		"[a: 1].containsKey('a')": "true", "[a: 1, b: 2].collect { k, v -> \"$k=$v\" }": "[a=1, b=2]",
		"[a: 1].collect { it.key }": "[a]", "[(1 + 1): 'x']": "[2:x]", "[*[1, 2], 3]": "[1, 2, 3]", "['ab', 'c']*.length()": "[2, 1]",
		// null safety, casts, closures
		"null?.foo": "null", "null?.trim()": "null", "[a: [b: 1]].a.b": "1", "'5' as int": "5", "5 as String": "5",
		"(int) '7'": "7", "{ it + 1 }.call(1)": "2", "{ a, b -> a + b }.call(1, 2)": "3", "{ a, b = 5 -> a + b }.call(1)": "6",
		"{ -> 'x' }.call()": "x",
		// globals
		"env.BRANCH_NAME": "feature/login", "BRANCH_NAME": "feature/login", "env.NOPE": "null", "params.NOPE": "null",
		"currentBuild.number": "3", "currentBuild.result": "null", "currentBuild.currentResult": "SUCCESS",
		"currentBuild.displayName": "#3", "currentBuild.previousBuild?.result": "null", "currentBuild.getNumber()": "3",
		"env['JOB_NAME']": "shop/feature%2Flogin", "env.PATH": "null",
		"currentBuild.resultIsBetterOrEqualTo('UNSTABLE')": "true", "currentBuild.resultIsWorseOrEqualTo('FAILURE')": "false",
	} {
		t.Run(src, func(t *testing.T) {
			t.Parallel()
			h := &fakeHost{}
			out := runOn(t, h, "def v = "+src+"\nprintln v")
			if out.Failure != nil {
				t.Fatalf("failed: %v %v", out.Failure.Class, out.Failure)
			}
			got := h.lines[0]
			for _, more := range h.lines[1 : len(h.lines)-1] {
				got += "\n" + more
			}
			if got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// TestStatements runs scripts and compares what they print.
func TestStatements(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		src  string
		want []string
	}{
		"if":          {"if (1 > 2) { println 'a' } else if (2 > 1) println 'b' else println 'c'", []string{"b"}},
		"for in map":  {"for (e in [a: 1, b: 2]) { println \"${e.key}${e.value}\" }", []string{"a1", "b2"}},
		"for":         {"for (int i = 0; i < 3; i++) { if (i == 1) continue\n println i }", []string{"0", "2"}},
		"while":       {"def i = 3\nwhile (i > 0) { i--\n if (i == 1) { break } }\nprintln i", []string{"1"}},
		"times":       {"3.times { println it }", []string{"0", "1", "2"}},
		"each index":  {"['a', 'b'].eachWithIndex { v, i -> println \"$i$v\" }", []string{"0a", "1b"}},
		"switch":      {"switch ('b') { case 'a': println 1; break\ncase ['b', 'x']: println 2\ncase 'c': println 3; break\ndefault: println 4 }", []string{"2", "3"}},
		"switch else": {"switch (9) { case 1: println 1; break\ndefault: println 4 }", []string{"4"}},
		"try":         {"try { error 'x' } catch (e) { println \"caught ${e.message}\" } finally { println 'f' }", []string{"caught x", "f"}},
		"catch by type": {
			"try { 'x'.toInteger() } catch (IllegalStateException e) { println 1 } catch (NumberFormatException | Error e) { println e.getMessage() }",
			[]string{`For input string: "x"`},
		},
		"rethrow":       {"try { try { error 'a' } finally { println 'f' } } catch (Exception e) { println e }", []string{"f", "hudson.AbortException: a"}},
		"throw":         {"try { throw new RuntimeException('r') } catch (e) { println e.message }", []string{"r"}},
		"closure":       {"def add = { a, b -> a + b }\nprintln add(1, 2)\nprintln add.call(3, 4)", []string{"3", "7"}},
		"closure keeps": {"def n = 0\ndef inc = { n++ }\ninc()\ninc()\nprintln n", []string{"2"}},
		"method first":  {"println twice(4)\ndef twice(x) { return x * 2 }", []string{"8"}},
		"recursion":     {"def f(n) { n < 2 ? 1 : n * f(n - 1) }\nprintln f(5)", []string{"120"}},
		"return early":  {"def f() { for (x in [1, 2]) { if (x == 2) { return 'two' } }\n 'none' }\nprintln f()", []string{"two"}},
		"binding":       {"x = 5\ndef f() { x + 1 }\nprintln f()", []string{"6"}},
		"tuple":         {"def (a, b) = ['x', 'y']\nprintln a + b", []string{"xy"}},
		"update":        {"def a = 1\na += 2\na *= 5\ndef l = []\nl << 1\nl += 2\nprintln \"$a $l\"", []string{"15 [1, 2]"}},
		"elements":      {"def m = [:]\nm.a = 1\nm['b'] = 2\ndef l = [1]\nl[0] = 9\nl[2] = 7\nprintln \"$m $l\"", []string{"[a:1, b:2] [9, null, 7]"}},
		"list grows":    {"def l = [1]\nl.add(2)\nl.addAll([3])\nprintln l.size()", []string{"3"}},
		"env":           {"env.MADE = 'x'\nprintln env.MADE + MADE", []string{"xx"}},
		"shadow":        {"def a = 1\nif (true) { def b = a + 1\n a = b }\nprintln a", []string{"2"}},
		"step value":    {"node { def out = sh returnStdout: true, script: 'a'\nprintln \"[${out.trim()}]\" }", []string{"[ran a in /ws]"}},
		"many lines":    {"echo 'a\\nb'", []string{"a", "b"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := &fakeHost{}
			if out := runOn(t, h, c.src); out.Failure != nil {
				t.Fatalf("failed: %v %v", out.Failure.Class, out.Failure)
			}
			wantLines(t, h.lines, append(c.want, "Finished: SUCCESS")...)
		})
	}
}

// TestExceptions: what fails in Groovy fails the build in Java's words.
func TestExceptions(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		"println nope":               "groovy.lang.MissingPropertyException: No such property: nope for class: groovy.lang.Binding",
		"null.trim()":                "java.lang.NullPointerException: Cannot invoke method trim() on null object",
		"println null.foo":           "java.lang.NullPointerException: Cannot get property 'foo' on null object",
		"'a'.toInteger()":            `java.lang.NumberFormatException: For input string: "a"`,
		"1 / 0":                      "java.lang.ArithmeticException: Division by zero",
		"error 'told'":               "ERROR: told",
		"throw new Exception('bad')": "java.lang.Exception: bad",
		"[].first()":                 "java.util.NoSuchElementException: Cannot access first() element from an empty List",
		"'abc'.substring(9)":         "java.lang.StringIndexOutOfBoundsException: begin 9, end 3, length 3",
		"def f() { f() }\nf()":       "java.lang.StackOverflowError",
		"throw 'text'":               "org.codehaus.groovy.runtime.typehandling.GroovyCastException: Cannot cast object 'text' with class 'java.lang.String' to class 'java.lang.Throwable'",
		"echo 1 + 1":                 "java.lang.ClassCastException: org.jenkinsci.plugins.workflow.steps.EchoStep.message expects class java.lang.String but received class java.lang.Integer",
		"while (true) { }":           "java.lang.UnsupportedOperationException: more than 1048576 iterations",
		"def s = 'a'\nwhile (true) { s = s + s }": "java.lang.OutOfMemoryError: a text of more than 16 MB",
		"currentBuild.result = 'GREAT'":           "java.lang.IllegalArgumentException: No such result: GREAT",
		"[1, 'a'].sort()":                         "java.lang.IllegalArgumentException: Cannot compare java.lang.String with value 'a' and java.lang.Integer with value '1'",
		"'a'.get('b')":                            "groovy.lang.MissingMethodException: No signature of method: java.lang.String.get() is applicable for argument types: (java.lang.String) values: [b]",
	} {
		t.Run(src, func(t *testing.T) {
			t.Parallel()
			failsWith(t, src, want)
		})
	}
}

// failsWith runs a script that fails with these words before its end.
func failsWith(t *testing.T, src, want string) {
	t.Helper()
	h := &fakeHost{}
	if out := runOn(t, h, src); out.Result != "FAILURE" {
		t.Errorf("result %s", out.Result)
	}
	if got := h.lines[max(0, len(h.lines)-2)]; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
