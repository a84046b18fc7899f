// Package lambdaapi is AWS Lambda's own HTTP API, for unmodified clients: the
// control API and Invoke.
//
// Names, shapes, limits and paths come from botocore's service model, from which
// scripts/lambda-model.sh writes model_gen.go; input is checked against it in one
// place and with AWS's words (validate.go) before an endpoint sees it. Each
// endpoint is a file, and handlers.go is the table of them. An operation that is
// not in it is answered with an error that names it: nothing is stored that does
// nothing. What AWS was recorded doing wins over what its documentation says.
//
// A function is one record, whoever made it: memory, timeout, environment and
// reserved concurrency are Rouse's own settings, and what only clients of AWS
// know of (descriptions, roles, tags, policies) stands beside them.
package lambdaapi
