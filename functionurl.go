package rouse

import "time"

// FunctionURL is an address of a function's own, as AWS Lambda gives them.
type FunctionURL struct {
	ID       string    `json:"id"`
	Auth     URLAuth   `json:"auth"`
	Mode     URLMode   `json:"mode"`
	CORS     *CORS     `json:"cors,omitempty"` // nil leaves it to the function
	Created  time.Time `json:"created"`
	Modified time.Time `json:"modified"`
}

// URLAuth says whose requests a function URL takes.
type URLAuth string

const (
	// URLAuthNone asks nobody who they are; the function's resource policy still
	// has to allow calls by everybody.
	URLAuthNone URLAuth = "NONE"
	// URLAuthIAM takes requests that are signed.
	URLAuthIAM URLAuth = "AWS_IAM"
)

// URLMode says when a function URL's answer goes out.
type URLMode string

const (
	URLBuffered URLMode = "BUFFERED"        // once the function has ended
	URLStream   URLMode = "RESPONSE_STREAM" // as it comes
)

// CORS says which pages of other origins browsers let read a function URL's answers.
type CORS struct {
	Credentials   *bool    `json:"credentials,omitempty"` // nil is false, unsaid
	Headers       []string `json:"headers,omitempty"`     // that requests may have
	Methods       []string `json:"methods,omitempty"`
	Origins       []string `json:"origins,omitempty"`
	ExposeHeaders []string `json:"expose_headers,omitempty"` // of answers
	MaxAge        *int     `json:"max_age,omitempty"`        // seconds for which a preflight's answer holds
}
