package main

import (
	"encoding/json"
	"time"

	"qsync/peer"
	"qsync/web"
)

// Overview implements [web.Node].
func (w *window) Overview() (node json.RawMessage, folders map[string]json.RawMessage) {
	node, _, folders = w.s.overview()
	return node, folders
}

// Health implements [web.Node].
func (w *window) Health() web.Health { return healthOf(w.s.status()) }

// manyProblems is how many paths that cannot be synced make it the folder that fails.
const manyProblems = 100

// healthOf is how a node is: what has stopped is not well, and what could not go on if
// it were not paused; nor is a node whose settings are not in force. One path that
// cannot be synced is no reason: all others go on, and a new start, which is what some
// who ask make of the answer, cures none.
func healthOf(st peer.Status) web.Health {
	h := web.Health{Folders: len(st.Folders)}
	for _, f := range st.Folders {
		if f.State == "paused" {
			continue
		}
		if h.Problems += len(f.Problems); f.State == "stopped" || f.Reason != "" || len(f.Problems) >= manyProblems {
			h.Ill++
		}
	}
	if st.Config != "" {
		h.Ill++
	}
	return h
}

// measure is one metric of a folder.
type measure struct {
	name, help, kind string
	value            func(peer.FolderStatus) float64
}

// folderMeasures are the metrics of a folder; those of its peers are beside them.
var folderMeasures = []measure{
	{"qsync_folder_files", "Files in the folder.", "gauge", func(f peer.FolderStatus) float64 { return float64(f.Entries.Files) }},
	{"qsync_folder_directories", "Directories in the folder.", "gauge", func(f peer.FolderStatus) float64 { return float64(f.Entries.Dirs) }},
	{"qsync_folder_bytes", "Size of the files in the folder.", "gauge", func(f peer.FolderStatus) float64 { return float64(f.Entries.Bytes) }},
	{"qsync_folder_wanted_entries", "Entries that are still to come.", "gauge", func(f peer.FolderStatus) float64 { return float64(f.Want.Entries) }},
	{"qsync_folder_wanted_bytes", "Bytes that are still to come.", "gauge", func(f peer.FolderStatus) float64 { return float64(f.Want.Bytes) }},
	{"qsync_folder_problems", "Paths that cannot be synced for now.", "gauge", func(f peer.FolderStatus) float64 { return float64(len(f.Problems)) }},
	{"qsync_folder_conflicts", "Conflict copies in the folder.", "gauge", func(f peer.FolderStatus) float64 { return float64(len(f.Conflicts)) }},
	{"qsync_folder_stopped", "1 where the folder does not run and is not paused.", "gauge", func(f peer.FolderStatus) float64 { return truth(f.State == "stopped") }},
	{"qsync_folder_paused", "1 where the folder is paused.", "gauge", func(f peer.FolderStatus) float64 { return truth(f.State == "paused") }},
	{"qsync_folder_added_total", "Entries that sync added here in this run.", "counter", func(f peer.FolderStatus) float64 { return float64(f.Totals.Added) }},
	{"qsync_folder_modified_total", "Entries that sync changed here in this run.", "counter", func(f peer.FolderStatus) float64 { return float64(f.Totals.Modified) }},
	{"qsync_folder_deleted_total", "Entries that sync removed here in this run.", "counter", func(f peer.FolderStatus) float64 { return float64(f.Totals.Deleted) }},
	{"qsync_folder_received_bytes_total", "Bytes of content put in place in this run.", "counter", func(f peer.FolderStatus) float64 { return float64(f.Totals.Bytes) }},
	{"qsync_folder_sent_bytes_total", "Bytes of content served to peers in this run.", "counter", func(f peer.FolderStatus) float64 { return float64(f.Totals.Sent) }},
}

// peerMeasure is one metric of a peer of a folder.
type peerMeasure struct {
	name, help string
	value      func(peer.PeerStatus) float64
}

var peerMeasures = []peerMeasure{
	{"qsync_peer_connected", "1 where the peer is connected.", func(p peer.PeerStatus) float64 { return truth(p.Connected) }},
	{"qsync_peer_in_sync", "1 where the peer has all that is here.", func(p peer.PeerStatus) float64 { return truth(p.InSync) }},
	{"qsync_peer_queued_entries", "Entries that the peer has not confirmed.", func(p peer.PeerStatus) float64 { return float64(p.Queued.Entries) }},
	{"qsync_peer_queued_bytes", "Bytes that the peer has not confirmed.", func(p peer.PeerStatus) float64 { return float64(p.Queued.Bytes) }},
}

// Metrics implements [web.Node].
func (w *window) Metrics() []web.Metric {
	st := w.s.status()
	one := func(name, help string, v float64) web.Metric {
		return web.Metric{Name: name, Help: help, Kind: "gauge", Samples: []web.Sample{{Value: v}}}
	}
	all := []web.Metric{
		{Name: "qsync_info", Help: "The node.", Kind: "gauge", Samples: []web.Sample{{Labels: map[string]string{"version": st.Version, "name": st.Name}, Value: 1}}},
		one("qsync_start_time_seconds", "When the node started, in seconds since 1970.", float64(time.Now().Unix()-st.Uptime)),
		one("qsync_config_in_force", "1 where config.yaml is in force as it is.", truth(st.Config == "")),
		one("qsync_folders", "Folders of the node.", float64(len(st.Folders))),
	}
	for _, m := range folderMeasures {
		x := web.Metric{Name: m.name, Help: m.help, Kind: m.kind}
		for _, f := range st.Folders {
			x.Samples = append(x.Samples, web.Sample{Labels: map[string]string{"folder": f.Path}, Value: m.value(f)})
		}
		all = append(all, x)
	}
	for _, m := range peerMeasures {
		x := web.Metric{Name: m.name, Help: m.help, Kind: "gauge"}
		for _, f := range st.Folders {
			for _, p := range f.Peers {
				x.Samples = append(x.Samples, web.Sample{Labels: map[string]string{"folder": f.Path, "peer": p.Name, "node": p.Node}, Value: m.value(p)})
			}
		}
		all = append(all, x)
	}
	return all
}

func truth(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
