// Package contracttest has no code. Its tests hold the contract's files, which are api/asyncapi.yaml and a JSON Schema (2020-12)
// and an example for the data of every event, and the pages docs/contract.md, docs/configuration.md and docs/invitectl.md to the
// code that decides, so that none of them can say what is not so.
package contracttest
