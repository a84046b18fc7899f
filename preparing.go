package rouse

import (
	"errors"
	"time"
)

// Preparing is how far a revision is whose image is not on this host yet. Such a
// one is named by what was asked for, and stands in for the revision that it
// becomes, which is named by what its image turned out to be.
type Preparing struct {
	Began time.Time `json:"began"`
	// Failure is why it comes to nothing; nil while it goes on.
	Failure *PreparingFailure `json:"failure,omitempty"`
}

// PreparingFailure is why a revision could not be prepared.
type PreparingFailure struct {
	// Code is NotFound and Denied where a registry has no such image or does not
	// give it to us, Invalid where it cannot run here, and the error's own else.
	Code    Code   `json:"code"`
	Message string `json:"message"`
}

// What a registry answers, as causes of errors that speak of an image.
var (
	ErrNoImage     = errors.New("the registry has no such image")
	ErrImageDenied = errors.New("the registry does not give the image to us")
)

// FailedToPrepare is the failure that err comes to.
func FailedToPrepare(err error) *PreparingFailure {
	f := &PreparingFailure{Code: CodeOf(err), Message: "the server's log says why"}
	if e := (*Error)(nil); errors.As(err, &e) {
		f.Message = e.Message
	}
	switch {
	case errors.Is(err, ErrNoImage):
		f.Code = NotFound
	case errors.Is(err, ErrImageDenied):
		f.Code = Denied
	}
	return f
}

// Failed says that what was being prepared came to nothing.
func (p *Preparing) Failed() bool { return p != nil && p.Failure != nil }

// Runnable is nil for a revision that can run, and else says why fn's cannot:
// Unavailable while its image is on its way, StartFailed when it will not come.
func (r *Revision) Runnable() error {
	switch p := r.Preparing; {
	case p == nil:
		return nil
	case p.Failure != nil:
		return Errorf(StartFailed, "function %q cannot run: %s", r.Function, p.Failure.Message)
	}
	return &Error{Code: Unavailable, Message: "function " + string(r.Function) + ": its image is being fetched", RetryAfter: time.Second}
}
