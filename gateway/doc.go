// Package gateway is the data plane's contract: a Call on its way through the
// stations (route, limit, hold, proxy), and the one table that maps error codes
// to HTTP. Each station is a folder below; cmd/rouse puts them in order.
package gateway
