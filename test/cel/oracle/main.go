// Program oracle answers what Kubernetes' API server makes of an expression: the messages of its compiler, the type of its
// result, the estimate of its cost, its value or error, and what it cost. It reads one JSON question a line on standard input
// and answers each with a line of JSON.
package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"strconv"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/model"
	structuralcel "k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/version"
	apiservercel "k8s.io/apiserver/pkg/cel"
	"k8s.io/apiserver/pkg/cel/common"
	"k8s.io/apiserver/pkg/cel/environment"
	"k8s.io/apiserver/pkg/cel/library"
	"k8s.io/apiserver/pkg/cel/mutation"

	"github.com/google/cel-go/checker"
)

type question struct {
	Expr string `json:"expr"`
	// OpenAPI of the variable self.
	Schema json.RawMessage `json:"schema"`
	// Values of self and object.
	Self   json.RawMessage `json:"self"`
	Object json.RawMessage `json:"object"`
	Limit  uint64          `json:"limit"`
}

type answer struct {
	Issues   string `json:"issues,omitempty"`
	Type     string `json:"type,omitempty"`
	Plan     string `json:"plan,omitempty"`
	Min      string `json:"min,omitempty"`
	Max      string `json:"max,omitempty"`
	Value    any    `json:"value,omitempty"`
	Error    string `json:"error,omitempty"`
	Cost     string `json:"cost,omitempty"`
	Fault    string `json:"fault,omitempty"`
}

// What a schema says of the sizes of values: the estimator of custom resource definitions is not exported.
type sizes struct{ root *apiservercel.DeclType }

func (s *sizes) EstimateSize(element checker.AstNode) *checker.SizeEstimate {
	if len(element.Path()) == 0 || s.root == nil {
		return nil
	}
	node := s.root
	for _, name := range element.Path()[1:] {
		switch name {
		case "@items", "@values":
			if node.ElemType == nil {
				return nil
			}
			node = node.ElemType
		case "@keys":
			if node.KeyType == nil {
				return nil
			}
			node = node.KeyType
		default:
			field, ok := node.Fields[name]
			if !ok || field.Type == nil {
				return nil
			}
			node = field.Type
		}
	}
	return &checker.SizeEstimate{Min: 0, Max: uint64(node.MaxElements)}
}

func (s *sizes) EstimateCallCost(string, string, *checker.AstNode, []checker.AstNode) *checker.CallEstimate {
	return nil
}

type prepared struct {
	env        *cel.Env
	structural *structuralschema.Structural
	decl       *apiservercel.DeclType
}

var environments = map[string]*prepared{}

func prepare(raw json.RawMessage) (*prepared, error) {
	key := string(raw)
	if known, ok := environments[key]; ok {
		return known, nil
	}
	made := &prepared{}
	opts := []cel.EnvOption{
		cel.Variable("object", cel.DynType),
		cel.Variable("authorizer", library.AuthorizerType),
		library.JSONPatch(),
	}
	var decls []*apiservercel.DeclType
	if len(raw) > 0 && key != "null" {
		var v1 apiextensionsv1.JSONSchemaProps
		if err := json.Unmarshal(raw, &v1); err != nil {
			return nil, err
		}
		var internal apiextensions.JSONSchemaProps
		if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(&v1, &internal, nil); err != nil {
			return nil, err
		}
		structural, err := structuralschema.NewStructural(&internal)
		if err != nil {
			return nil, err
		}
		made.structural = structural
		made.decl = model.SchemaDeclType(structural, false).MaybeAssignTypeName("selfType")
		opts = append(opts, cel.Variable("self", made.decl.CelType()))
		decls = append(decls, made.decl)
	}
	set, err := environment.MustBaseEnvSet(version.MajorMinor(1, 36)).Extend(environment.VersionedOptions{
		IntroducedVersion: version.MajorMinor(1, 0), EnvOptions: opts, DeclTypes: decls,
	})
	if err != nil {
		return nil, err
	}
	env := set.StoredExpressionsEnv()
	if env, err = env.Extend(common.ResolverEnvOption(&mutation.DynamicTypeResolver{})); err != nil {
		return nil, err
	}
	made.env = env
	environments[key] = made
	return made, nil
}

func respond(q question) (a answer) {
	defer func() {
		if r := recover(); r != nil {
			a.Fault = fmt.Sprint(r)
		}
	}()
	p, err := prepare(q.Schema)
	if err != nil {
		return answer{Fault: err.Error()}
	}
	ast, issues := p.env.Compile(q.Expr)
	if issues != nil && issues.Err() != nil {
		return answer{Issues: issues.String()}
	}
	a.Type = ast.OutputType().String()
	estimator := &library.CostEstimator{SizeEstimator: &sizes{p.decl}}
	limit := q.Limit
	if limit == 0 {
		limit = 1000000
	}
	program, err := p.env.Program(ast, cel.CostTracking(estimator), cel.CostLimit(limit))
	if err != nil {
		a.Plan = err.Error()
		return a
	}
	if estimate, err := p.env.EstimateCost(ast, estimator); err == nil {
		a.Min, a.Max = strconv.FormatUint(estimate.Min, 10), strconv.FormatUint(estimate.Max, 10)
	}
	vars := map[string]any{}
	if len(q.Object) > 0 {
		var object any
		if err := utiljson.Unmarshal(q.Object, &object); err != nil {
			return answer{Fault: err.Error()}
		}
		vars["object"] = object
	}
	if p.structural != nil {
		var self any
		if err := utiljson.Unmarshal(q.Self, &self); err != nil {
			return answer{Fault: err.Error()}
		}
		vars["self"] = structuralcel.UnstructuredToVal(self, p.structural)
	}
	value, details, err := program.Eval(vars)
	if details != nil && details.ActualCost() != nil {
		a.Cost = strconv.FormatUint(*details.ActualCost(), 10)
	}
	if err != nil {
		a.Error = err.Error()
		return a
	}
	a.Value = show(value)
	return a
}

// Values with their types.
func show(value ref.Val) any {
	switch v := value.(type) {
	case types.Null:
		return nil
	case types.Bool:
		return bool(v)
	case types.String:
		return string(v)
	case types.Int:
		return map[string]any{"int": strconv.FormatInt(int64(v), 10)}
	case types.Uint:
		return map[string]any{"uint": strconv.FormatUint(uint64(v), 10)}
	case types.Double:
		return map[string]any{"double": strconv.FormatFloat(float64(v), 'e', -1, 64)}
	case types.Bytes:
		return map[string]any{"bytes": base64.StdEncoding.EncodeToString(v)}
	case types.Timestamp:
		return map[string]any{"timestamp": v.Time.UTC().Format(time.RFC3339Nano)}
	case types.Duration:
		return map[string]any{"duration": strconv.FormatInt(int64(v.Duration), 10)}
	case *types.Optional:
		if !v.HasValue() {
			return map[string]any{"optional": []any{}}
		}
		return map[string]any{"optional": []any{show(v.GetValue())}}
	case traits.Lister:
		items := []any{}
		for it := v.Iterator(); it.HasNext() == types.True; {
			items = append(items, show(it.Next()))
		}
		return items
	case traits.Mapper:
		entries := []string{}
		for it := v.Iterator(); it.HasNext() == types.True; {
			key := it.Next()
			k, _ := json.Marshal(show(key))
			e, _ := json.Marshal(show(v.Get(key)))
			entries = append(entries, string(k)+":"+string(e))
		}
		sort.Strings(entries)
		return map[string]any{"map": entries}
	case *types.Type:
		return map[string]any{"type": v.String()}
	default:
		return map[string]any{"other": value.Type().TypeName()}
	}
}

func main() {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	for {
		line, err := in.ReadBytes('\n')
		if len(line) > 1 {
			var q question
			var a answer
			if jsonErr := json.Unmarshal(line, &q); jsonErr != nil {
				a.Fault = jsonErr.Error()
			} else {
				a = respond(q)
			}
			text, _ := json.Marshal(a)
			out.Write(append(text, '\n'))
			out.Flush()
		}
		if err != nil {
			return
		}
	}
}
