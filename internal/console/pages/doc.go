// Package pages has the console's pages: what they ask the services, their templates, the style sheet, and the script
// that freshens numbers. Every page works without the script.
package pages
