package certs

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// vectors of BIP 39 for 256 bits, from the reference implementation.
var wordVectors = []struct{ hex, words string }{
	{"68a79eaca2324873eacc50cb9c6eca8cc68ea5d936f98787c60c7ebc74e6ce7c", "hamster diagram private dutch cause delay private meat slide toddler razor book happy fancy gospel tennis maple dilemma loan word shrug inflict delay length"},
	{"9f6a2878b2520799a44ef18bc7df394e7061a224d2c33cd015b157d746869863", "panda eyebrow bullet gorilla call smoke muffin taste mesh discover soft ostrich alcohol speed nation flash devote level hobby quick inner drive ghost inside"},
	{"066dca1a2bb7e8a1db2832148ce9933eea0f3ac9548d793112d9a95c9407efad", "all hour make first leader extend hole alien behind guard gospel lava path output census museum junior mass reopen famous sing advance salt reform"},
	{"f585c11aec520db57dd353c69554b21a89b20fb0650966fa0a9d6f74fd989d8f", "void come effort suffer camp survey warrior heavy shoot primary clutch crush open amazing screen patrol group space point ten exist slush involve unfold"},
}

// weakVectors are right as mnemonics, and refused as IDs.
var weakVectors = []string{
	strings.Repeat("abandon ", 23) + "art",
	strings.Repeat("zoo ", 23) + "vote",
	"legal winner thank year wave sausage worth useful legal winner thank year wave sausage worth useful legal winner thank year wave sausage worth title",
	"letter advice cage absurd amount doctor acoustic avoid letter advice cage absurd amount doctor acoustic avoid letter advice cage absurd amount doctor acoustic bless",
}

func TestWordList(t *testing.T) {
	sum := sha256.Sum256([]byte(english))
	if got := hex.EncodeToString(sum[:]); got != "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda" {
		t.Errorf("english.txt is not the published list: %s", got)
	}
	if len(wordList) != 2048 || !slices.IsSorted(wordList) {
		t.Errorf("%d words, sorted %v", len(wordList), slices.IsSorted(wordList))
	}
}

func TestWordVectors(t *testing.T) {
	for _, v := range wordVectors {
		byHex, note, err := ParseSyncID(v.hex)
		if err != nil || note != "" {
			t.Fatal(err, note)
		}
		if byHex.Words() != v.words {
			t.Errorf("Words of %s: %s", v.hex, byHex.Words())
		}
		byWords, _, err := ParseSyncID(v.words)
		if err != nil || !byWords.Equal(byHex) || byWords.Hex() != v.hex {
			t.Errorf("words of %s parse to %s, %v", v.hex, byWords.Hex(), err)
		}
	}
	for _, w := range weakVectors {
		if _, _, err := ParseSyncID(w); !errors.Is(err, ErrSyncID) || !strings.Contains(err.Error(), "repeated") {
			t.Errorf("%.20s…: %v", w, err)
		}
	}
}

func TestParseForms(t *testing.T) {
	const digits = "68a79eaca2324873eacc50cb9c6eca8cc68ea5d936f98787c60c7ebc74e6ce7c"
	words := wordVectors[0].words
	for _, text := range []string{
		digits, strings.ToUpper(digits), "0x" + digits, "0X" + strings.ToUpper(digits), " " + digits + "\r\n",
		digits[:4] + " " + digits[4:8] + "-" + digits[8:40] + " – " + digits[40:],
		words, strings.ToUpper(words), strings.ReplaceAll(words, " ", "-"), "\t" + strings.ReplaceAll(words, " ", "  ") + "\n",
	} {
		id, note, err := ParseSyncID(text)
		if err != nil || note != "" || id.Hex() != digits {
			t.Errorf("%q: %s, note %q, %v", text, id.Hex(), note, err)
		}
	}
}

func TestParseLong(t *testing.T) {
	const want = "6de3e01b29d9e9694630f62cd6d2e6444cdcf236df55cdaec884e7a312ff0a08"
	long := strings.Repeat("0123456789abcdef", 5)[:70]
	for _, text := range []string{long, "0x" + strings.ToUpper(long), long[:9] + " " + long[9:]} {
		id, note, err := ParseSyncID(text)
		if err != nil || note == "" || id.Hex() != want {
			t.Errorf("%q: %s, note %q, %v", text, id.Hex(), note, err)
		}
	}
	if _, _, err := ParseSyncID(strings.Repeat("0123456789abcdef", 32)); err != nil {
		t.Error("512 digits:", err)
	}
}

func TestParseErrors(t *testing.T) {
	const digits = "68a79eaca2324873eacc50cb9c6eca8cc68ea5d936f98787c60c7ebc74e6ce7c"
	words := strings.Fields(wordVectors[0].words)
	with := func(i int, w string) string {
		c := slices.Clone(words)
		c[i] = w
		return strings.Join(c, " ")
	}
	for _, c := range []struct{ text, says string }{
		{"", "empty"},
		{" - \n", "empty"},
		{digits[:63], "63 hexadecimal digits"},
		{"0x" + digits[:10], "10 hexadecimal digits"},
		{strings.Repeat("0123456789abcdef", 33), "528 hexadecimal digits"},
		{digits[:11] + "g" + digits[12:], "position 12 "},
		{digits[:8] + " " + digits[8:11] + "é" + digits[12:], "position 12 "},
		{strings.Repeat("0", 64), "repeated"},
		{strings.Repeat("a", 64), "repeated"},
		{strings.Repeat("5a", 32), "repeated"},
		{strings.Repeat("5a", 50), "repeated"},
		{strings.Join(words[:23], " "), "23 words"},
		{with(6, "privatr"), `word 7, "privatr", is not in the list; did you mean private`},
		{with(6, "hunber"), `did you mean hundred, hungry, hunt?`},
		{with(0, "zzzzzz"), `word 1, "zzzzzz", is not in the list`},
		{with(3, "dutchcausedelayprivate"), "word 4 is not in the list"},
		{with(3, "dütch"), "word 4 is not in the list"},
		{"privatr", "neither 64 hexadecimal digits nor 24 words"},
		{"hamster", "1 word instead of 24"},
		{with(1, "zoo"), "checksum"},
		{strings.Repeat("x", maxIDText+1), "longer than"},
		{"\xff\xfe", "neither"},
	} {
		_, _, err := ParseSyncID(c.text)
		if !errors.Is(err, ErrSyncID) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%.30q: %v, want %q", c.text, err, c.says)
		}
		if err != nil && (strings.Contains(err.Error(), "68a7") || strings.Contains(err.Error(), "diagram") || strings.Contains(err.Error(), "hamster")) {
			t.Errorf("the error repeats what it was given: %v", err)
		}
	}
}

// What more text could make an ID of is told apart from what is wrong.
func TestCutOff(t *testing.T) {
	digits, words := wordVectors[0].hex, wordVectors[0].words
	for text, want := range map[string]bool{
		digits[:63]: true, "0x1": true, words[:len(words)-7]: true, "hamster": true,
		digits[:62] + "g": false, words + " zoo": false, "hamster diagramm": false, strings.Repeat("0", 64): false, "": false,
	} {
		if _, _, err := ParseSyncID(text); errors.Is(err, ErrCutOff) != want || !errors.Is(err, ErrSyncID) {
			t.Errorf("%.30q: %v", text, err)
		}
	}
}

// Four letters determine a word, and fewer none.
func TestShortWords(t *testing.T) {
	cut := map[string]int{}
	for _, w := range wordList {
		cut[w[:min(len(w), shortWord)]]++
	}
	if len(cut) != len(wordList) {
		t.Errorf("%d beginnings of %d words", len(cut), len(wordList))
	}
	short := ""
	for _, w := range strings.Fields(wordVectors[1].words) {
		short += w[:min(len(w), shortWord)] + " "
	}
	if id, _, err := ParseSyncID(strings.ToUpper(short)); err != nil || id.Hex() != wordVectors[1].hex {
		t.Error(err)
	}
	for word, want := range map[string]bool{"hung": true, "hungr": true, "hungry": true, "hungrys": false, "hun": false, "act": true, "zooo": false} {
		if (CheckWords([]string{word}, 1) == nil) != want {
			t.Errorf("%s: %v", word, !want)
		}
	}
	var wrong *WordError
	if err := CheckWords([]string{"Hungry", "hunber"}, 7); !errors.As(err, &wrong) || wrong.Position != 8 || len(wrong.Near) != 3 {
		t.Error(err)
	}
}

func TestSyncIDRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := SyncID(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "id"))
		for _, text := range []string{id.Hex(), id.Words()} {
			got, _, err := ParseSyncID(text)
			if id.weak() != (err != nil) || (err == nil && got != id) {
				t.Fatalf("%s: %s, %v", text, got.Hex(), err)
			}
		}
	})
}

func TestNewSyncID(t *testing.T) {
	a, err := NewSyncID()
	b, err2 := NewSyncID()
	if err != nil || err2 != nil || a.Equal(b) || a.weak() {
		t.Error("not fresh:", err, err2)
	}
}

// TestHidden shows a secret to everything that prints values (F107).
func TestHidden(t *testing.T) {
	id := testID(1)
	keys := mustDerive(t, id)
	device, err := NewDevice()
	if err != nil {
		t.Fatal(err)
	}
	secrets := append(secretsOf(id, keys), device.key.open().Seed(), *device.key.open())
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%c", "%U", "%t", "%e"} {
		for _, v := range []any{id, &id, keys, &keys, device, []SyncID{id}, map[string]Keys{"k": keys}, Self{Device: device},
			struct{ K Keys }{keys}, struct{ k Keys }{keys}, struct{ d Device }{device}, struct{ ID SyncID }{id}} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
	}
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(h).Info("x", "id", id, "keys", keys, "device", device, "share", Self{Device: device})
	}
	for _, v := range []any{id, keys, device, struct{ ID SyncID }{id}} {
		if err := json.NewEncoder(&out).Encode(v); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err = ParseSyncID(id.Hex()[:60])
	fmt.Fprintln(&out, err)
	findSecrets(t, out.Bytes(), secrets)
	if !strings.Contains(out.String(), "sync ID (hidden)") || strings.Contains(out.String(), "1 1 1") {
		t.Error("an ID was printed in a form of its own")
	}
}

func FuzzParseSyncID(f *testing.F) {
	for _, v := range wordVectors {
		f.Add(v.hex)
		f.Add(v.words)
	}
	f.Add("0x12")
	f.Fuzz(func(t *testing.T, text string) {
		id, _, err := ParseSyncID(text)
		if err != nil {
			if !errors.Is(err, ErrSyncID) {
				t.Errorf("unknown error %v", err)
			}
			return
		}
		if again, _, err := ParseSyncID(id.Words()); err != nil || again != id {
			t.Errorf("accepted %q, but not its words: %v", text, err)
		}
	})
}
