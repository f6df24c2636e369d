package jenkinsfile

import "slices"

type kind int

const (
	kindEOF kind = iota
	kindNewline
	kindIdent
	kindNumber
	kindString
	kindGString
	kindPunct
)

// token is one lexical element. text is an identifier, an operator, a number as
// written, or a string's value with its escapes resolved.
type token struct {
	pos   Pos
	kind  kind
	text  string
	parts []chunk
}

// chunk is a piece of an interpolated string: literal text, or the tokens of an
// expression ending in kindEOF.
type chunk struct {
	text string
	expr []token
	end  Pos // of the expression's last token
}

func (t token) is(text string) bool { return t.kind == kindPunct && t.text == text }

func (t token) word(text string) bool { return t.kind == kindIdent && t.text == text }

// keywords can't name a variable or start a command's argument.
func isKeyword(word string) bool {
	switch word {
	case "as", "assert", "break", "case", "catch", "class", "continue", "def", "default", "do", "else",
		"enum", "extends", "false", "finally", "for", "if", "implements", "import", "in", "instanceof",
		"interface", "new", "null", "package", "return", "static", "super", "switch", "this", "throw",
		"throws", "trait", "true", "try", "void", "while", "boolean", "byte", "char", "double", "float",
		"int", "long", "short", "final", "private", "protected", "public", "abstract", "synchronized":
		return true
	}
	return false
}

func isBuiltInType(word string) bool {
	switch word {
	case "void", "boolean", "byte", "char", "double", "float", "int", "long", "short":
		return true
	}
	return false
}

// operators by length, the longest first: a lexer takes the longest that fits.
func operatorAt(s string) string {
	for size := min(4, len(s)); size > 0; size-- {
		if slices.Contains(operatorsOf(size), s[:size]) {
			return s[:size]
		}
	}
	return ""
}

func operatorsOf(size int) []string {
	switch size {
	case 4:
		return []string{">>>="}
	case 3:
		return []string{"<=>", "**=", ">>=", "<<=", "...", "..<", "==~", "===", "!==", ">>>"}
	case 2:
		return []string{
			"?.", "*.", ".&", ".@", "?:", "->", "++", "--", "&&", "||", "==", "!=", "<=", ">=", "<<", ">>",
			"=~", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "..", "**",
		}
	}
	return []string{
		"(", ")", "[", "]", "{", "}", ",", ";", ":", ".", "?", "=", "<", ">", "+", "-", "*", "/", "%", "!",
		"~", "&", "|", "^", "@",
	}
}
