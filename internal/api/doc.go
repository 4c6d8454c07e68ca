// Package api answers calls about invites over NATS request/reply, and lets operators act on held invites and dead
// letters, so that nobody needs to look into the database. Every worker process serves it, as the micro service [Name];
// `nats micro info portal-invites` lists the endpoints.
//
// A call goes to portal.api.v1.<firm>.<endpoint> with a JSON body. The firm comes from the subject alone, because the
// broker's permissions guard subjects. An error comes in the framework's headers (Nats-Service-Error-Code and
// Nats-Service-Error). 400 names the wrong field, 404 names what does not exist, 409 names what the state does not
// allow. 503 means that another try may help.
//
// types.go has the requests and answers, client.go has a client. Each endpoint has a file of its own.
package api
