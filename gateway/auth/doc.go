// Package auth finds out who makes a request.
//
// A key is an id and a secret. Clients of AWS prove that they have it with a
// signature (Signature Version 4, in a header or in the query of a presigned
// URL), which never shows the secret and covers the body too. Everybody else
// sends the key as a token: "Authorization: Bearer ID:SECRET", HTTP's Basic with
// the two as user and password, or X-Rouse-Key where the function wants
// Authorization for itself. A token is taken out of the request once it is read.
package auth
