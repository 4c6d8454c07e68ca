// Package words has everything that the console says, in English, Spanish and French: one table, words.yaml. It also
// writes numbers, days and times as a language does, by the clock of the firm.
package words
