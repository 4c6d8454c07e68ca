// Package demo takes the example firm through the pipeline and shows what became of each invite. It uses nothing that a user
// of the pipeline could not use: events go in, outcomes come out, and the sums are checked against each other.
package demo
