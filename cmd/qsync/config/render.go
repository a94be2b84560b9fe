package config

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// plainText is what needs no quotes anywhere, not even in a list in brackets.
var plainText = regexp.MustCompile(`^[\pL/~_.0-9][\pL\pN/_.~@+%=() -]*$`)

// otherKind is what YAML without quotes takes for something else than text.
var otherKind = regexp.MustCompile(`^(?i:~|null|true|false|yes|no|on|off|y|n|[-+.]?[0-9][-+0-9_.:xoea-f]*|[-+]?\.(inf|nan))$`)

// render returns a value of a setting as YAML on one line: a string, a whole
// number, a bool, or a list of strings in brackets.
func render(value any) (string, error) {
	switch v := value.(type) {
	case string:
		return renderText(v), nil
	case bool:
		return strconv.FormatBool(v), nil
	case int:
		return strconv.Itoa(v), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case []string:
		items := make([]string, len(v))
		for i, item := range v {
			items[i] = renderText(item)
		}
		return "[" + strings.Join(items, ", ") + "]", nil
	}
	return "", fmt.Errorf("config: a value of type %T", value)
}

// renderText puts a text in quotes where it needs them, and an ordinary one in none.
func renderText(text string) string {
	switch {
	case plainText.MatchString(text) && !otherKind.MatchString(text) && strings.TrimSpace(text) == text && !strings.HasPrefix(text, "..."):
		return text
	case !strings.ContainsFunc(text, func(r rune) bool { return !strconv.IsPrint(r) }):
		return "'" + strings.ReplaceAll(text, "'", "''") + "'"
	}
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteRune('\\')
			b.WriteRune(r)
		case strconv.IsPrint(r):
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return `"` + b.String() + `"`
}

// given is the text that a rendered value reads back as, and its items.
func given(value any) (text string, items []string, isList bool) {
	if v, ok := value.([]string); ok {
		return "", v, true
	}
	return fmt.Sprint(value), nil, false
}
