package lambdaapi

import (
	"fmt"
	"hash/fnv"
	"net/http"
	"strconv"
	"strings"

	"github.com/rousehq/rouse"
)

// maxRecursion is how often one function may be called in one chain of calls
// (AWS, "Use Lambda recursive loop detection": approximately 16).
const maxRecursion = 16

func (a *api) getFunctionRecursionConfig(r *request) (any, error) {
	fn, _, err := a.function(r)
	if err != nil {
		return nil, err
	}
	return recursion(fn), nil
}

func (a *api) putFunctionRecursionConfig(r *request) (any, error) {
	t, err := a.whole(r)
	if err != nil {
		return nil, err
	}
	fn, err := a.Catalog.Change(r.Request.Context(), t.name, func(fn *rouse.Function) error {
		if fn.Lambda == nil {
			fn.Lambda = &rouse.LambdaFunction{}
		}
		fn.Lambda.Recursive = r.text("RecursiveLoop") == "Allow"
		return nil
	})
	if err != nil {
		return nil, a.gone(t, err)
	}
	return recursion(&fn), nil
}

func recursion(fn *rouse.Function) map[string]string {
	if fn.Lambda != nil && fn.Lambda.Recursive {
		return map[string]string{"RecursiveLoop": "Allow"}
	}
	return map[string]string{"RecursiveLoop": "Terminate"}
}

// lineage counts a call of fn in the trace that it belongs to, which clients in
// functions pass on, and ends one that has gone round too often.
func lineage(fn *rouse.Function, trace string) (string, error) {
	const field = ";Lineage="
	before, chain, _ := strings.Cut(trace, field)
	chain, rest, more := strings.Cut(chain, ";")
	hash := fnv.New32a()
	hash.Write([]byte(fn.Name))
	own := fmt.Sprintf("%08x", hash.Sum32())
	links, count := []string{}, 0
	for link := range strings.SplitSeq(chain, "|") {
		name, number, _ := strings.Cut(link, ":")
		if name == own {
			count, _ = strconv.Atoi(number) // what is no number counts anew
		} else if name != "" {
			links = append(links, link)
		}
	}
	if count++; count > maxRecursion && (fn.Lambda == nil || !fn.Lambda.Recursive) {
		e := user(http.StatusBadRequest, "RecursiveInvocationException",
			"Lambda has detected your function being invoked in a recursive loop with other AWS resources and stopped your function's invocation")
		e.capital = true
		return "", e
	}
	trace = before + field + strings.Join(append(links, own+":"+strconv.Itoa(count)), "|")
	if more {
		trace += ";" + rest
	}
	return trace, nil
}
