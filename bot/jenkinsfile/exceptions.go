package jenkinsfile

// ExceptionClass is the full name of an exception that a script may make with
// new, by its short or full name.
func ExceptionClass(name string) (string, bool) {
	switch name {
	case "Exception", "RuntimeException", "IllegalArgumentException", "IllegalStateException", "Error",
		"UnsupportedOperationException":
		return "java.lang." + name, true
	case "java.lang.Exception", "java.lang.RuntimeException", "java.lang.IllegalArgumentException",
		"java.lang.IllegalStateException", "java.lang.Error", "hudson.AbortException":
		return name, true
	case "IOException", "FileNotFoundException":
		return "java.io." + name, true
	}
	return "", false
}
