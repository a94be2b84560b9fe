package web

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Metric is one family of the text format of Prometheus, version 0.0.4.
type Metric struct {
	Name    string // with its unit, as Prometheus names them: qsync_folder_bytes
	Help    string // one line
	Kind    string // gauge or counter
	Samples []Sample
}

// Sample is one value of a family.
type Sample struct {
	Labels map[string]string
	Value  float64
}

var (
	escapeLabel = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
	escapeHelp  = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
)

func (s *Server) metrics(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	_, _ = w.Write(expose(s.conf.Node.Metrics())) // whoever asked may be gone
}

// expose writes metrics in the text format.
func expose(all []Metric) []byte {
	var b bytes.Buffer
	for _, m := range all {
		if len(m.Samples) == 0 {
			continue
		}
		fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %[1]s %[3]s\n", m.Name, escapeHelp.Replace(m.Help), m.Kind)
		for _, s := range m.Samples {
			b.WriteString(m.Name)
			writeLabels(&b, s.Labels)
			b.WriteString(" " + strconv.FormatFloat(s.Value, 'g', -1, 64) + "\n")
		}
	}
	return b.Bytes()
}

func writeLabels(b *bytes.Buffer, labels map[string]string) {
	if len(labels) == 0 {
		return
	}
	var names []string
	for name := range labels {
		names = append(names, name)
	}
	slices.Sort(names)
	for i, name := range names {
		fmt.Fprintf(b, `%c%s="%s"`, "{,"[min(i, 1)], name, escapeLabel.Replace(strings.ToValidUTF8(labels[name], "\uFFFD")))
	}
	b.WriteByte('}')
}
