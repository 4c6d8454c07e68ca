// Package contracttest has only tests. They compare the contract's files with the code: api/asyncapi.yaml, the JSON
// Schema (2020-12) and the example of every event's data, and the pages docs/contract.md, docs/configuration.md and
// docs/invitectl.md. So none of these files can contradict the code.
package contracttest
