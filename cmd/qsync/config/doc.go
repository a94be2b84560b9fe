// Package config is config.yaml, the settings file of a home, as data: it reads
// the file ([Parse]), changes it without touching what a person wrote around
// the change ([Config.Set], [Config.SetFolder], [Config.AddFolder],
// [Config.RemoveFolder]), says what a new version of it changes ([Diff]), and
// knows when a folder is due ([Schedule]). It reads no file, no clock and no
// environment, and it starts nothing.
//
// # The file
//
// docs/config.md describes every key, [Example] is a file with all of them, and
// the tables nodeKeys and folderKeys are the keys themselves: reading, writing,
// comparing and the tests all go by them. YAML is taken in the form that needs
// no rules explained: one document of UTF-8, without anchors, aliases, tags and
// merge keys, at most [MaxSize] bytes. So nothing in it can expand, and what a
// value looks like is what it is.
//
// A folder is known by its path. Its sync ID is a secret that qsync keeps in the
// home; the file need not have it, and if it has it no error repeats it: a value
// that might be an ID is left out of every sentence.
//
// # Changing it
//
// The YAML library is asked where things stand, and not to write: it would lay
// out the file anew, lose blank lines and move comments. A change cuts the bytes
// of one value and puts others in their place (layout.go, edit.go). Then the
// result is parsed, and compared with what was there: every other value and every
// comment must still be the same, or the change is given up with [ErrByHand]. A
// removed folder takes the comments within its entry along, nothing else does.
package config
