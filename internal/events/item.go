package events

import "time"

// File is the file that FileShared shares.
type File struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Task is what an eSign request, a client request or a survey asks for.
type Task struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	DueOn string `json:"due_on,omitempty"` // YYYY-MM-DD; a survey's is ignored
}

// item describes what a request shares or asks for: its field in the data, and how to read and write it.
type item struct {
	field string
	of    func(*Request) thing
	put   func(d *Request, id, name string)
	dated bool // the mail names its due date
}

// thing is a [File] or a [Task].
type thing interface {
	fields(*fields)
	details() (name, dueOn string)
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

// ItemField returns the field of the data with the file or task of requests of this type; "" if the type has none.
func (t Type) ItemField() string {
	r, err := t.row()
	if err != nil || r.item == nil {
		return ""
	}
	return r.item.field
}

// Item returns the name of the file or task in the request, and its due date (YYYY-MM-DD). Both are empty for a plain
// invite. t is the request's type, which settles which field of the data is read.
func (d *Request) Item(t Type) (name, dueOn string, err error) {
	r, err := t.row()
	if err != nil || r.item == nil {
		return "", "", err
	}
	name, dueOn = r.item.of(d).details()
	if !r.item.dated {
		dueOn = ""
	}
	return name, dueOn, nil
}

// PutItem sets the file or task of a request of type t. It does nothing if the type has none.
func (d *Request) PutItem(t Type, id, name string) {
	if r, err := t.row(); err == nil && r.item != nil {
		r.item.put(d, id, name)
	}
}

func (x *File) fields(f *fields) {
	f.id("id", x.ID)
	f.text("name", x.Name, maxName)
}

func (x *File) details() (name, dueOn string) {
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

func (x *Task) details() (name, dueOn string) {
	if x == nil {
		return "", ""
	}
	return x.Title, x.DueOn
}
