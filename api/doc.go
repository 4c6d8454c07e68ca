// Package api is the contract as files, for those who build against it: asyncapi.yaml, a JSON Schema (2020-12) and an example
// for the data of every event. It has no code: its tests hold these files, docs/contract.md and docs/configuration.md to the
// code that decides, so that none of them can say what is not so.
package api
