package main

import (
	"context"

	"qsync/folder"
	"qsync/peer"
)

// previewQuery asks what other ignore rules would change.
type previewQuery struct {
	Exclude  []string `json:"exclude"`
	Defaults bool     `json:"default_ignores"`
}

type previewAnswer struct {
	Entries   int64    `json:"entries"` // that would no longer be synced
	Bytes     int64    `json:"bytes"`
	Paths     [][]byte `json:"paths"` // the first of them
	Back      int64    `json:"back"`  // that would be, and are not now
	BackBytes int64    `json:"back_bytes"`
	BackPaths [][]byte `json:"back_paths"`
	Cut       bool     `json:"cut"` // there was no time to look at all
}

// previewPaths is how many paths are told of.
const previewPaths = 200

var verbPreview = verb[previewQuery, previewAnswer]{"preview", func(ctx context.Context, f *peer.Folder, q previewQuery) (previewAnswer, error) {
	p, err := f.Preview(ctx, peer.RuleQuery{Exclude: q.Exclude, KeepJunk: !q.Defaults, Limit: previewPaths})
	return previewAnswer{
		Entries: p.Out.Entries, Bytes: p.Out.Bytes, Paths: bytesOf(p.Out.Paths),
		Back: p.Back.Entries, BackBytes: p.Back.Bytes, BackPaths: bytesOf(p.Back.Paths), Cut: p.Cut,
	}, err
}}

func bytesOf(paths []folder.Path) [][]byte {
	all := make([][]byte, 0, len(paths))
	for _, p := range paths {
		all = append(all, []byte(p))
	}
	return all
}
