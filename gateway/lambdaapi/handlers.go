package lambdaapi

// handlers are the operations that are built, but for those that invoke. What is
// not here is answered with an error that names it.
var handlers = map[string]handler{
	"CreateFunction":              (*api).createFunction,
	"DeleteFunction":              (*api).deleteFunction,
	"GetFunction":                 (*api).getFunction,
	"GetFunctionConfiguration":    (*api).getFunctionConfiguration,
	"ListFunctions":               (*api).listFunctions,
	"ListTags":                    (*api).listTags,
	"TagResource":                 (*api).tagResource,
	"UntagResource":               (*api).untagResource,
	"UpdateFunctionCode":          (*api).updateFunctionCode,
	"UpdateFunctionConfiguration": (*api).updateFunctionConfiguration,
}
