// Package api answers questions about invites over NATS request/reply, and lets ops act on dead letters, so that nobody needs
// to look into the database. Every worker process serves it, as the micro service [Name]; `nats micro info portal-invites`
// lists the endpoints.
//
// A request goes to portal.api.v1.<firm>.<endpoint> with a JSON body. The firm comes from the subject alone, since that is
// what the broker's permissions guard. An error comes in the framework's headers (Nats-Service-Error-Code and
// Nats-Service-Error): 400 names the field that is wrong, 404 what does not exist, 409 what its state does not allow, 503 is
// worth another try.
//
// types.go has every request and answer, client.go a client; each endpoint has a file of its own.
package api
