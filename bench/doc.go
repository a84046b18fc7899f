// Command bench measures the platform as its users meet it: the real programs
// run as processes of their own, with their own data directory, on loopback.
// What is asked as a ratio is measured in one run, the two sides in turn, and
// medians are compared, so that a busy machine disturbs both alike.
//
//	go run ./bench [-quick] [-run cold,warm] [-rounds 30]
//
// It needs rouse and rouse-agent in bin (make build), wrk, nginx and, for all but a
// few figures, a Docker engine with the runtimes' images (make images). The
// results go to bench/RESULTS.md and bench/results.json; a run of some benchmarks
// replaces their lines and keeps the others.
package main
