// Package demo takes the example firm through the pipeline and shows what became of each invite. It uses only what
// every user of the pipeline has: events go in, outcomes come out. It checks the sums against each other.
package demo
