package store

// DueIndividually is for the test of its plan.
const DueIndividually = dueIndividually
