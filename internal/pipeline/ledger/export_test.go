package ledger

// FairShares shares room among the firms of candidates.
var FairShares = fairShares
