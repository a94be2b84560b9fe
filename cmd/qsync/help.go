package main

import (
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
)

const mainHelp = `qsync keeps directories equal, on one machine and across a network.

  qsync photos /mnt/copy/photos            make the copy like photos, keep it so
  qsync -b work /media/stick/work          both ways
  qsync share docs                         print a sync ID and serve docs
  qsync join - docs                        on the other device; paste the ID
  qsync photos - --remote nas --id-file F  one way, to nas, with the ID in F

Commands
  SRC DST           keep DST like SRC; on another machine with --remote HOST
  share DIR         give DIR a sync ID, print it, and serve DIR until Ctrl-C
  join ID DIR       become a peer; ID is - to read it from standard input
  status [DIR]      what the running nodes do; wait [DIR] until all is in sync
  id, folders       new, show DIR, words, qr, check; what is known, forget DIR
  serve, open       all of config.yaml, headless; its page. pause, resume [DIR]
  profile, config   groups of folders; the settings file; completion SHELL
  versions, restore older versions of what sync replaced; verify finds rot
  log, undo [DIR]   what changed; take it back; confirm DIR: it was meant
  conflicts [DIR]   what two sides changed; one way: revert, override DIR
  doctor, service   why it does not sync; systemd. ignored PATH: by which rule?

Flags: -b both ways, --once one pass, -n dry run, --remote HOST[:PORT], --json,
--home DIR, -v, -q, --version. All: 'qsync help sync', 'qsync help join'.
Variables do the same: QSYNC_HOME, QSYNC_LISTEN, …, QSYNC_ID for the sync ID.
`

// examples open the help of a command.
var examples = map[string]string{
	"sync": `  qsync photos /mnt/backup/photos --once     one pass, and an exit code
  qsync -n photos /mnt/backup/photos         what would it do?
  qsync -b work - --remote nas --id-file F   with whatever path nas has
  qsync A B -bd --remote HOST --force-id ID  as with the Python qsync`,
	"share": `  qsync share docs
  qsync share docs --mode send --listen 192.168.0.10:2121`,
	"join": `  qsync join - docs --remote laptop      asks for the ID
  qsync join - docs --remote laptop <id.txt
  QSYNC_ID=… qsync join docs --remote laptop
  An ID in an argument is visible to every user of this machine.`,
	"status":  "  qsync status\n  qsync status --watch\n  qsync status docs --json",
	"ignored": "  qsync ignored docs/cache docs/a.log\n  qsync ignored docs/* --json",
	"wait":    "  qsync wait docs --peers 1 --timeout 10m",
	"id":      "  qsync id new\n  qsync id show docs      64 digits\n  qsync id words docs     24 words\n  qsync id qr docs\n  qsync id check -        the ID is read from standard input",
	"serve":   "  qsync serve\n  qsync serve --home /var/lib/qsync --log-level info",
	"pause":   "  qsync pause docs\n  qsync pause             everything",
	"resume":  "  qsync resume docs\n  qsync resume docs --max-delete 100%   lets through what the brake stopped",
	"conflicts": `  qsync conflicts docs
  qsync conflicts resolve docs/plan.odt --keep this
  qsync conflicts resolve f --merge 'cp $LOCAL $MERGED; vimdiff $MERGED $REMOTE'
  qsync conflicts resolve f --merge 'kdiff3 $LOCAL $REMOTE -o $MERGED'
  qsync conflicts resolve f --merge 'diff3 -m $LOCAL $BASE $REMOTE >$MERGED'
  $BASE is what both sides were made of. With two peers it is mostly an empty
  file: who edits a file in place keeps no older version of it. A third machine
  that only followed has it; resolve there, and diff3 merges by itself.`,
	"revert":   "  qsync revert -n docs    what was changed here alone?\n  qsync revert docs       take it back",
	"override": "  qsync override -n docs  what have peers made otherwise?\n  qsync override docs     put what is here above that",
	"versions": "  qsync versions docs             all in the folder docs\n  qsync versions docs/a.txt       of one file\n  qsync versions docs letters     below docs/letters",
	"restore":  "  qsync restore docs/a.txt                    its latest older version\n  qsync restore docs/a.txt --version 2        the one before\n  qsync restore docs/letters                  as before the last removal in it\n  qsync restore docs/letters --at 3d -n       what would change?\n  qsync restore docs/a.txt --to /tmp/a.txt    a copy elsewhere\n  What is there now is kept as a version first. Nothing is removed: names that\n  came after the time that --at gives stay.",
	"confirm":  "  qsync confirm docs      go on: what the brake stopped is meant, or\n                          what lost its marker is the folder all the same",
	"undo":     "  qsync undo -n docs      what would come back?\n  qsync undo docs         what the brake stopped, or else what sync took last\n  qsync undo docs --since 2h",
	"log":      "  qsync log docs --since 2d\n  qsync log docs --path '*.txt' --limit 0 --json\n  qsync log docs --peer laptop --kind file\n  qsync log --days",
	"verify":   "  qsync verify docs            exit code 3 if something is rotten\n  qsync verify --repair docs   and fetch good copies",
	"profile":  "  qsync profile create work docs papers\n  qsync profile stop work\n  qsync profile start work\n  qsync profile save work\n  qsync profile load work\n  qsync profile list",
	"config":   "  qsync config example\n  qsync config check\n  $EDITOR \"$(qsync config path)\"    a running node takes it at once\n  qsync config password                for the page on other machines",
	"folders":  "  qsync folders --json",
	"forget":   "  qsync forget docs",
	"open":     "  qsync open\n  qsync open --url         only print the address, for another browser\n  ssh -L 7555:127.0.0.1:7555 nas, and there: qsync open --url",
	"doctor":   "  qsync doctor\n  qsync doctor --remote nas        does that peer answer?\n  qsync doctor --json",
	"service":  "  qsync service install                      this user's own\n  sudo qsync service install --system        the machine's, run as you\n  qsync service status\n  qsync service logs -f\n  qsync service uninstall",
	"version":  "  qsync version",
	"completion": `  eval "$(qsync completion bash)"                          in ~/.bashrc
  source <(qsync completion zsh)                           in ~/.zshrc
  qsync completion fish | source                           in config.fish
  qsync completion powershell | Out-String | Invoke-Expression   in $PROFILE`,
}

// helpWanted reports whether the arguments ask for help, and about what: a
// command, "" for all of it.
func helpWanted(args []string) (topic string, ok bool) {
	if len(args) == 0 {
		return "", true
	}
	if args[0] == "help" {
		return append(args[1:], "")[0], true // what follows is one of the topic's own commands
	}
	for _, a := range args {
		if a == "--" {
			return "", false
		}
		if a == "-h" || a == "--help" {
			return topicOf(args), true
		}
	}
	return "", false
}

func topicOf(args []string) string {
	topic := ""
	for _, a := range args {
		if strings.HasPrefix(a, "-") {
			continue
		}
		if _, ok := examples[a]; ok {
			return a
		}
		topic = "sync"
	}
	return topic
}

// help prints the help of a topic.
func (p *program) help(topic string) error {
	text := mainHelp
	if topic != "" {
		var ok bool
		if text, ok = commandHelp(topic); !ok {
			return usagef("there is no command %s%s; see 'qsync help'", quote(topic), didYouMean(topic))
		}
	}
	_, err := io.WriteString(p.out, text)
	return err
}

func commandHelp(topic string) (string, bool) {
	t := reflect.TypeFor[grammar]()
	for i := range t.NumField() {
		f := t.Field(i)
		if _, isCommand := f.Tag.Lookup("cmd"); !isCommand || strings.ToLower(f.Name) != topic {
			continue
		}
		var b strings.Builder
		name := topic + " "
		if topic == "sync" {
			name = ""
		}
		for _, line := range usageLines(f.Type) {
			fmt.Fprintf(&b, "qsync %s%s\n", name, line)
		}
		fmt.Fprintf(&b, "%s\n\n%s\n\n", f.Tag.Get("help"), examples[topic])
		for _, row := range slices.Concat(groupRows(f.Type), flagRows(f.Type), flagRows(reflect.TypeFor[globals]())) {
			lines := wrap(row[1], 52)
			fmt.Fprintf(&b, "%-27s %s\n", row[0], lines[0])
			for _, l := range lines[1:] {
				fmt.Fprintf(&b, "%-27s %s\n", "", l)
			}
		}
		return b.String(), true
	}
	return "", false
}

// usageLines are the forms of a command: one, unless it is a group that does
// something without a further word too.
func usageLines(t reflect.Type) []string {
	var lines []string
	for i := range t.NumField() {
		f := t.Field(i)
		if _, isDefault := f.Tag.Lookup("default"); isDefault && f.Type.Kind() == reflect.Struct {
			lines = append(lines, arguments(f.Type))
		}
	}
	if lines == nil {
		return []string{arguments(t)}
	}
	for i := range t.NumField() {
		if name := commandName(t.Field(i)); name != "" {
			lines = append(lines, name+" "+arguments(t.Field(i).Type))
		}
	}
	return lines
}

// arguments are the placeholders of a command's arguments.
func arguments(t reflect.Type) string {
	names := []string{}
	if commands := commandsOf(t); len(commands) > 0 {
		names = append(names, strings.Join(commands, "|"))
	}
	for i := range t.NumField() {
		tag := t.Field(i).Tag
		if t.Field(i).Anonymous { // revert and override have theirs in common
			if inner := strings.TrimSuffix(arguments(t.Field(i).Type), "[flags]"); inner != "" {
				names = append(names, strings.TrimSpace(inner))
			}
		}
		if _, ok := tag.Lookup("arg"); !ok {
			continue
		}
		name := tag.Get("name")
		if _, optional := tag.Lookup("optional"); optional {
			name = "[" + name + "]"
		}
		names = append(names, name)
	}
	return strings.Join(append(names, "[flags]"), " ")
}

// groupRows are the commands of a group, each with its own flags below it.
func groupRows(t reflect.Type) (rows [][2]string) {
	for i := range t.NumField() {
		f := t.Field(i)
		name := commandName(f)
		if name == "" {
			continue
		}
		synopsis := strings.TrimSuffix(name+" "+arguments(f.Type), " [flags]")
		rows = append(rows, [2]string{synopsis, f.Tag.Get("help")})
		for _, row := range flagRows(f.Type) {
			rows = append(rows, [2]string{"  " + row[0], row[1]})
		}
	}
	return rows
}

// flagRows are a command's flags and what they do.
func flagRows(t reflect.Type) (rows [][2]string) {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			rows = append(rows, flagRows(f.Type)...)
			continue
		}
		_, isArg := f.Tag.Lookup("arg")
		_, isCommand := f.Tag.Lookup("cmd")
		if isArg || isCommand {
			continue
		}
		name := f.Tag.Get("name")
		if name == "" {
			name = dashed(f.Name)
		}
		text := "--" + name
		if value := f.Tag.Get("placeholder"); value != "" {
			text += " " + value
		}
		if short := f.Tag.Get("short"); short != "" {
			text = "-" + short + ", " + text
		}
		rows = append(rows, [2]string{text, f.Tag.Get("help")})
	}
	return rows
}

// dashed is the flag that kong makes of a field: NoProgress, no-progress.
func dashed(field string) string {
	var b strings.Builder
	for i, r := range field {
		if i > 0 && r >= 'A' && r <= 'Z' {
			b.WriteByte('-')
		}
		b.WriteRune(r)
	}
	return strings.ToLower(b.String())
}
