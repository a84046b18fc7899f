// Package adminapi is Rouse's own REST API below /api/v1: deploying, listing,
// changing and watching functions. openapi.json beside this file describes it
// and is served with it; a test holds the two together.
//
// Each endpoint has a file, and routes.go lists them all. What the API needs
// of the platform is declared in needs.go and joined in cmd/rouse.
package adminapi
