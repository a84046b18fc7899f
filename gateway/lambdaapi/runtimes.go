package lambdaapi

import (
	"slices"
	"strings"
)

// deprecated are runtimes that AWS no longer takes, each with the one that its
// error recommends (recorded in 2024).
var deprecated = map[string]string{
	"dotnetcore3.1": "dotnet6",
	"go1.x":         "provided.al2023",
	"java8":         "java21",
	"nodejs14.x":    "nodejs20.x",
	"provided":      "provided.al2023",
	"python3.7":     "python3.12",
	"ruby2.7":       "ruby3.2",
}

// snapStarts says whether AWS has SnapStart for a runtime (AWS, "Improving
// startup performance with Lambda SnapStart").
func snapStarts(runtime string) bool {
	return slices.Contains([]string{"python3.12", "python3.13", "python3.14"}, runtime) ||
		strings.HasPrefix(runtime, "java") && runtime != "java8" && runtime != "java8.al2" ||
		strings.HasPrefix(runtime, "dotnet") && runtime != "dotnet6" && !strings.HasPrefix(runtime, "dotnetcore")
}
