package awsfront

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/rousehq/rouse"
)

// maxForm bounds what is read of a request to find out its action.
const maxForm = 1 << 20

const (
	stsNamespace = "https://sts.amazonaws.com/doc/2011-06-15/"
	iamNamespace = "https://iam.amazonaws.com/doc/2010-05-08/"
)

// serveAccount answers what clients of Lambda ask of STS and IAM. With a fallback
// IAM is the fallback's, since roles that were made there are known there alone.
func (f *Front) serveAccount(w http.ResponseWriter, r *http.Request, service string) {
	form, err := readForm(w, r)
	if err != nil {
		f.fail(w, r, http.StatusBadRequest, "MalformedQueryString", err.Error())
		return
	}
	action := form.Get("Action")
	switch {
	case service == "sts" && action == "GetCallerIdentity":
		f.getCallerIdentity(w, r)
	case service == "iam" && action == "GetRole" && f.forward == nil:
		f.getRole(w, r, form.Get("RoleName"))
	default:
		what := service
		if action != "" {
			what += " " + strconv.Quote(rouse.Clip(action))
		}
		f.elsewhere(w, r, what)
	}
}

// readForm reads the parameters of a query request and leaves the body as it was.
func readForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	if r.Method != http.MethodPost {
		return r.URL.Query(), nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxForm))
	if err != nil {
		return nil, errors.New("the request could not be read, or is larger than 1 MB")
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, errors.New("the form cannot be read")
	}
	return form, nil
}

type metadata struct {
	RequestID string `xml:"RequestId"`
}

func (f *Front) getCallerIdentity(w http.ResponseWriter, r *http.Request) {
	who := f.Identity(r)
	id := uuid.NewString()
	writeXML(w, id, struct {
		XMLName  xml.Name
		Result   callerIdentity `xml:"GetCallerIdentityResult"`
		Metadata metadata       `xml:"ResponseMetadata"`
	}{
		xml.Name{Space: stsNamespace, Local: "GetCallerIdentityResponse"},
		callerIdentity{who.ARN, who.UserID, f.Place.Account}, metadata{id},
	})
}

type callerIdentity struct {
	ARN     string `xml:"Arn"`
	UserID  string `xml:"UserId"`
	Account string `xml:"Account"`
}

var roleName = regexp.MustCompile(`^[\w+=,.@-]{1,64}$`)

// getRole says of every role that it exists: functions keep the role that they
// are given, and nobody assumes it.
func (f *Front) getRole(w http.ResponseWriter, r *http.Request, name string) {
	if !roleName.MatchString(name) {
		f.fail(w, r, http.StatusBadRequest, "ValidationError",
			"The specified value for roleName is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-")
		return
	}
	id := uuid.NewString()
	writeXML(w, id, struct {
		XMLName  xml.Name
		Role     role     `xml:"GetRoleResult>Role"`
		Metadata metadata `xml:"ResponseMetadata"`
	}{
		xml.Name{Space: iamNamespace, Local: "GetRoleResponse"},
		role{
			Path: "/", RoleName: name, RoleID: roleID(name), ARN: "arn:aws:iam::" + f.Place.Account + ":role/" + name,
			CreateDate: time.Unix(0, 0).UTC().Format(time.RFC3339), MaxSessionDuration: 3600,
			AssumeRolePolicyDocument: url.QueryEscape(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`),
		}, metadata{id},
	})
}

type role struct {
	Path                     string
	RoleName                 string
	RoleID                   string `xml:"RoleId"`
	ARN                      string `xml:"Arn"`
	CreateDate               string
	AssumeRolePolicyDocument string
	MaxSessionDuration       int
}

// roleID looks like AWS's and is the same for a name every time.
func roleID(name string) string {
	id := uuid.NewSHA1(uuid.NameSpaceURL, []byte(name))
	return "AROA" + strings.ToUpper(strings.ReplaceAll(id.String(), "-", ""))[:17]
}

func writeXML(w http.ResponseWriter, id string, v any) {
	b, err := xml.Marshal(v)
	if err != nil {
		panic("awsfront: an answer that cannot be encoded: " + err.Error())
	}
	h := w.Header()
	h.Set("X-Amzn-Requestid", id)
	h.Set("Content-Type", "text/xml")
	h.Set("Content-Length", strconv.Itoa(len(b)))
	w.Write(b) // a client that left cannot be told anything
}
