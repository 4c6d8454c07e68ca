// Package deploytest holds what we ask of compose.yaml, the Dockerfile, the files in deploy and the Makefile, as tests.
//
// No container engine is needed. What an engine would find out late (a dependency on the health of a service without a
// health check, a worker's variable that no worker reads, a file the image's build cannot see) is found here.
package deploytest
