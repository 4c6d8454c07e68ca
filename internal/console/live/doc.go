// Package live tells browsers that something has happened at a firm. One reader for each firm reads the service
// outcomes, for all browsers of that firm, and hands on what it reads as server-sent events.
//
// The id of an event is the outcome stream's creation time and sequence. A browser that connects again goes on exactly
// behind the last id that it has seen. Where that is not possible, because the stream was made anew or the reader no
// longer has what is missing, one event "resync" makes the page load its numbers afresh.
package live
