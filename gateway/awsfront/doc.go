// Package awsfront lets clients of several AWS services use one address.
//
// Which service a request means is said by its signature's scope, or by its
// target where nobody signed it. Some are Rouse's own and are handed to their
// handlers; of STS and IAM, what clients of Lambda ask is answered here;
// everything else goes to another emulator, unchanged, or is refused by an error
// in the form that the client's protocol expects.
package awsfront
