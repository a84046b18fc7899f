// Package functionurl answers AWS Lambda's function URLs: a function's own
// addresses, at /lambda-url/ID/ and at ID.lambda-url.REGION below localhost or
// one of our domains.
//
// It finds the function, asks its resource policy, answers preflights and says
// what went wrong as AWS does. In between the call goes through the stations
// that calls by other ways go through.
package functionurl
