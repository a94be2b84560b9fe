package integration

import (
	"go/ast"
	"strings"
	"testing"
)

func TestDeclarations(t *testing.T) {
	quiet := map[string]bool{"folder": true, "folder/chunk": true, "folder/fault": true, "folder/disk": true, "certs": true, "protocol": true, "store": true, "discovery": true, "cmd/qsync/service": true, "cmd/qsync/doctor": true}
	starts := map[string]bool{"peer": true, "folder/disk": true, "discovery": true, "cmd/qsync": true}
	for _, s := range sources(t) {
		ast.Inspect(s.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				checkFunc(t, s, n)
			case *ast.GoStmt:
				if !s.test && !starts[s.room] {
					t.Errorf("%s starts a goroutine", s.fset.Position(n.Pos()))
				}
			case *ast.SelectorExpr:
				x, ok := n.X.(*ast.Ident)
				if ok && !s.test && quiet[s.room] && (x.Name == "fmt" && strings.HasPrefix(n.Sel.Name, "Print") ||
					x.Name == "os" && (n.Sel.Name == "Stdout" || n.Sel.Name == "Stderr")) {
					t.Errorf("%s: a library prints", s.fset.Position(n.Pos()))
				}
			case *ast.GenDecl:
				checkDocs(t, s, n)
			}
			return true
		})
	}
}

// checkFunc holds a function to the rules: no init, a comment if it is
// exported, few parameters.
func checkFunc(t *testing.T, s source, f *ast.FuncDecl) {
	at := s.fset.Position(f.Pos())
	if f.Recv == nil && f.Name.Name == "init" {
		t.Errorf("%s: an init function", at)
	}
	if s.test {
		return
	}
	if f.Name.IsExported() && f.Doc == nil && s.room != "cmd/qsync" && exportedReceiver(f) {
		t.Errorf("%s: %s has no comment", at, f.Name.Name)
	}
	if n := parameters(f); n > 4 {
		t.Errorf("%s: %s has %d parameters beside a context, want at most 4", at, f.Name.Name, n)
	}
	if strings.HasPrefix(f.Name.Name, "Get") {
		t.Errorf("%s: %s begins with Get", at, f.Name.Name)
	}
}

func parameters(f *ast.FuncDecl) int {
	n := f.Type.Params.NumFields()
	if n > 0 {
		if sel, ok := f.Type.Params.List[0].Type.(*ast.SelectorExpr); ok && sel.Sel.Name == "Context" {
			n--
		}
	}
	return n
}

// exportedReceiver reports whether others see the method, or f is none.
func exportedReceiver(f *ast.FuncDecl) bool {
	if f.Recv == nil {
		return true
	}
	typ := f.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	name, ok := typ.(*ast.Ident)
	return ok && name.IsExported()
}

// checkDocs wants a comment on every exported type, and on the group or the
// line of every exported constant and variable.
func checkDocs(t *testing.T, s source, d *ast.GenDecl) {
	if s.test || s.room == "cmd/qsync" {
		return
	}
	for _, spec := range d.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			if spec.Name.IsExported() && spec.Doc == nil && d.Doc == nil {
				t.Errorf("%s: %s has no comment", s.fset.Position(spec.Pos()), spec.Name.Name)
			}
		case *ast.ValueSpec:
			if spec.Names[0].IsExported() && spec.Doc == nil && spec.Comment == nil && d.Doc == nil {
				t.Errorf("%s: %s has no comment", s.fset.Position(spec.Pos()), spec.Names[0].Name)
			}
		}
	}
}
