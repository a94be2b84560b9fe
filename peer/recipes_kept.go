package peer

import (
	"context"
	"path/filepath"

	"qsync/folder"
	"qsync/folder/chunk"
	"qsync/store"
)

// openRecipes finds the recipes that an earlier run has left. A dry run keeps none.
func (f *Folder) openRecipes() {
	if f.cfg.Plan == nil {
		f.recipes = store.Recipes{Dir: filepath.Join(f.cfg.State, "recipes")}
	}
}

// recipeOf returns the recipe of a file that is here. It is made if neither this
// run nor an earlier one has; the errors are those of ctx and of [Node.split].
func (f *Folder) recipeOf(ctx context.Context, b base, bits int) (*chunk.Recipe, error) {
	return f.node.recipes.of(ctx, recipeKey{b.digest, bits}, func() (*chunk.Recipe, error) {
		if r := f.recipes.Of(b.digest, bits, b.size); r != nil {
			return r, nil
		}
		r, err := f.node.split(ctx, b.File, b.size, bits)
		if err == nil {
			f.storeRecipe(b.digest, r)
		}
		return r, err
	})
}

// recipeKnown returns the recipe of content of that size if it need not be made, else nil.
func (f *Folder) recipeKnown(k recipeKey, size int64) *chunk.Recipe {
	if r := f.node.recipes.known(k); r != nil {
		return r
	}
	r := f.recipes.Of(k.digest, k.bits, size)
	if r != nil {
		f.node.recipes.keep(k, r)
	}
	return r
}

// keepRecipe enters a recipe that was made on another occasion.
func (f *Folder) keepRecipe(d folder.Digest, r *chunk.Recipe) {
	f.node.recipes.keep(recipeKey{d, r.Bits}, r)
	f.storeRecipe(d, r)
}

func (f *Folder) storeRecipe(d folder.Digest, r *chunk.Recipe) {
	if err := f.recipes.Put(d, r); err != nil {
		f.node.cfg.Log.Debug("a recipe is not kept", "folder", f.cfg.Dir, "error", err)
	}
}

// forgetRecipe drops a recipe that has turned out not to be that of the file.
func (f *Folder) forgetRecipe(k recipeKey) {
	f.node.recipes.forget(k)
	f.recipes.Drop(k.digest, k.bits)
}

// splitWanted is what a scan asks before it reads a large file that has changed:
// where it has a peer who will ask for the recipe, or the recipe of the file as it
// was, which makes the new one cheap, both come from one reading.
func (f *Folder) splitWanted(before folder.Value, size int64) ([]chunk.Part, bool) {
	if before.Kind != folder.File || before.Size < deltaMin/2 || size > chunk.MaxSplit || f.twin != nil {
		return nil, false
	}
	if r := f.recipeKnown(recipeKey{before.Digest, chunk.Bits(size)}, before.Size); r != nil {
		return r.Chunks, true
	}
	return nil, len(f.connected()) > 0
}
