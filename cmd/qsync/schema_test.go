package main

import (
	"encoding"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"
)

// object is one of JSON.
type object = map[string]any

// schemas makes JSON Schemas of Go types. What is said of a field is the comment
// behind it.
type schemas struct {
	t    *testing.T
	all  map[string]object
	by   map[string]madeOf
	says map[string]string // comments, by "package.Type" and "package.Type.Field"
}

// madeOf is what a schema with a name was made of.
type madeOf struct {
	t      reflect.Type
	answer bool
}

func newSchemas(t *testing.T) *schemas {
	return &schemas{t, map[string]object{}, map[string]madeOf{}, comments(t, ".", "config", "../../peer")}
}

// comments reads those of the types of packages.
func comments(t *testing.T, dirs ...string) map[string]string {
	says := map[string]string{}
	for _, dir := range dirs {
		files, _ := filepath.Glob(filepath.Join(dir, "*.go"))
		for _, name := range files {
			f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range f.Decls {
				if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.TYPE {
					for _, s := range g.Specs {
						typeComments(says, f.Name.Name, g, s.(*ast.TypeSpec))
					}
				}
			}
		}
	}
	return says
}

func typeComments(says map[string]string, pkg string, g *ast.GenDecl, s *ast.TypeSpec) {
	name := pkg + "." + s.Name.Name
	says[name] = strings.Join(strings.Fields(g.Doc.Text()), " ")
	if st, ok := s.Type.(*ast.StructType); ok {
		for _, f := range st.Fields.List {
			for _, n := range f.Names {
				says[name+"."+n.Name] = strings.TrimSpace(f.Comment.Text())
			}
		}
	}
}

// views are what is answered as JSON that was made before.
var views = map[string]reflect.Type{"node": reflect.TypeFor[nodeView](), "folders": reflect.TypeFor[[]folderView]()}

// of is the schema of a type. What an answer has is always there unless it is said
// to be left out; of a query everything may be.
func (g *schemas) of(t reflect.Type, answer bool) object {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case t == reflect.TypeFor[time.Duration]():
		return object{"type": "integer", "description": "nanoseconds"}
	case t.Implements(reflect.TypeFor[encoding.TextMarshaler]()):
		return object{"type": "string"}
	case t.Implements(reflect.TypeFor[json.Marshaler]()):
		g.t.Errorf("%v writes itself: say here how", t)
	}
	switch t.Kind() {
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.String:
		return object{"type": "string"}
	case reflect.Float64:
		return object{"type": "number"}
	case reflect.Uint64, reflect.Uint32, reflect.Uint:
		return object{"type": "integer", "minimum": 0}
	case reflect.Int, reflect.Int64, reflect.Int32:
		return object{"type": "integer"}
	case reflect.Interface:
		return object{}
	case reflect.Pointer:
		if t.Elem().Kind() == reflect.Struct && t.Elem().NumField() == 0 {
			return object{"type": "null"}
		}
		return orNull(g.of(t.Elem(), answer))
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return object{"type": []string{"string", "null"}, "contentEncoding": "base64"}
		}
		return object{"type": []string{"array", "null"}, "items": g.of(t.Elem(), answer)}
	case reflect.Map:
		return object{"type": []string{"object", "null"}, "additionalProperties": g.of(t.Elem(), answer)}
	case reflect.Struct:
		return g.structure(t, answer)
	}
	g.t.Fatalf("%v has no schema", t)
	return nil
}

func orNull(schema object) object {
	if kind, ok := schema["type"].(string); ok {
		schema["type"] = []string{kind, "null"}
		return schema
	}
	return object{"anyOf": []object{schema, {"type": "null"}}}
}

// structure is the schema of a struct: by its name, if it has a plain one.
func (g *schemas) structure(t reflect.Type, answer bool) object {
	name := t.Name()
	if name == "" || strings.Contains(name, "[") || t.NumField() == 0 {
		return g.fields(t, answer)
	}
	name = string(unicode.ToUpper(rune(name[0]))) + name[1:]
	if answer && strings.HasSuffix(name, "Query") {
		name += "Done"
	}
	have, ok := g.by[name]
	if of := (madeOf{t, answer}); ok && have != of {
		g.t.Errorf("both %v and %v would be %s", have, of, name)
	} else if !ok {
		g.by[name] = of
		o := g.fields(t, answer)
		if text := g.says[t.String()]; text != "" {
			o["description"] = strings.Replace(text, t.Name()+" ", name+" ", 1)
		}
		g.all[name] = o
	}
	return ref(name)
}

// named takes in a schema under a name.
func (g *schemas) named(name string, schema object) object {
	g.all[name] = schema
	return ref(name)
}

// fields are those that encoding/json finds in a struct, also in those that it embeds.
func (g *schemas) fields(t reflect.Type, answer bool) object {
	properties, required := object{}, []string{}
	var take func(t reflect.Type)
	take = func(t reflect.Type) {
		for i := range t.NumField() {
			f := t.Field(i)
			name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			if f.Anonymous && name == "" {
				take(f.Type)
				continue
			}
			if name == "-" || !f.IsExported() {
				continue
			}
			if name == "" {
				name = f.Name
			}
			if _, hidden := properties[name]; hidden {
				g.t.Errorf("%v has %s twice", t, name)
			}
			properties[name] = g.field(t, f, answer)
			if answer && options == "" {
				required = append(required, name)
			}
		}
	}
	take(t)
	slices.Sort(required)
	o := object{"type": "object", "properties": properties}
	if len(required) > 0 {
		o["required"] = required
	}
	if !answer {
		o["additionalProperties"] = false
	}
	return o
}

func (g *schemas) field(t reflect.Type, f reflect.StructField, answer bool) object {
	made := f.Type
	if made == reflect.TypeFor[json.RawMessage]() || made == reflect.TypeFor[[]json.RawMessage]() {
		made = views[f.Tag.Get("json")]
	}
	s := g.of(made, answer)
	if text := g.says[t.String()+"."+f.Name]; text != "" {
		s["description"] = text
	}
	return s
}

// theDoc is web/openapi.json.
var theDoc = sync.OnceValues(func() (doc object, err error) {
	b, err := os.ReadFile(openAPIFile)
	if err == nil {
		err = json.Unmarshal(b, &doc)
	}
	return doc, err
})

// fitsDoc checks that an answer of the API is as web/openapi.json says.
func fitsDoc(t *testing.T, method, path string, body []byte) {
	t.Helper()
	doc, err := theDoc()
	var v any
	if err == nil {
		err = json.Unmarshal(body, &v)
	}
	if err != nil {
		t.Errorf("%s %s: %v", method, path, err)
		return
	}
	path, _, _ = strings.Cut("/api"+path, "?")
	if strings.HasPrefix(path, "/api/v1/profiles/") {
		path = "/api/v1/profiles/{doing}"
	}
	schema, ok := below(doc, "paths", path, strings.ToLower(method), "responses", "200", "content", "application/json", "schema").(object)
	if !ok {
		t.Errorf("%s %s is not described", method, path)
		return
	}
	checking{doc}.check(path, schema, v, func(format string, args ...any) { t.Errorf("%s: "+format, append([]any{method}, args...)...) })
}

func below(v any, keys ...string) any {
	for _, k := range keys {
		o, _ := v.(object)
		v = o[k]
	}
	return v
}

// checking checks values against the schemas of a document, as far as those here go.
type checking struct{ doc object }

func (c checking) check(at string, schema object, v any, wrong func(string, ...any)) {
	schema = c.whole(schema)
	if kinds := kindsOf(schema["type"]); len(kinds) > 0 && !slices.ContainsFunc(kinds, func(k string) bool { return isKind(k, v) }) {
		wrong("%s is %T, not %v", at, v, kinds)
		return
	}
	switch v := v.(type) {
	case object:
		properties, _ := schema["properties"].(object)
		for _, name := range listOf(schema["required"]) {
			if _, ok := v[fmt.Sprint(name)]; !ok {
				wrong("%s lacks %v", at, name)
			}
		}
		other, open := schema["additionalProperties"].(object)
		for name, x := range v {
			if p, ok := properties[name].(object); ok {
				c.check(at+"."+name, p, x, wrong)
			} else if open {
				c.check(at+"."+name, other, x, wrong)
			} else if properties != nil {
				wrong("%s.%s is not described", at, name)
			}
		}
	case []any:
		items, _ := schema["items"].(object)
		for _, x := range v {
			c.check(at+"[]", items, x, wrong)
		}
	}
}

// whole is a schema with what it refers to. Of alternatives, which are null or not
// here, it is the first.
func (c checking) whole(schema object) object {
	if to, ok := schema["$ref"].(string); ok {
		return c.whole(below(c.doc, strings.Split(strings.TrimPrefix(to, "#/"), "/")...).(object))
	}
	if some := listOf(schema["anyOf"]); len(some) > 0 {
		s := c.whole(some[0].(object))
		return object{"type": append(listOf(s["type"]), "object", "null"), "properties": s["properties"]}
	}
	all := listOf(schema["allOf"])
	if len(all) == 0 {
		return schema
	}
	sum, required := object{}, []any{}
	for _, part := range all {
		s := c.whole(part.(object))
		for name, p := range s["properties"].(object) {
			sum[name] = p
		}
		required = append(required, listOf(s["required"])...)
	}
	return object{"type": "object", "properties": sum, "required": required}
}

func listOf(v any) []any {
	l, _ := v.([]any)
	return l
}

func kindsOf(v any) (kinds []string) {
	if one, ok := v.(string); ok {
		return []string{one}
	}
	for _, k := range listOf(v) {
		kinds = append(kinds, fmt.Sprint(k))
	}
	return kinds
}

func isKind(kind string, v any) bool {
	switch v := v.(type) {
	case nil:
		return kind == "null"
	case bool:
		return kind == "boolean"
	case string:
		return kind == "string"
	case float64:
		return kind == "number" || kind == "integer" && v == float64(int64(v))
	case []any:
		return kind == "array"
	}
	return kind == "object"
}
