// Package rolestest tries what each role of deploy/nats may do, with a real broker that has its permissions from those
// very files. It also runs the pipeline with nothing but these roles.
package rolestest
