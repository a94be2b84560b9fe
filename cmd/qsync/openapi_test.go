package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"qsync/peer"
)

var update = flag.Bool("update", false, "write web/openapi.json anew")

const openAPIFile = "../../web/openapi.json"

// operation is what is said of a request beside its types.
type operation struct {
	tag, summary string
	query        reflect.Type // nil for none
	answer       reflect.Type // nil: see raw
	body         object       // instead of a query: kinds of content
	raw          object       // answers that are no JSON of a type
	open         bool         // for everybody
}

// actionTypes are the requests of the API that are no verbs.
var actionTypes = map[string]operation{
	"GET /v1/status":   {tag: "node", summary: "The node and its folders, as 'qsync status --json' prints them.", answer: reflect.TypeFor[peer.Status]()},
	"GET /v1/overview": {tag: "node", summary: "The node and its folders as a page shows them: each with its state in a sentence. Long lists are cut, and their counts beside them.", answer: reflect.TypeFor[overviewAnswer]()},
	"POST /v1/wait":    {tag: "folders", summary: "Waits until a folder, or with \"\" all, are in sync with at least so many peers, or the time is over.", query: reflect.TypeFor[waitRequest](), answer: reflect.TypeFor[waitAnswer]()},
	"POST /v1/rescan":  {tag: "folders", summary: "Looks at the disk of a folder, or with \"\" of all, afresh.", query: reflect.TypeFor[rescanRequest](), answer: reflect.TypeFor[waitAnswer]()},
	"POST /v1/apply":   {tag: "folders", summary: "Takes config.yaml anew. With resume, and answered, a folder goes on that the brake stopped and a person has decided about (confirm, undo).", query: reflect.TypeFor[applyRequest](), answer: reflect.TypeFor[waitAnswer]()},
	"POST /v1/window":  {tag: "node", summary: "An address of the page that lets in once, within a minute. With user, the number of a user of the machine, only a browser of that user is let in, where the system tells whose a connection is.", query: reflect.TypeFor[windowRequest](), answer: reflect.TypeFor[windowAnswer]()},
	"POST /v1/share":   {tag: "folders", summary: "Gives a directory a sync ID and keeps it in sync from now on. The answer is the invitation for other devices; it is secret.", query: reflect.TypeFor[shareQuery](), answer: reflect.TypeFor[verbAnswer[*invited]]()},
	"POST /v1/join":    {tag: "folders", summary: "Becomes a peer of a folder, by an invitation. A directory that is not there is made, if its parent is.", query: reflect.TypeFor[shareQuery](), answer: reflect.TypeFor[verbAnswer[*invited]]()},
	"POST /v1/invite":  {tag: "folders", summary: "The invitation to a folder, in all its forms. It is secret.", query: reflect.TypeFor[dirQuery](), answer: reflect.TypeFor[verbAnswer[*invited]]()},
	"POST /v1/pause":   {tag: "folders", summary: "Pauses a folder, or with \"\" all, also over a restart.", query: reflect.TypeFor[dirQuery](), answer: reflect.TypeFor[verbAnswer[nothing]]()},
	"POST /v1/resume":  {tag: "folders", summary: "Goes on with a folder, or with \"\" all, also where it has stopped.", query: reflect.TypeFor[dirQuery](), answer: reflect.TypeFor[verbAnswer[nothing]]()},
	"POST /v1/forget":  {tag: "folders", summary: "Takes a folder out of the home. Its files stay.", query: reflect.TypeFor[dirQuery](), answer: reflect.TypeFor[verbAnswer[nothing]]()},
	"POST /v1/sync":    {tag: "folders", summary: "Looks at the disk of a folder, or with \"\" of all, afresh, and starts what has stopped.", query: reflect.TypeFor[dirQuery](), answer: reflect.TypeFor[waitAnswer]()},
	"POST /v1/words":   {tag: "folders", summary: "How far a text that is being typed is a sync ID, and how it may go on.", query: reflect.TypeFor[wordsQuery](), answer: reflect.TypeFor[wordsAnswer]()},
	"POST /v1/qr":      {tag: "folders", summary: "The invitation in a picture of a QR code: PNG, JPEG or GIF, up to 8 MiB.", body: object{"image/png": object{}, "image/jpeg": object{}, "image/gif": object{}}, answer: reflect.TypeFor[qrAnswer]()},
	"GET /v1/settings": {tag: "settings", summary: "What can be set of a folder, or without one of the node, with values, defaults and help.", answer: reflect.TypeFor[settingsAnswer]()},
	"POST /v1/settings": {tag: "settings", summary: "Changes config.yaml, all or nothing; its comments stay. Settings of the node make it begin anew: the answer comes, then the connection ends.",
		query: reflect.TypeFor[setQuery](), answer: reflect.TypeFor[setAnswer]()},
	"GET /v1/profiles":          {tag: "settings", summary: "The profiles, and those that are saved as files.", answer: reflect.TypeFor[profilesAnswer]()},
	"POST /v1/profiles/{doing}": {tag: "settings", summary: "Changes a profile. delete takes the name from its folders, remove the saved file away.", query: reflect.TypeFor[profileQuery](), answer: reflect.TypeFor[verbAnswer[nothing]]()},
}

// verbSummaries say what a verb does to its folder.
var verbSummaries = map[string]string{
	"revert":    "Takes back what was changed in a folder that only receives.",
	"override":  "Puts a source above what its peers wrote.",
	"versions":  "The older versions that are kept of a path, or of all below it, in parts.",
	"restore":   "Brings back a version of a file, or a directory as it was at a moment, in parts.",
	"verify":    "Reads files again and tells which differ from what is known of them, in parts; repair takes good copies from peers.",
	"conflicts": "The conflicts of the folder.",
	"conflict":  "One conflict, both sides of it.",
	"resolve":   "Ends a conflict: keeps this side, the other one, or both. How 'from' and 'to' are, they are refused here.",
	"log":       "What has changed, the latest first, in pages: go on with before = next and skip = skip while next is not 0.",
	"days":      "How much changed on each day.",
	"confirm":   "Lets through what the brake stopped, once. POST apply has the folder go on.",
	"undo":      "Undoes what the brake stopped, or without that the last removals and replacements.",
	"ignored":   "Whether paths are ignored, and by which rule.",
	"tree":      "A directory as it is, or was at a moment, in parts.",
	"content":   "What a file holds, or held: text in parts, pictures whole.",
	"diff":      "How two states of a text differ, with three lines around each difference.",
	"preview":   "What other ignore rules would leave out, and what they would bring back.",
}

// webTypes are the requests that the window itself answers.
func (g *schemas) webTypes() map[string]operation {
	text, whole := object{"type": "string"}, object{"type": "integer", "minimum": 0}
	return map[string]operation{
		"GET /health": {tag: "checks", open: true, summary: "200 when every folder is well or paused on purpose, 503 when one is not: it has stopped, cannot go on, or 100 of its paths cannot be synced; or config.yaml is not in force. With ?strict one path is enough. It tells no name.", raw: object{
			"200": content("all is well", "application/json", g.named("Health", fixed(object{"status": object{"enum": []string{"ok", "not well"}}, "folders": whole, "ill": whole, "problems": whole}))),
			"503": content("something does not sync and should", "application/json", ref("Health")),
		}},
		"GET /metrics": {tag: "checks", summary: "Metrics in the text format of Prometheus, version 0.0.4.", raw: object{"200": content("the metrics", "text/plain", text)}},
		"GET /session": {tag: "session", open: true, summary: "Whether this is a session, and whether a password can begin one.", raw: object{
			"200": content("how it is", "application/json", fixed(object{"password": object{"type": "boolean"}, "in": object{"type": "boolean"}, "version": text})),
		}},
		"POST /session": {tag: "session", open: true, summary: "Begins a session, for 30 days, with a ticket of 'qsync open' or with the password. Sets the cookie and gives the token.",
			body: object{"application/json": object{"schema": object{"type": "object", "properties": object{"ticket": text, "password": text, "overview": object{"type": "boolean", "description": "have what GET /api/v1/overview says come with the answer"}}, "additionalProperties": false}}}, raw: object{
				"200": content("let in", "application/json", object{"type": "object", "properties": object{"token": text, "overview": object{"type": "object", "description": "if asked for: as of GET /api/v1/overview"}}, "required": []string{"token"}}),
				"401": object{"$ref": "#/components/responses/Refused"},
				"429": object{"$ref": "#/components/responses/Refused"},
			}},
		"DELETE /session":   {tag: "session", open: true, summary: "Ends the session.", raw: object{"200": content("it is over", "application/json", object{"type": "object"})}},
		"DELETE /sessions":  {tag: "session", summary: "Ends every session, of whoever has it, and all tickets; also the streams of events that are open for one. The secret for scripts is as before.", raw: object{"200": content("they are over", "application/json", object{"type": "object"})}},
		"GET /openapi.json": {tag: "checks", open: true, summary: "This description.", raw: object{"200": content("the description", "application/json", object{"type": "object"})}},
		"GET /api/v1/events": {tag: "node", summary: "What changes, as server-sent events. Each has an id; whoever comes back with it in Last-Event-ID misses nothing, or is told to reset.", raw: object{
			"200": content("event: reset, {}: load /api/v1/overview, something was missed or this is the first; node: a NodeView; folder: a FolderView; "+
				"gone: {path}; happened: a list of Event, the last of which may be {event: more, text: how many more}", "text/event-stream", object{
				"type": "string", "x-events": object{
					"reset": object{"type": "object"}, "node": g.of(reflect.TypeFor[nodeView](), true), "folder": g.of(reflect.TypeFor[folderView](), true),
					"gone": fixed(object{"path": text}), "happened": object{"type": "array", "items": g.of(reflect.TypeFor[peer.Event](), true)},
				},
			}),
		}},
	}
}

// described are all requests, by pattern as the window has them.
func (g *schemas) described(t *testing.T) map[string]operation {
	all := g.webTypes()
	for pattern := range (&control{}).routes(windowVerbs) {
		method, path, _ := strings.Cut(pattern, " ")
		op, ok := actionTypes[pattern]
		if name, is := strings.CutPrefix(path, "/v1/folder/"); is {
			op, ok = operation{tag: "in a folder", summary: verbSummaries[name]}, verbSummaries[name] != ""
			i := slices.IndexFunc(windowVerbs, func(r route) bool { return r.pattern() == pattern })
			do := reflect.ValueOf(windowVerbs[i]).FieldByName("do").Type()
			op.query, op.answer = do.In(2), do.Out(0)
		}
		if !ok {
			t.Errorf("%s is in no table of this test", pattern)
		}
		all[method+" /api"+path] = op
	}
	for pattern := range actionTypes {
		if _, ok := all[strings.Replace(pattern, " ", " /api", 1)]; !ok {
			t.Errorf("%s is described and not answered", pattern)
		}
	}
	return all
}

// describe makes the description of the interface.
func describe(t *testing.T) []byte {
	g := newSchemas(t)
	paths := map[string]object{}
	all := g.described(t)
	for _, pattern := range slices.Sorted(maps.Keys(all)) {
		method, path, _ := strings.Cut(pattern, " ")
		if paths[path] == nil {
			paths[path] = object{}
		}
		paths[path][strings.ToLower(method)] = g.operation(path, all[pattern])
	}
	sentence := object{"text/plain": object{"schema": object{"type": "string"}}}
	doc := object{
		"openapi": "3.1.0",
		"info": object{"title": "qsync", "version": "1", "license": object{"name": "see LICENSE"}, "description": "What the page of a node does, and scripts can. " +
			"A request that could be asked for is answered with 200 and an object with a code: 0, or the exit code that the command would have, and in missing a sentence that says what to do. " +
			"Paths below a folder are bytes in base64, since names need not be UTF-8; directories are text. Fields of an answer that are not named here are to be passed over; those of a request are refused, with 400 and the name."},
		"servers":  []object{{"url": "http://127.0.0.1:7555", "description": "unless the port was taken, or config.yaml says otherwise"}},
		"security": []object{{"bearer": []string{}}, {"cookie": []string{}, "token": []string{}}},
		"paths":    paths,
		"components": object{
			"schemas": g.all,
			"securitySchemes": object{
				"bearer": object{"type": "http", "scheme": "bearer", "description": "for scripts: what the file web.token in the home holds"},
				"cookie": object{"type": "apiKey", "in": "cookie", "name": "qsync-7555", "description": "with the port of the node, and behind __Host- where it speaks TLS"},
				"token":  object{"type": "apiKey", "in": "header", "name": "X-Qsync-Token", "description": "what POST /session gave"},
			},
			"responses": object{
				"NotIn": object{"description": "not let in", "content": object{"application/json": object{"schema": fixed(object{"error": object{"type": "string"}, "password": object{"type": "boolean"}})}}},
				"Refused": object{"description": "a sentence that says why: 400 malformed, or with a field that there is not, 401 the ticket or password does not let in, 403 from another page, 404 no such folder or request, 413 too large, " +
					"415 no JSON, 421 a foreign name in Host, 429 or 503 too much at once", "content": sentence},
			},
		},
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(doc); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestOpenAPI: web/openapi.json has every request, and every field of what is
// asked and answered.
func TestOpenAPI(t *testing.T) {
	want := describe(t)
	if *update && !t.Failed() {
		if err := os.WriteFile(openAPIFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(openAPIFile)
	if err != nil || !bytes.Equal(have, want) {
		a, b := strings.Split(string(have), "\n"), strings.Split(string(want), "\n")
		i := 0
		for i < min(len(a), len(b))-1 && a[i] == b[i] {
			i++
		}
		t.Errorf("web/openapi.json is not what the program does: 'go test ./cmd/qsync -run TestOpenAPI -update' writes it anew (%v)\nline %d is  %s\nand must be %s", err, i+1, a[i], b[i])
	}
	if docs, err := os.ReadFile("../../docs/openapi.json"); err != nil || !bytes.Equal(docs, have) {
		t.Errorf("docs/openapi.json is to be a link to web/openapi.json, or the same: %v", err)
	}
}

func (g *schemas) operation(path string, op operation) object {
	answers := object{"default": object{"$ref": "#/components/responses/Refused"}}
	if !op.open {
		answers["401"] = object{"$ref": "#/components/responses/NotIn"}
	}
	o := object{"tags": []string{op.tag}, "summary": op.summary, "responses": answers}
	if op.open {
		o["security"] = []object{{}}
	}
	maps.Copy(answers, op.raw)
	body := func(kind string, schema object) {
		o["requestBody"] = object{"required": true, "content": object{kind: object{"schema": schema}}}
	}
	if op.query != nil && op.tag == "in a folder" {
		body("application/json", object{"type": "object", "required": []string{"folder"}, "properties": object{
			"folder": object{"type": "string", "description": "its directory, as overview has it"}, "query": g.of(op.query, false)}})
		answers["200"] = content("what came of it", "application/json", g.wrapped(op.answer))
	} else {
		if op.query != nil {
			body("application/json", g.of(op.query, false))
		}
		if op.answer != nil {
			answers["200"] = content("what came of it", "application/json", g.of(op.answer, true))
		}
	}
	if op.body != nil {
		o["requestBody"] = object{"required": true, "content": op.body}
	}
	switch path {
	case "/api/v1/settings":
		if op.query == nil {
			o["parameters"] = []object{{"name": "folder", "in": "query", "schema": object{"type": "string"}, "description": "its directory; without one it is the node"}}
		}
	case "/api/v1/profiles/{doing}":
		o["parameters"] = []object{{"name": "doing", "in": "path", "required": true, "schema": object{"enum": slices.Sorted(maps.Keys(profileActions))}}}
	case "/api/v1/events":
		o["parameters"] = []object{{"name": "Last-Event-ID", "in": "header", "schema": object{"type": "string"}, "description": "the id that was seen last"}}
	}
	return o
}

func content(what, kind string, schema object) object {
	return object{"description": what, "content": object{kind: object{"schema": schema}}}
}

func ref(name string) object { return object{"$ref": "#/components/schemas/" + name} }

// fixed is the schema of an object that has all of these.
func fixed(properties object) object {
	return object{"type": "object", "properties": properties, "required": slices.Sorted(maps.Keys(properties))}
}

// wrapped is what a verb is answered with.
func (g *schemas) wrapped(answer reflect.Type) object {
	o := g.of(reflect.TypeFor[waitAnswer](), true)
	return object{"allOf": []object{o, fixed(object{"answer": g.of(answer, true)})}}
}
