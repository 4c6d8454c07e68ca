// Package deploytest checks our rules for compose.yaml, the Dockerfile, the files in deploy and the Makefile.
//
// It needs no container engine, and finds mistakes that an engine would find late: a dependency on the health of a
// service without a health check, a variable of a worker that no worker reads, a file that the image's build cannot
// see.
package deploytest
