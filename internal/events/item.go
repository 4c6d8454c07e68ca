package events

import "time"

// File is what FileShared shares.
type File struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Task is what an eSign request, a client request or a survey asks for.
type Task struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	DueOn string `json:"due_on,omitempty"` // YYYY-MM-DD; surveys have none
}

// item is what a request shares or asks for: its field in the data, how it is read, and how it is made.
type item struct {
	field string
	of    func(*Request) thing
	put   func(d *Request, id, name string)
	dated bool // the mail names the day it is due
}

// thing is a [File] or a [Task].
type thing interface {
	fields(*fields)
	said() (name, dueOn string)
}

var (
	fileItem = item{
		field: "file",
		of:    func(d *Request) thing { return d.File },
		put:   func(d *Request, id, name string) { d.File = &File{ID: id, Name: name} },
	}
	esignItem   = taskItem("esign", true, func(d *Request) **Task { return &d.Esign })
	requestItem = taskItem("request", true, func(d *Request) **Task { return &d.Request })
	surveyItem  = taskItem("survey", false, func(d *Request) **Task { return &d.Survey })
)

func taskItem(field string, dated bool, in func(*Request) **Task) item {
	return item{
		field: field, dated: dated,
		of:  func(d *Request) thing { return *in(d) },
		put: func(d *Request, id, name string) { *in(d) = &Task{ID: id, Title: name} },
	}
}

// ItemField is the field of the data that has what requests of this type share or ask for; "" for a type that does neither.
func (t Type) ItemField() string {
	r, err := t.row()
	if err != nil || r.item == nil {
		return ""
	}
	return r.item.field
}

// Item is what the request shared or asked for, by name, and the day it is due (YYYY-MM-DD); both are empty for a plain invite.
// t is the request's type, which settles what of the data that is.
func (d *Request) Item(t Type) (name, dueOn string, err error) {
	r, err := t.row()
	if err != nil || r.item == nil {
		return "", "", err
	}
	name, dueOn = r.item.of(d).said()
	if !r.item.dated {
		dueOn = ""
	}
	return name, dueOn, nil
}

// PutItem has the request share or ask for something, as its type does. A type that does neither leaves it as it is.
func (d *Request) PutItem(t Type, id, name string) {
	if r, err := t.row(); err == nil && r.item != nil {
		r.item.put(d, id, name)
	}
}

func (x *File) fields(f *fields) {
	f.id("id", x.ID)
	f.text("name", x.Name, maxName)
}

func (x *File) said() (name, dueOn string) {
	if x == nil {
		return "", ""
	}
	return x.Name, ""
}

func (x *Task) fields(f *fields) {
	f.id("id", x.ID)
	f.text("title", x.Title, maxName)
	if x.DueOn == "" {
		return
	}
	if _, err := time.Parse(time.DateOnly, x.DueOn); err != nil {
		f.wrong("due_on", "must be a date (example: 2026-04-15)")
	}
}

func (x *Task) said() (name, dueOn string) {
	if x == nil {
		return "", ""
	}
	return x.Title, x.DueOn
}
