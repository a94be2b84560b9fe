package protocol

import (
	"errors"
	"fmt"
)

// The versions of the protocol that this package speaks. Both ends announce
// their range in the handshake; the package comment has the rule that picks one.
const (
	VersionMin = 1
	VersionMax = 1
)

// Limits of a frame, in bytes after its type. What exceeds them is refused
// before anything is allocated for it.
const (
	MaxControl = 64 << 10 // Resume, Progress, Request, Abort, RecipeRequest, Verdicts
	MaxHello   = 80 << 10 // Hello: a folder context of 4096 replicas alone is 68 KiB
	MaxIndex   = 1 << 20  // Index and Ranges, without the compression flag; as sent and as decompressed
	MaxData    = 1 << 20  // Data, and the bytes in a Response
	MaxRecipe  = 1 << 20  // Recipe
)

// Limits of what a message holds.
const (
	MaxName    = 64             // bytes of a node's name
	MaxVersion = 64             // bytes of a program version
	MaxFolder  = 4096           // bytes of the sender's own path
	MaxEntries = 2000           // entries of an Index
	MaxWrites  = 8 * MaxEntries // siblings in all registers of an Index: small when encoded, 200 bytes each when decoded
	MaxItems   = 1024           // items of a Request
	MaxSize    = 1 << 62
)

// responseRoom is how much of a Response is not its data.
const responseRoom = 32

// maxCounter bounds every number that counts events, entries or bytes.
const maxCounter = 1<<63 - 1

// ErrProtocol is what an error wraps when the peer violated the protocol: the
// caller cuts the connection and counts the violation. Errors of the stream
// itself never wrap it.
var ErrProtocol = errors.New("protocol violated")

// Message is one of *[Hello], *[Resume], *[Progress], *[Index], *[Request],
// *[Response], *[Data], *[Abort], *[RecipeRequest], *[Recipe], *[Ranges],
// *[Verdicts] and *[Delivery]. Frames that are packed together are no message of their own.
type Message interface {
	kind() kind
	check() error // both ends apply it: the sender before encoding, the receiver after decoding
	encode(e *encoder)
	decode(d *decoder)
}

// kind is the type byte of a frame.
type kind uint8

const (
	kindHello kind = 1 + iota
	kindResume
	kindProgress
	kindIndex
	kindRequest
	kindResponse
	kindData
	kindAbort
	kindRecipeRequest
	kindRecipe
	kindPacked
	kindRanges
	kindVerdicts
	kindDelivery
	kinds
)

var kindNames = [kinds]string{"frame", "hello", "resume", "progress", "index", "request", "response", "data", "abort", "recipe request", "recipe", "packed frames", "ranges", "verdicts", "delivery"}

func (k kind) String() string {
	if k < kinds {
		return kindNames[k]
	}
	return fmt.Sprintf("frame of type %d", uint8(k))
}

// Limits says which messages a stream carries and how many bytes may follow
// the type byte of each; zero forbids it.
type Limits [kinds]int

var frames = Limits{
	kindHello:    MaxHello,
	kindResume:   MaxControl,
	kindProgress: MaxControl,
	kindIndex:    MaxIndex + 1,
	kindRequest:  MaxControl,
	kindResponse: MaxData + responseRoom,
	kindData:     MaxData,
	kindAbort:    MaxControl,

	kindRecipeRequest: MaxControl,
	kindRecipe:        MaxRecipe,
	kindPacked:        MaxPacked,

	kindRanges:   MaxIndex + 1,
	kindVerdicts: MaxControl,
	kindDelivery: MaxIndex + 1,
}

// The five uses of a stream, for [NewReader].
var (
	Control  = frames.only(kindHello, kindResume, kindProgress, kindVerdicts) // the stream of the handshake, both ways
	Indexes  = frames.only(kindIndex, kindDelivery, kindRanges)               // the one-way stream of each side
	Requests = frames.only(kindRequest, kindRecipeRequest)                    // a stream that the peer opened
	Answers  = frames.only(kindResponse, kindData, kindAbort, kindPacked)     // a stream that was opened here with a Request
	Recipes  = frames.only(kindRecipe)                                        // a stream that was opened here with a RecipeRequest
)

// batched reports whether messages of a kind may travel compressed.
func (k kind) batched() bool { return k == kindIndex || k == kindDelivery || k == kindRanges }

func (l Limits) only(ks ...kind) Limits {
	var out Limits
	for _, k := range ks {
		out[k] = l[k]
	}
	return out
}

// inRange returns an error that names what unless lo <= v <= hi.
func inRange[T int | int64 | uint64](what string, v, lo, hi T) error {
	if v < lo || v > hi {
		return fmt.Errorf("%s %d is not within %d to %d", what, v, lo, hi)
	}
	return nil
}
